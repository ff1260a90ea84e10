"""The worker: the program inside the sandbox that forks the processes of each call.

Its source and those of `child`, `vdso`, `exchange`, `own_process` and `monitor` are handed to a bare interpreter
(`python -c`), so they import only the standard library and can read nothing of hammerstone. The host imports them for
the shapes of the frames alone.

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
import os
import pkgutil
import resource
import select
import sys
import types
import zlib
import zoneinfo

from hammerstone.sandbox.child import NOTHING, write_all
from hammerstone.sandbox.exchange import NOT_STOPPED, REPLY, read_request
from hammerstone.sandbox.monitor import MAX_DESCRIPTORS, Call, FilterProgram
from hammerstone.sandbox.own_process import die_with, lower, must, read_nothing_on
from hammerstone.sandbox.vdso import close_clocks

__all__ = ["PRELOADED", "main"]

# All that a tool can import, loaded once: a child can read nothing from disk. `_strptime`, `expatreader` and
# their like are what these import only when they are first used.
PRELOADED = (
    "abc array base64 binascii bisect calendar cmath collections collections.abc configparser contextlib copy csv "
    "dataclasses datetime _strptime decimal difflib enum fractions functools hashlib heapq html html.parser io "
    "ipaddress itertools json math numbers operator random re statistics string struct textwrap types typing "
    "unicodedata urllib.parse uuid warnings xml.etree.ElementTree xml.dom.minidom xml.dom.expatbuilder "
    "xml.sax.saxutils xml.sax.expatreader zoneinfo"
).split()

# linux/prctl.h, linux/capability.h
PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38
CAPABILITY_VERSION_3 = 0x20080522


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
