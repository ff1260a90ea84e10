"""The worker: the program inside the sandbox that forks the processes of each call.

Its source and those of `child` and `vdso` are handed to a bare interpreter (`python -c`), so they import only the
standard library and can read nothing of hammerstone. The host imports them for the shapes of the frames alone.

What holds it together:

- **The worker never handles a call.** It waits until there is a request and forks a *monitor*, which reads the request,
  forks the *child* that runs the generated code, watches it, replies and exits. So the memory that every child
  inherits is that of a worker that has never seen a request, a reply, a length or a time: no call leaves
  anything to the next.
- **The child is confined before it looks at the request**: its descriptors are its own, its limits lowered, its system
  calls filtered. It can open nothing: whatever generated code may import is loaded already. Then it writes one byte,
  `CONFINED`. A child that ends without it is a fault of ours; after it, whatever it does is the generated code's doing.
- **The child has no clock and no randomness.** Clocks that need no system call are taken away for good (`vdso`); the
  others, and random numbers, are filtered in the child. The memory that it inherits holds no time either.
- **The monitor believes only its own measurements.** How the child ended, its CPU time and its wall time come from
  `wait4` and the clocks. The child's frame says only which value or error there was, which is the child's to say.
"""

from __future__ import annotations

import base64
import ctypes
import encodings
import gc
import importlib
import io
import json
import math
import mmap
import os
import pkgutil
import random
import resource
import select
import signal
import struct
import sys
import time
import types
import typing
import zlib
import zoneinfo

from hammerstone.sandbox.child import (
    CONFINED,
    ERROR,
    FRAME,
    NOT_CONFINED,
    NOTHING,
    RESULT_FD,
    TOO_MUCH_MEMORY,
    TOO_MUCH_OUTPUT,
    VALUE,
    answer,
    send,
    write_all,
)
from hammerstone.sandbox.vdso import close_clocks

__all__ = ["PRELOADED", "main"]

# All that a made tool can import, loaded once: a child can read nothing from disk. `_strptime`, `expatreader` and
# their like are what these import only when they are first used.
PRELOADED = (
    "abc array base64 binascii bisect calendar cmath collections collections.abc configparser contextlib copy csv "
    "dataclasses datetime _strptime decimal difflib enum fractions functools hashlib heapq html html.parser io "
    "ipaddress itertools json math numbers operator random re statistics string struct textwrap types typing "
    "unicodedata urllib.parse uuid warnings xml.etree.ElementTree xml.dom.minidom xml.dom.expatbuilder "
    "xml.sax.saxutils xml.sax.expatreader zoneinfo"
).split()

# Host to worker: operation, CPU and wall seconds, memory and output bytes, then the length of the payload.
REQUEST = struct.Struct("!BddQQQ")
SETUP, COMPILE, CALL = 1, 2, 3

# Worker to host: why the worker stopped the child, what the child said, its wait status, CPU and wall seconds,
# then the lengths of the child's body and of what it printed, which follow.
REPLY = struct.Struct("!BBiddII")
NOT_STOPPED, OUT_OF_TIME, OUT_OF_OUTPUT = 0, 1, 2

# What a child may say. That it could not be confined is not among it: only the monitor knows that.
SAYINGS = frozenset({VALUE, ERROR, TOO_MUCH_MEMORY, TOO_MUCH_OUTPUT})

TICK_MS = 10  # how often CPU time is looked at during a call
FIRST_UNUSED_FD = 4
MAX_DESCRIPTORS = 64

# linux/prctl.h, linux/capability.h
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
SECCOMP_MODE_FILTER = 2
CAPABILITY_VERSION_3 = 0x20080522


class FilterProgram(ctypes.Structure):
    """`struct sock_fprog`: a BPF program as the kernel takes it."""

    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


class Request(typing.NamedTuple):
    operation: int
    cpu_seconds: float
    wall_seconds: float
    memory_bytes: int
    output_bytes: int
    length: int


