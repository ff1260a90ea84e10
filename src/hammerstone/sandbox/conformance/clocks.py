"""Time: a call has no clock, so that it cannot answer otherwise tomorrow, nor hear when another call ended.

`hear_when_another_call_ended` is the channel from `parse` to `unparse`, which the round trip of a question must not
have: what one call says by the moment of its end, and how many bits the next one hears.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hammerstone.sandbox.conformance.attack import Attack, Outside
from hammerstone.sandbox.contract import Outcome, Status

if TYPE_CHECKING:
    from hammerstone.types import JSON

__all__ = ["ATTACKS"]


def _machine(outside: Outside) -> dict[str, JSON]:
    return {"machine": outside.machine}


# Every clock there is, in one list: each is read twice with some work in between, and has passed if it moved. The
# numbers of system calls are those of x86_64; elsewhere the C library's functions alone ask the kernel.
CLOCKS = """
import ctypes, datetime, resource, time
libc = ctypes.CDLL(None, use_errno=True)
def filled(call, kind, count, *before):
    buffer = (kind * count)(*[0] * count)
    if call(*before, buffer) == -1:
        raise OSError("refused")
    return list(buffer)
def system_call(number, *arguments):
    return filled(lambda *all: libc.syscall(ctypes.c_long(number), *all), ctypes.c_long, 24, *arguments)
READERS = {
    "time": time.time, "monotonic": time.monotonic, "perf_counter": time.perf_counter,
    "datetime": datetime.datetime.now, "today": datetime.date.today, "thread_time": time.thread_time,
    "localtime": time.localtime, "strftime": lambda: time.strftime("%c"),
    "gettimeofday": lambda: filled(libc.gettimeofday, ctypes.c_long, 2),
    "C time": lambda: libc.time(None), "C clock": libc.clock,
    "timespec_get": lambda: filled(lambda buffer: libc.timespec_get(buffer, 1), ctypes.c_long, 2),
    "getrusage": lambda: list(resource.getrusage(resource.RUSAGE_SELF)),
    **{f"clock {n}": lambda n=n: filled(libc.clock_gettime, ctypes.c_long, 2, n) for n in range(12)},
    **{f"system call {n}": lambda n=n: system_call(n) for n in (96, 100, 201)},
    "usage by system call": lambda: system_call(98, 0),
    **{f"system call for clock {n}": lambda n=n: system_call(228, n) for n in (0, 1, 2, 3, 5, 6, 7)},
}
def passed():
    before = {name: read(reader) for name, reader in READERS.items()}
    sum(range(300_000))
    return {name: now for name, reader in READERS.items() if (now := read(reader)) != before[name]}
def read(reader):
    try:
        return reader()
    except (OSError, ValueError, AttributeError, TypeError):
        return None
"""


def _bits(outcomes: Sequence[Outcome]) -> str:
    """The bits that the listener has heard: none if it says the same each time, whenever the speaker ended."""
    heard = {repr(outcome.value) for outcome in outcomes[1::2]}
    return f"{math.log2(len(heard)):.1f} bits for each call" if len(heard) > 1 else ""


ATTACKS = (
    Attack(
        name="see_time_pass",
        description="read every clock of Python, of the C library and of the kernel twice",
        program=f"""{CLOCKS}
def attack():
    moved = passed()
    return "escaped: " + ", ".join(moved) if moved else "no clock moves"
""",
    ),
    Attack(
        name="see_time_pass_in_python",
        description="read the clocks of the standard library alone, as any program would",
        program="""
import datetime, time
def attack():
    for name, reader in [("time", time.time), ("monotonic", time.monotonic), ("now", datetime.datetime.now)]:
        try:
            before = reader()
            sum(range(300_000))
            if reader() != before:
                return "escaped: " + name
        except OSError:
            pass
""",
    ),
    Attack(
        name="read_the_kernels_page_of_times",
        description="read the pages of times that the kernel maps below its own code (vdso)",
        ends=frozenset({Status.KILLED, Status.ERROR, Status.OK}),
        program="""
