"""Channels between concurrent calls in two workers: things that both, or all processes of the machine, could share.

The first of a pair listens while the second speaks. Other programs look for something that belongs to the whole
machine (which processes there are, which processor is free, how much memory), since whoever can see such a thing
hears what the others do.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hammerstone.sandbox.conformance.attack import Attack, Outside
from hammerstone.sandbox.contract import Outcome, Status

if TYPE_CHECKING:
    from hammerstone.types import JSON

__all__ = ["ATTACKS"]

# name: (x86_64, aarch64)
NUMBERS = {
    "futex": (202, 98),
    "kill": (62, 129),
    "tgkill": (234, 131),
    "getpgid": (121, 155),
    "getsid": (124, 156),
    "getpriority": (140, 141),
    "ioprio_get": (252, 31),
    "sched_getscheduler": (145, 120),
    "sched_getparam": (143, 121),
    "sched_getaffinity": (204, 123),
    "prlimit64": (302, 261),
    "get_robust_list": (274, 100),
    "clock_getres": (229, 114),
    "pidfd_open": (434, 434),
    "mmap": (9, 222),
    "mincore": (27, 232),
    "sysinfo": (99, 179),
    "madvise": (28, 233),
    "getcpu": (309, 168),
    "membarrier": (324, 283),
    "futex_waitv": (449, 449),
}

PRELUDE = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
def call(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    return result if result >= 0 else -ctypes.get_errno()
def word_of_a_library():
    return ctypes.cast(libc.getpid, ctypes.c_void_p).value & ~3
"""


def _numbers(outside: Outside) -> dict[str, JSON]:
    column = 1 if outside.machine == "aarch64" else 0
    numbers: dict[str, JSON] = {name: row[column] for name, row in NUMBERS.items()}
    return {"numbers": numbers, "host": os.getpid()}


def _attack(name: str, description: str, program: str, *steps: str) -> Attack:
    return Attack(
        name=name,
        description=description,
        program=PRELUDE + program,
        arguments=_numbers,
        steps=steps or ("attack",),
        concurrent=len(steps) > 1,
    )


def _one_sequence(outcomes: Sequence[Outcome]) -> str:
    first, second, other = (outcome.value for outcome in outcomes)
    if first != second:
        return f"two workers drew different numbers: {first!r}, {second!r}"
    return "two seeds gave the same numbers" if first == other else ""


