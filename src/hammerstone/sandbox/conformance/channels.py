"""Channels from one call to the next: a sender and a receiver over everything that the two might share.

Each program looks, sends, and looks again, in calls of their own. Where the second look sees anything other than the
first, something of the sender has reached the receiver. A look at something that changes by itself (a clock of another
process, the load of the machine) says "escaped" if it can be had at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hammerstone.sandbox.conformance.attack import NO_ARGUMENTS, Attack, Outside
from hammerstone.sandbox.contract import Outcome, Status

if TYPE_CHECKING:
    from hammerstone.types import JSON

__all__ = ["ATTACKS"]

IN_TURN = ("look", "send", "look")


def _library(outside: Outside) -> dict[str, JSON]:
    """A file that the worker itself is loaded from, a folder that every user may write, and a name nobody else uses."""
    return {"library": str(json.__file__), "folder": str(outside.folder), "name": outside.abstract_name}


def _halves(outside: Outside) -> dict[str, JSON]:
    """A word as two halves: whoever has them apart does not hold the word."""
    word = outside.abstract_name * 2
    return {"first": word[: len(word) // 2], "second": word[len(word) // 2 :]}


def _agree(outcomes: Sequence[Outcome]) -> str:
    before, after = outcomes[0], outcomes[-1]
    if (before.value, before.printed, before.error) == (after.value, after.printed, after.error):
        return ""
    return f"before {before.value!r} {before.printed!r}, after {after.value!r} {after.printed!r}"[:200]


def _channel(
    name: str, description: str, program: str, arguments: Callable[[Outside], dict[str, JSON]] = NO_ARGUMENTS
) -> Attack:
    return Attack(name=name, description=description, program=program, arguments=arguments, steps=IN_TURN, check=_agree)


def _state(name: str, description: str, program: str) -> Attack:
    """An attack on state of the process alone, which can always be looked at, and must always look the same."""
    return Attack(
        name=name,
        description=description,
        program=program,
        steps=IN_TURN,
        check=_agree,
        ends=frozenset({Status.OK}),
        cpython=True,
    )


DESCRIPTORS = (
    _channel(
        "send_by_descriptor_0",
        "reopen descriptor 0 for writing and leave a text in its pipe",
        """
import os
def look():
    return os.read(0, 100).decode()
def send():
    for name in ("/proc/self/fd/0", "/dev/fd/0", "/dev/stdin", "/proc/thread-self/fd/0"):
        try:
            with open(name, "w") as pipe:
                pipe.write("sent")
        except OSError:
            pass
""",
    ),
    _channel(
        "send_by_every_descriptor",
        "write to, seek in and change the flags of whatever is open",
        """
import fcntl, os
def each(deed):
    for descriptor in range(256):
        try:
            yield descriptor, deed(descriptor)
        except OSError:
            pass
def look():
    return [list(each(lambda at: fcntl.fcntl(at, fcntl.F_GETFL))), list(each(lambda at: os.lseek(at, 0, 1)))]
def send():
    for _ in each(lambda at: at != 3 and os.write(at, b"sent")):
        pass
    for _ in each(lambda at: os.lseek(at, 7, 0)):
        pass
    for _ in each(lambda at: fcntl.fcntl(at, fcntl.F_SETFL, os.O_NONBLOCK | os.O_APPEND)):
        pass
""",
    ),
    _channel(
        "send_by_what_is_printed",
        "print and end before it is read, without a result",
        """
import os
def look():
    print("looked")
def send():
    for descriptor in (1, 2, 3):
        os.write(descriptor, b"sent\\n" * 1000)
    os._exit(0)
""",
    ),
)

FILES = (
    _channel(
        "send_by_names_of_files",
        "leave a file wherever one can be made, and list the folders",
        """
import os
def folders(folder):
    return (".", "/", "/tmp", "/var/tmp", "/dev/shm", "/run", "/dev/mqueue", folder)
def look(library, folder, name):
    found = []
    for one in folders(folder):
        try:
            found += [(one, entry) for entry in sorted(os.listdir(one))]
        except OSError:
            pass
        try:
            os.close(os.open(one + "/" + name, os.O_RDONLY))
            found.append(one)
        except OSError:
            pass
    return found
def send(library, folder, name):
    for one in folders(folder):
        try:
            os.close(os.open(one + "/" + name, os.O_CREAT | os.O_WRONLY))
        except OSError:
            pass
""",
        _library,
    ),
    _channel(
        "send_by_times_of_files",
        "read a file of the library, touch it, and look at its times",
        """
import os
def look(library, folder, name):
    of = os.stat(library)
    return [of.st_atime_ns, of.st_mtime_ns, of.st_ctime_ns]
def send(library, folder, name):
    for deed in (lambda: open(library).read(), lambda: os.utime(library), lambda: os.utime(library, (1, 1))):
        try:
            deed()
        except OSError:
            pass
