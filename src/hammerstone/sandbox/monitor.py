"""The monitor: the process that forks the child of one call, watches it, reaps it and reports.

Part of the worker's program (see `worker`), so it imports only the standard library.
"""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import random
import resource
import select
import signal
import time
import typing

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
from hammerstone.sandbox.exchange import (
    COMPILE,
    NOT_STOPPED,
    OUT_OF_OUTPUT,
    OUT_OF_TIME,
    REPLY,
    Request,
    private_memory,
)
from hammerstone.sandbox.own_process import address_space, die_with, lower, must, read_nothing_on

__all__ = ["Call", "FilterProgram"]

# What a child may say. That it could not be confined is not among it: only the monitor knows that.
SAYINGS = frozenset({VALUE, ERROR, TOO_MUCH_MEMORY, TOO_MUCH_OUTPUT})

TICK_MS = 10  # how often CPU time is looked at during a call
FIRST_UNUSED_FD = 4
MAX_DESCRIPTORS = 64

# linux/prctl.h
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2


class FilterProgram(ctypes.Structure):
    """`struct sock_fprog`: a BPF program as the kernel takes it."""

    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


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