import ctypes
libc = ctypes.CDLL(None)
libc.getauxval.restype, libc.getauxval.argtypes = ctypes.c_void_p, [ctypes.c_ulong]
def attack():
    base = libc.getauxval(33)
    pages = range(base - 8 * 4096, base, 4096) if base else ()
    if any(libc.madvise(ctypes.c_void_p(page), ctypes.c_size_t(4096), 0) == 0 and times(page) for page in pages):
        return "escaped"
    return "nothing there"
def times(page):
    before = ctypes.string_at(page, 4096)
    sum(range(2_000_000))
    return before != ctypes.string_at(page, 4096)
""",
    ),
    Attack(
        name="read_the_processors_counter",
        description="count cycles by an instruction (rdtsc, cntvct_el0), in code of its own or found in a library",
        arguments=_machine,
        ends=frozenset({Status.KILLED, Status.ERROR, Status.OK}),
        program="""
import ctypes, mmap
CODE = {"x86_64": "0f3148c1e2204809d0c3", "aarch64": "40e03bd5c0035fd6"}
def attack(machine):
    code = bytes.fromhex(CODE[machine])
    try:
        page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        page.write(code)
        address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    except OSError:
        address = found(b"\\x0f\\x31") if machine == "x86_64" else 0
    if address:
        ctypes.CFUNCTYPE(ctypes.c_ulong)(address)()
        return "escaped"
def found(instruction):
    libc = ctypes.CDLL(None)
    start = ctypes.cast(libc.getpid, ctypes.c_void_p).value & ~4095
    at = ctypes.string_at(start, 1 << 18).find(instruction)
    return start + at if at >= 0 else 0
""",
    ),
    Attack(
        name="wait_for_a_time",
        description="sleep, or wait with a time limit, until a moment that says something",
        program="""
import _thread, ctypes, select, time
libc = ctypes.CDLL(None, use_errno=True)
def attack():
    moment = (ctypes.c_long * 2)(0, 1_000_000)
    lock = _thread.allocate_lock()
    lock.acquire()
    waits = {
        "time.sleep": lambda: time.sleep(0.001) is None,
        "nanosleep": lambda: libc.nanosleep(moment, None) == 0,
        "clock_nanosleep": lambda: libc.clock_nanosleep(1, 0, moment, None) == 0,
        "usleep": lambda: libc.usleep(1000) == 0,
        "poll": lambda: libc.poll(None, 0, 1) == 0,
        "select": lambda: select.select([], [], [], 0.001) is not None,
        "a lock": lambda: lock.acquire(timeout=0.001) is False,
        "futex": lambda: libc.syscall(202, (ctypes.c_int * 1)(), 128, 0, moment, None, 0) == -1
            and ctypes.get_errno() == 110,
        "alarm": lambda: libc.alarm(0) == 0 and libc.alarm(9) == 0 and libc.alarm(0) == 9,
    }
    for name, wait in waits.items():
        try:
            if wait():
                return "escaped: " + name
        except (OSError, OverflowError):
            pass
""",
    ),
    Attack(
        name="find_the_time_in_memory",
        description="search the frames that its own process was forked from for a moment in time",
        program="""
import sys
def attack():
    frame = sys._getframe()
    while frame is not None:
        for name, value in frame.f_locals.items():
            if isinstance(value, float) and value > 0 or name == "started":
                return "escaped: " + name
        frame = frame.f_back
""",
    ),
    Attack(
        name="hear_when_another_call_ended",
        description="end a call at a chosen moment, and have the next one tell by any clock which moment it was",
        steps=("speak_a", "hear", "speak_b", "hear", "speak_a", "hear", "speak_c", "hear"),
        check=_bits,
        cpython=True,
        program=f"""{CLOCKS}
SLOT, SLOTS = 0.05, 4
def now():
    for name in ("time", "monotonic", "gettimeofday", "clock 0", "clock 1", "clock 5"):
        value = read(READERS[name])
        if isinstance(value, list):
            value = value[0] + value[1] / (1e6 if name == "gettimeofday" else 1e9)
        if value:
            return value
    return None
def speak(slot):
    while (at := now()) is not None and int(at / SLOT) % SLOTS != slot:
        pass
    if at is None:
        sum(range(slot * 1_000_000))
def speak_a():
    speak(0)
def speak_b():
    speak(1)
def speak_c():
    speak(3)
def hear():
    at = now()
    return None if at is None else int(at / SLOT) % SLOTS
""",
    ),
)