""",
        _library,
    ),
    _channel(
        "send_by_sizes_and_counters_of_file_systems",
        "use blocks and inodes, and count what is free and which inode comes next",
        """
import os
def look(library, folder, name):
    found = []
    for one in (".", "/", "/tmp", folder, library):
        try:
            of = os.statvfs(one)
            found += [of.f_bfree, of.f_ffree]
        except OSError:
            pass
        try:
            probe = os.open(one + "/look-" + name, os.O_CREAT | os.O_WRONLY)
            found.append(os.fstat(probe).st_ino)
        except OSError:
            pass
    return found
def send(library, folder, name):
    for one in (".", "/", "/tmp", folder):
        for number in range(20):
            try:
                held = os.open(f"{one}/{name}-{number}", os.O_CREAT | os.O_WRONLY)
                os.write(held, bytes(100_000))
            except OSError:
                pass
""",
        _library,
    ),
    _channel(
        "send_by_locks_and_leases",
        "lock a file of the library, shared or alone",
        """
import fcntl, os
def look(library, folder, name):
    with open(library) as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return "unlocked"
def send(library, folder, name):
    with open(library) as file:
        fcntl.flock(os.dup(file.fileno()), fcntl.LOCK_SH)
""",
        _library,
    ),
    _channel(
        "send_by_proc",
        "name, score and mappings of itself, the worker and the machine under /proc",
        """
import os
def look():
    parent = os.getppid()
    for name in ("loadavg", "stat", "meminfo", "uptime", "self/comm", "self/oom_score_adj", "self/maps", "locks",
                 f"{parent}/comm", f"{parent}/stat", f"{parent}/io", f"{parent}/status", "sys/fs/inode-nr",
                 "sys/fs/file-nr", "sys/kernel/random/entropy_avail", "sysvipc/shm", "net/unix", "vmstat"):
        try:
            open("/proc/" + name).close()
            return "escaped: " + name
        except OSError:
            pass
def send():
    for name in ("comm", "oom_score_adj"):
        with open("/proc/self/" + name, "w") as file:
            file.write("5")
""",
    ),
)

MEMORY = (
    Attack(
        name="send_by_memory_of_the_worker",
        description="whatever one call was given, printed, returned or raised, searched for in the memory of the next",
        arguments=_halves,
        steps=("send", "send_by_error", "search"),
        cpython=True,
        ends=frozenset({Status.OK}),
        program="""
import builtins, ctypes, gc, os, sys
def send(first, second):
    word = first + second
    try:
        open(word, "w").close()
    except OSError:
        pass
    print(word * 50)
    return [word] * 50
def send_by_error(first, second):
    os.write(3, (first + second).encode() * 20)
    raise ValueError((first + second) * 5)
def search(first, second):
    first, second = first.encode(), second.encode()
    things = [*gc.get_objects(), *vars(builtins).values(), *sys.modules, *sys.modules.values()]
    arenas = {id(thing) >> 20 for thing in things}
    for arena in sorted({*arenas, *(one + 1 for one in arenas), *(one - 1 for one in arenas)} & arenas):
        memory = ctypes.string_at(arena << 20, 1 << 20) if mapped(arena << 20) else b""
        at = memory.find(first)
        while at >= 0:
            if memory[at + len(first) : at + len(first) + len(second)] == second:
                return "escaped"
            at = memory.find(first, at + 1)
    return "nothing"
def mapped(address):
    libc = ctypes.CDLL(None, use_errno=True)
    pages = [ctypes.c_void_p(address + page) for page in range(0, 1 << 20, 4096)]
    return all(libc.madvise(page, 4096, 0) == 0 for page in pages)
""",
    ),
    _state(
        "send_by_places_of_objects",
        "allocate and free, and see where the next object comes to lie",
        """
def look():
    return [id(object()), id([1]), id("x" * 1000), id({"a": 1})]
def send():
    held = [[number] for number in range(100_000)]
    del held[::2]
    return len(held)
""",
    ),
    _state(
        "send_by_state_of_the_library",
        "change contexts, caches, counters and settings of the standard library",
        """
import csv, decimal, functools, gc, json, locale, re, string, sys, uuid, warnings
def look():
    return [
        decimal.getcontext().prec, str(decimal.getcontext().rounding), len(re._cache), len(sys.path),
        csv.field_size_limit(), len(warnings.filters), list(gc.get_threshold()), gc.get_count()[2],
        sys.getrecursionlimit(), sys.get_int_max_str_digits(), sys.getswitchinterval(), sorted(sys.modules) == ALL,
        hasattr(re, "served"), hasattr(json, "asked"), locale.setlocale(locale.LC_ALL), sys.flags.optimize,
        uuid._node, string.Formatter.vformat.__name__, functools.WRAPPER_ASSIGNMENTS[0],
    ]