ATTACKS = (
    _attack(
        "talk_by_futex",
        "wait for and wake whoever waits on a word of a library, which has the same identity in all processes",
        """
WAYS = [(0, 1), (9, 10)]  # WAIT and WAKE, without the flag that keeps them private; the same for bit sets
def listen(numbers, host):
    word = word_of_a_library()
    value = ctypes.c_int.from_address(word).value
    for wait, _ in WAYS:
        limit = (ctypes.c_long * 2)(0, 200_000_000) if wait == 0 else None
        if call(numbers["futex"], word, wait, value, limit, 0, 0xFFFFFFFF) == 0:
            return "escaped: woken"
def speak(numbers, host):
    word = word_of_a_library()
    for _ in range(100_000):
        for _, wake in WAYS:
            if call(numbers["futex"], word, wake, 1, 0, 0, 0xFFFFFFFF) > 0:
                return "escaped: woke another"
""",
        "listen",
        "speak",
    ),
    _attack(
        "talk_by_futex_of_every_kind",
        "make any futex operation that is not private to the process",
        """
def attack(numbers, host):
    word = word_of_a_library()
    limit = (ctypes.c_long * 2)(0, 1)
    waiters = ctypes.create_string_buffer(24)
    for operation in range(14):
        done = call(numbers["futex"], word, operation, 1, limit, word, 1)
        if done not in (-errno.EPERM, -errno.ENOSYS):
            return "escaped: operation %d gave %d" % (operation, done)
    if call(numbers["futex_waitv"], waiters, 1, 0, limit, 1) not in (-errno.EPERM, -errno.ENOSYS):
        return "escaped: futex_waitv"
""",
    ),
    _attack(
        "learn_which_processes_there_are",
        "name the number of a process in any call that takes one, and compare with a number that nobody has",
        """
NOBODY = 4_194_303
def attack(numbers, host):
    for name in sorted(numbers):
        asked = {pid: ask(name, numbers[name], pid) for pid in (NOBODY, 1, 2, 3, host)}
        if len(set(asked.values())) > 1:
            return "escaped: %s: %s" % (name, asked)
def ask(name, number, pid):
    buffer = ctypes.create_string_buffer(256)
    past = (ctypes.c_long * 2)(1, 0)
    match name:
        case "futex":  # LOCK_PI and TRYLOCK_PI name the owner of the lock
            return tuple(call(number, (ctypes.c_uint * 2)(pid), kind, 0, past, 0, 0) for kind in (6, 8, 134, 136))
        case "tgkill":
            return call(number, pid, pid, 0)
        case "getpriority" | "ioprio_get":
            return call(number, 0 if name == "getpriority" else 1, pid) >= 0
        case "prlimit64":
            return call(number, pid, 7, 0, buffer)
        case "sched_getaffinity":
            return call(number, pid, 256, buffer) >= 0
        case "get_robust_list":
            return call(number, pid, buffer, ctypes.byref(buffer, 8))
        case "clock_getres":
            return call(number, ~pid << 3 | 2, buffer)
        case "kill" | "getpgid" | "getsid" | "sched_getscheduler" | "sched_getparam" | "pidfd_open":
            return min(call(number, pid, buffer if name == "sched_getparam" else 0), 0)
""",
    ),
    _attack(
        "count_the_processes_in_between",
        "compare the numbers of its own process and thread with those of the next call",
        """
import _thread, os
def attack(numbers, host):
    found = {os.getpid(), os.getppid(), _thread.get_native_id(), libc.getpid(), libc.getppid()}
    return "escaped: %s" % found if len(found) > 1 else "one number for all"
""",
    ),
    _attack(
        "learn_which_processor_it_runs_on",
        "ask the kernel, the C library and the memory that the kernel writes it to (rseq)",
        """
def attack(numbers, host):
    processor = (ctypes.c_uint * 1)()
    if call(numbers["getcpu"], processor, 0, 0) == 0 or libc.sched_getcpu() >= 0:
        return "escaped: asked"
    try:
        if ctypes.c_uint.in_dll(libc, "__rseq_size").value > 0:
            return "escaped: rseq"
    except ValueError:
        pass
""",
    ),
    _attack(
        "learn_how_much_memory_is_free",
        "ask for what the machine has left, and which pages of a library others have brought into memory",
        """
def attack(numbers, host):
    page = word_of_a_library() & ~4095
    told = {
        "sysinfo": call(numbers["sysinfo"], ctypes.create_string_buffer(256)),
        "mincore": call(numbers["mincore"], page, 4096, ctypes.create_string_buffer(16)),
    }
    for name, of in told.items():
        if of >= 0:
            return "escaped: " + name
""",
    ),
    _attack(
        "push_pages_of_a_library_about",
        "give the kernel hints about pages that all processes share: read them ahead, drop them, move them out",
        """
def attack(numbers, host):
    page = word_of_a_library() & ~4095
    for hint in (1, 2, 3, 9, 12, 16, 18, 20, 21, 22, 25):
        if call(numbers["madvise"], page, 4096, hint) == 0:
            return "escaped: hint %d" % hint
""",
    ),
    _attack(
        "take_shared_memory",
        "map memory that is shared, of huge pages, or that goes when the machine is short of it",
        """
ANONYMOUS = 0x20
def attack(numbers, host):
    for name, kind in {"shared": 1, "shared and checked": 3, "droppable": 8, "huge pages": 0x40002}.items():
        if call(numbers["mmap"], 0, 2 << 20, 3, ANONYMOUS | kind, -1, 0) >= 0:
            return "escaped: " + name
        if kind == 0x40002 and ctypes.get_errno() == errno.ENOMEM:
            return "escaped: how many huge pages are free"
""",
    ),
    _attack(
        "bring_machine_code",
        "map memory to execute, or make it so",
        """
def attack(numbers, host):
    if call(numbers["mmap"], 0, 4096, 7, 0x22, -1, 0) >= 0:
        return "escaped: mapped"
    page = call(numbers["mmap"], 0, 4096, 3, 0x22, -1, 0)
    if libc.mprotect(ctypes.c_void_p(page), 4096, 5) == 0:
        return "escaped: made executable"
""",
    ),
    _attack(
        "make_every_processor_wait",
        "have the kernel interrupt all other processors (membarrier)",
        """
def attack(numbers, host):
    if call(numbers["membarrier"], 1, 0, 0) >= 0:
        return "escaped"
""",
    ),
    Attack(
        name="draw_by_chance",
        description="random numbers of the library are the same in every call, and others with the other seed",
        steps=("draw", "draw", "draw@1"),
        concurrent=True,
        ends=frozenset({Status.OK}),
        check=_one_sequence,
        program="""
import random
def draw():
    return [random.random(), random.random()]
""",
    ),
    Attack(
        name="draw_from_the_kernel",
        description="random numbers that nobody can repeat: of the kernel, of the C library, of a new generator",
        program="""
import ctypes, os, random, uuid
DRAWS = (
    lambda: os.urandom(8), lambda: os.getrandom(8), lambda: random.SystemRandom().random(), lambda: uuid.uuid4().hex,
    lambda: 1 / (ctypes.CDLL(None).getrandom(ctypes.create_string_buffer(8), 8, 0) + 1),
)
def attack():
    for number, draw in enumerate(DRAWS):
        try:
            draw()
            return "escaped: %d" % number
        except (OSError, ZeroDivisionError, AttributeError):
            pass
""",
    ),
)