def main() -> None:
    """Serve requests on descriptor 0 until the host closes it."""
    requests, replies = take_over_descriptors()
    setup = json.loads(bytes(read_request(requests)[1]))
    preload(setup["zones"])
    os.chdir("/")
    libc = ctypes.CDLL(None, use_errno=True)
    steps = bytes.fromhex(setup["filter"])
    if steps:
        close_clocks(libc)
    hash_seed = int(os.environ.get("PYTHONHASHSEED", "0"))
    confine_worker(libc)
    worker = Worker(requests, replies, libc, steps, hash_seed)
    write_all(replies, REPLY.pack(NOT_STOPPED, NOTHING, 0, 0.0, 0.0, 0, 0))
    del setup
    gc.collect()
    gc.freeze()
    while True:
        worker.serve()


def preload(zones: str) -> None:
    """Load what generated code may use, so that it works without a file: modules, every encoding, the time zones.

    `zones` is as in `interpreter.Interpreter`.
    """
    # `xml.sax.saxutils` imports it for something no call can do, and it would bring in all of networking.
    sys.modules["urllib.request"] = types.ModuleType("urllib.request")
    for name in PRELOADED:
        importlib.import_module(name)
    for module in pkgutil.iter_modules(encodings.__path__):
        try:
            importlib.import_module(f"encodings.{module.name}")
        except ImportError:
            continue  # of another operating system
    serve_zones(json.loads(zlib.decompress(base64.b64decode(zones))))


def serve_zones(zones: dict[str, str]) -> None:
    """Let `zoneinfo` find its data in memory."""
    shared: dict[str, bytes] = {}  # many names stand for one zone
    data = {name: shared.setdefault(text, bytes.fromhex(text)) for name, text in zones.items()}

    def load(key: str) -> io.BytesIO:
        if key not in data:
            raise zoneinfo.ZoneInfoNotFoundError(f"No time zone found with key {key}")
        return io.BytesIO(data[key])

    zoneinfo.reset_tzpath(to=())
    sys.modules["zoneinfo._common"].load_tzdata = load  # pyright: ignore[reportAttributeAccessIssue]
    zoneinfo.available_timezones = lambda: set(data)


def take_over_descriptors() -> tuple[int, int]:
    """Move the host's pipes out of the way of 0, 1 and 2."""
    requests, replies = os.dup(0), os.dup(1)
    read_nothing_on(0)
    os.dup2(2, 1)
    return requests, replies


def read_nothing_on(descriptor: int) -> None:
    """Put a pipe of its own there, which has ended."""
    read_end, write_end = os.pipe()
    os.close(write_end)
    os.dup2(read_end, descriptor)
    os.close(read_end)