ALL = sorted({*sys.modules})
def send():
    decimal.getcontext().prec = 5
    decimal.getcontext().rounding = decimal.ROUND_UP
    re.compile("sent")
    csv.field_size_limit(5)
    warnings.simplefilter("error")
    gc.set_threshold(5, 5, 5)
    sys.setrecursionlimit(555)
    sys.set_int_max_str_digits(5000)
    sys.setswitchinterval(0.5)
    sys.path.append("sent")
    sys.modules["sent"] = sys
    re.served, json.asked = True, "sent"
    uuid._node = 5
    functools.WRAPPER_ASSIGNMENTS = ("sent",)
    string.Formatter.vformat = lambda *_: "sent"
""",
    ),
    _state(
        "send_by_what_it_imports",
        "import a module that is not named, so that it is loaded for the next call as well",
        """
import sys
def look():
    return ["decimal" in sys.modules, "csv" in sys.modules, len(sys.modules)]
def send():
    __import__("deci" + "mal")
    return "csv" in sys.modules
""",
    ),
    _state(
        "send_by_state_of_the_worker_program",
        "replace the functions of the program that the worker itself runs",
        """
import sys
def look():
    child = sys.modules["hammerstone.sandbox.inside.child"]
    return [getattr(child, "sent", "nothing"), child.answer.__name__, child.to_json.__name__]
def send():
    child = sys.modules["hammerstone.sandbox.inside.child"]
    child.sent = "sent"
    child.answer = child.to_json = lambda *_: b'"sent"'
    return "sent"
""",
    ),
)

KERNEL = (
    _channel(
        "send_by_clocks_of_other_processes",
        "measure how much the parent, the worker and every other process have computed",
        """
import os, time
def look():
    for pid in [os.getppid(), *range(1, 300), *range(max(1, os.getpid() - 300), os.getpid())]:
        for kind in (0, 1, 2):
            try:
                time.clock_gettime(~pid << 3 | kind)
                return "escaped: process %d" % pid
            except OSError:
                pass
def send():
    return sum(range(1_000_000))
""",
    ),
    _channel(
        "send_by_usage_of_children",
        "CPU time, pages and switches of processes that have ended",
        """
import os, resource
def look():
    return [list(resource.getrusage(resource.RUSAGE_CHILDREN)), list(os.times()[2:4])]
def send():
    return len(bytearray(50_000_000)) + sum(range(1_000_000))
""",
    ),
    _channel(
        "send_by_settings_of_the_process",
        "name, umask, priority, limits, signals, timers and working folder of the process",
        """
import os, resource, signal
def tried(deed):
    try:
        return deed()
    except (OSError, ValueError):
        return None
def look():
    return [
        tried(lambda: os.umask(0o77)), tried(lambda: os.getpriority(os.PRIO_PROCESS, 0)), tried(os.getcwd),
        tried(lambda: os.getpriority(os.PRIO_USER, 0)), tried(lambda: list(os.sched_getaffinity(0))),
        [tried(lambda: str(signal.getsignal(number))) for number in range(1, 65)],
        tried(lambda: list(signal.getitimer(signal.ITIMER_REAL))), tried(lambda: sorted(signal.sigpending())),
        [tried(lambda: list(resource.getrlimit(kind))) for kind in range(16)],
    ]
def send():
    for deed in (
        lambda: os.umask(0), lambda: os.setpriority(os.PRIO_USER, 0, 5), lambda: os.nice(5),
        lambda: os.sched_setaffinity(0, {0}), lambda: signal.signal(signal.SIGUSR1, signal.SIG_IGN),
        lambda: signal.setitimer(signal.ITIMER_REAL, 1000), lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, 0)),
        lambda: os.chdir("/tmp"), lambda: os.kill(os.getppid(), 0),
    ):
        tried(deed)
""",
    ),
    _channel(
        "send_by_shared_memory_and_semaphores",
        "System V and POSIX objects, keys and named sockets that outlive a call",
        """
import ctypes, os, socket
libc = ctypes.CDLL(None)
KEY = 0x68616D6D
def bound():
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
            one.bind("\\0hammerstone-channel")
            return 1
    except OSError:
        return 0
def look():
    found = [libc.shmget(KEY, 0, 0), libc.msgget(KEY, 0), libc.semget(KEY, 0, 0), bound()]
    return [number >= 0 for number in found[:3]] + [found[3]]
def send():
    libc.shmget(KEY, 4096, 0o1600)
    libc.msgget(KEY, 0o1600)
    libc.semget(KEY, 1, 0o1600)
    libc.mq_open(b"/hammerstone-channel", os.O_CREAT | os.O_RDWR, 0o600, None)
    bound()
""",
    ),
)

ATTACKS = (*DESCRIPTORS, *FILES, *MEMORY, *KERNEL)