def confine_worker(libc: ctypes.CDLL) -> None:
    """Give up what no call needs: the environment, privileges, being looked into by processes of the same user."""
    os.environ.clear()
    os.umask(0o077)
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK, resource.RLIMIT_MSGQUEUE):
        lower(kind, 0)
    lower(resource.RLIMIT_NOFILE, MAX_DESCRIPTORS)
    must(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    must(libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    must(libc.capset(header, (ctypes.c_uint32 * 6)()))


def must(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def lower(kind: int, value: int) -> None:
    """Set a resource limit, soft and hard, unless it is lower already."""
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def address_space() -> int:
    """Bytes of address space in use, to about 1 MiB, found without /proc: by which soft limit still lets a page in."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    low, high = 0, 1 << 40 if hard == resource.RLIM_INFINITY else hard
    while high - low > 1 << 20:
        middle = (low + high) // 2
        resource.setrlimit(resource.RLIMIT_AS, (middle, hard))
        try:
            mmap.mmap(-1, mmap.PAGESIZE).close()
            high = middle
        except OSError:
            low = middle
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    return high


def read_request(descriptor: int) -> tuple[Request, mmap.mmap]:
    """The next request. Ends the worker when the host is gone."""
    header = Request(*REQUEST.unpack(read_exactly(descriptor, bytearray(REQUEST.size))))
    payload = private_memory(header.length)
    with memoryview(payload) as view:
        read_exactly(descriptor, view)
    return header, payload


def read_exactly(descriptor: int, buffer: bytearray | memoryview) -> bytearray | memoryview:
    got = 0
    while got < len(buffer):
        count = os.readv(descriptor, [memoryview(buffer)[got:]])
        if count == 0:
            os._exit(0)
        got += count
    return buffer


def private_memory(length: int) -> mmap.mmap:
    """Memory of our own from the kernel, zeroed."""
    return mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


class Inbox:
    """At most `limit` bytes from one pipe of the child."""

    def __init__(self, descriptor: int, limit: int) -> None:
        self.descriptor = descriptor
        self.limit = limit
        self.length = 0
        self.ended = False
        self.buffer = private_memory(limit + 1)  # one byte more than allowed shows that there was more

    @property
    def full(self) -> bool:
        return self.length > self.limit

    def receive(self) -> None:
        """Read once; the caller knows that there is something, or the end."""
        with memoryview(self.buffer)[self.length :] as rest:
            count = os.readv(self.descriptor, [rest])
        self.ended = count == 0
        self.length += count

    def drain(self) -> None:
        """Read to the end: every writer is dead."""
        while not self.ended and not self.full:
            self.receive()


class ChildFrame:
    """What the child has said so far: whether it was confined, and its frame once that is complete."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox

    @property
    def confined(self) -> bool:
        return self.inbox.buffer[:1] == CONFINED

    @property
    def start(self) -> int:
        return len(CONFINED) + FRAME.size

    @property
    def header(self) -> tuple[int, int]:
        """What it says, and the length of its body."""
        if self.inbox.length < self.start:
            return NOTHING, 0
        kind, length = FRAME.unpack(self.inbox.buffer[len(CONFINED) : self.start])
        return kind, length

    @property
    def complete(self) -> bool:
        kind, length = self.header
        return kind != NOTHING and self.inbox.length >= self.start + length


class Worker:
    """Forks a monitor for each request, and knows nothing of it."""

    def __init__(self, requests: int, replies: int, libc: ctypes.CDLL, steps: bytes, hash_seed: int) -> None:
        self.requests = requests
        self.libc = libc
        self.call = Call(replies, libc, FilterProgram(len(steps) // 8, steps) if steps else None, hash_seed)
        self.ready = select.poll()
        self.ready.register(requests, select.POLLIN)

    def serve(self) -> None:
        """Wait for one request and for its end. Ends the worker with the host, or with a monitor that did not reply."""
        if self.ready.poll()[0][1] & select.POLLIN == 0:
            os._exit(0)
        worker = os.getpid()
        pid = os.fork()
        if pid == 0:
            die_with(self.libc, worker)
            self.call.monitor(*read_request(self.requests), self.requests)
        if os.waitpid(pid, 0)[1] != 0:
            os._exit(1)


def die_with(libc: ctypes.CDLL, parent: int) -> None:
    must(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)


class Call:
    """One call, from its monitor: fork, watch, reap, report."""

    def __init__(self, replies: int, libc: ctypes.CDLL, allowed: FilterProgram | None, hash_seed: int) -> None:
        self.replies = replies
        self.libc = libc
        self.filter = allowed
        self.hash_seed = hash_seed
        self.own_bytes = address_space()

    def monitor(self, request: Request, payload: mmap.mmap, requests: int) -> typing.NoReturn:
        result_read, result_write = os.pipe()
        printed_read, printed_write = os.pipe()
        monitor = os.getpid()
        pid = os.fork()
        if pid == 0:
            self.be_the_child(request, payload, result_write, printed_write, monitor)
        started = time.monotonic()  # after the fork: what is in memory before it, the child can read
        os.close(result_write)
        os.close(printed_write)
        result = Inbox(result_read, len(CONFINED) + FRAME.size + request.output_bytes)
        printed = Inbox(printed_read, request.output_bytes)
        watch = Watch(pid, request, result, printed, requests, started)
        self.report(watch.until_it_ends(), watch)
        os._exit(0)

    def report(self, stopped: int, watch: Watch) -> None:
        kind, length = watch.frame.header if watch.frame.complete else (NOTHING, 0)
        if kind not in SAYINGS:
            kind, length = NOTHING, 0
        if not watch.frame.confined and stopped == NOT_STOPPED:
            kind, length = NOT_CONFINED, 0
        header = REPLY.pack(
            stopped, kind, watch.wait_status, watch.cpu_seconds, watch.wall_seconds, length, watch.printed_length
        )
        write_all(self.replies, header)
        start = watch.frame.start
        with memoryview(watch.result.buffer)[start : start + length] as body:
            write_all(self.replies, body)
        with memoryview(watch.printed.buffer)[: watch.printed_length] as text:
            write_all(self.replies, text)

    def be_the_child(
        self, request: Request, payload: mmap.mmap, result: int, printed: int, monitor: int
    ) -> typing.NoReturn:
        """Confine this process for good, then run; never returns into the monitor's code."""
        try:
            read_nothing_on(0)
            os.dup2(printed, 1)
            os.dup2(printed, 2)
            os.dup2(result, RESULT_FD)
            os.closerange(FIRST_UNUSED_FD, MAX_DESCRIPTORS)
            self.confine_child(request, monitor)
            os.write(RESULT_FD, CONFINED)
            send(*answer(payload, request.output_bytes, compiling=request.operation == COMPILE))
        finally:
            os._exit(0)

    def confine_child(self, request: Request, monitor: int) -> None:
        if self.filter is None:
            return  # only a benchmark or a test starts such a worker, to have something to compare with
        random.seed(self.hash_seed)  # which a fork has seeded by chance
        lower(resource.RLIMIT_AS, request.memory_bytes + self.own_bytes)
        lower(resource.RLIMIT_CPU, math.ceil(request.cpu_seconds) + 1)
        lower(resource.RLIMIT_FSIZE, 0)
        lower(resource.RLIMIT_NPROC, 0)
        die_with(self.libc, monitor)
        must(self.libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(self.filter), 0, 0))


class Watch:
    """The worker's view of one child, from the fork to the reaping."""

    def __init__(
        self, pid: int, request: Request, result: Inbox, printed: Inbox, requests: int, started: float
    ) -> None:
        self.pid = pid
        self.request = request
        self.result = result
        self.printed = printed
        self.requests = requests
        self.frame = ChildFrame(result)
        self.started = started
        self.cpu_clock = (~pid << 3) | 2  # clock_getcpuclockid(3): the CPU time of a whole process
        self.wait_status = 0
        self.cpu_seconds = 0.0
        self.wall_seconds = 0.0

    @property
    def printed_length(self) -> int:
        return min(self.printed.length, self.printed.limit)

    def until_it_ends(self) -> int:
        """Follow the child until it has answered, died or broken a limit; kill it; say which limit, if one."""
        stopped = self.follow()
        os.kill(self.pid, signal.SIGKILL)
        _, self.wait_status, usage = os.wait4(self.pid, 0)
        self.wall_seconds = time.monotonic() - self.started
        self.cpu_seconds = usage.ru_utime + usage.ru_stime
        self.printed.drain()
        if stopped == NOT_STOPPED and (self.printed.full or self.frame.header[1] > self.request.output_bytes):
            return OUT_OF_OUTPUT
        if stopped == NOT_STOPPED and not self.frame.complete and self.cpu_seconds >= self.request.cpu_seconds:
            return OUT_OF_TIME  # the kernel's own limit was quicker than the tick
        return stopped

    def follow(self) -> int:
        poll = select.poll()
        poll.register(self.result.descriptor, select.POLLIN)
        poll.register(self.printed.descriptor, select.POLLIN)
        poll.register(self.requests, 0)  # only its end: the host is gone
        while not (self.result.ended or self.frame.complete or self.result.full or self.printed.full):
            ready = {descriptor for descriptor, _ in poll.poll(TICK_MS)}
            if self.requests in ready:
                os.kill(self.pid, signal.SIGKILL)
                os._exit(0)
            if self.result.descriptor in ready:
                self.result.receive()
            if self.printed.descriptor in ready:
                self.printed.receive()
                if self.printed.ended:
                    poll.unregister(self.printed.descriptor)
            stopped = self.broken_limit()
            if stopped and not self.frame.complete:
                return stopped
        return NOT_STOPPED

    def broken_limit(self) -> int:
        if time.monotonic() - self.started > self.request.wall_seconds:
            return OUT_OF_TIME
        if time.clock_gettime(self.cpu_clock) > self.request.cpu_seconds:
            return OUT_OF_TIME
        return NOT_STOPPED
