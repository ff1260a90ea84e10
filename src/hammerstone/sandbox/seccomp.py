"""The system calls that generated code may make: an allow list, compiled to a classic BPF program.

Every forked child installs the program on itself just before generated code runs, and nothing can take it off again
(seccomp(2)). The list holds what CPython needs to compute and to print, and what is not on it fails with EPERM, which
Python raises as `PermissionError`: to open or look at anything on a disk or in /proc, sockets of every kind, pipes,
io_uring, new processes and threads, signals to anyone, ptrace, namespaces, mounts, keys, resource limits. A list of
what is forbidden would have to be kept up with every kernel; this one need not.

Some calls are on the list with a condition:

- `futex`: waiting and waking on words of the process's own memory, without a time limit. A futex of the other kind on a
  page of a library is one and the same in all processes that have it mapped, and one that hands on priority tells
  which processes there are;
- `mmap`, `mremap`, `mprotect`: memory of its own to read and write, no shared memory, no huge pages (the machine has a
  number of them), none that the kernel takes back when memory is short, and no machine code;
- `madvise`: giving memory back;
- `rt_sigaction`: every signal but the one that says that its time is up, which would be a clock.

And some are answered without being made (`ZERO`): who the process is, which numbers would tell how many others have
been started. A clock, the use of the processor and random numbers are not on the list at all.

The numbers are the kernel's stable ABI (`asm/unistd_64.h`, `asm-generic/unistd.h`).
"""

from __future__ import annotations

import errno
import platform
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hammerstone.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["allow_list"]

# name: (x86_64, aarch64), None where the architecture has no such call
CALLS: dict[str, tuple[int | None, int | None]] = {
    # what is open already
    "read": (0, 63),
    "write": (1, 64),
    "lseek": (8, 62),
    "close": (3, 57),
    # memory
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    # itself
    "futex": (202, 98),
    "sched_yield": (24, 124),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "exit": (60, 93),
    "exit_group": (231, 94),
}

# Answered with 0, by the filter itself.
ZERO: dict[str, tuple[int | None, int | None]] = {
    "getpid": (39, 172),
    "getppid": (110, 173),
    "gettid": (186, 178),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
}


@dataclass(frozen=True, kw_only=True)
class OneOf:
    """The argument, a C int, is one of these."""

    argument: int
    values: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class OnlyBits:
    """The argument, a C int or flags of which the kernel knows 32, has no other bits set."""

    argument: int
    bits: int


@dataclass(frozen=True, kw_only=True)
class Null:
    """The argument is the null pointer."""

    argument: int


Condition = OneOf | OnlyBits | Null

# linux/futex.h, bits/mman-linux.h, asm-generic/signal.h
FUTEX_PRIVATE, FUTEX_REALTIME = 128, 256
WAIT, WAKE, WAIT_BITSET, WAKE_BITSET = (FUTEX_PRIVATE | operation for operation in (0, 1, 9, 10))
READ_WRITE = 0x1 | 0x2
SIGXCPU = 24
PRIVATE_ANONYMOUS = 0x2 | 0x20 | 0x10 | 0x4000 | 0x20000 | 0x100000  # also FIXED, NORESERVE, STACK, FIXED_NOREPLACE
CONDITIONS: dict[str, tuple[Condition, ...]] = {
    "futex": (
        OneOf(argument=1, values=(WAIT, WAKE, WAIT_BITSET, WAIT_BITSET | FUTEX_REALTIME, WAKE_BITSET)),
        Null(argument=3),  # the time limit
    ),
    "madvise": (OneOf(argument=2, values=(0, 4, 8)),),  # NORMAL, DONTNEED, FREE
    "rt_sigaction": (OneOf(argument=0, values=tuple(number for number in range(1, 65) if number != SIGXCPU)),),
    "mmap": (OnlyBits(argument=2, bits=READ_WRITE), OnlyBits(argument=3, bits=PRIVATE_ANONYMOUS)),
    "mprotect": (OnlyBits(argument=2, bits=READ_WRITE),),
    "mremap": (OnlyBits(argument=3, bits=0x1 | 0x2),),  # MAYMOVE, FIXED
}

# linux/bpf_common.h, linux/seccomp.h, linux/audit.h
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, FAIL = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16
FIRST_X32 = 0x40000000  # on x86_64, a second ABI hides behind this bit of the number
FIRST_UNKNOWN = 463  # calls newer than the list: ENOSYS, on which the C library falls back to older ones


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A processor architecture: its column of numbers in `CALLS`, and the kernel's name for it in audit records."""

    column: int
    audit: int


ARCHITECTURES = {
    "x86_64": Architecture(column=0, audit=0xC000003E),
    "aarch64": Architecture(column=1, audit=0xC00000B7),
}


def allow_list(machine: str | None = None) -> bytes:
    """The filter for this machine (or the one named), as an array of `struct sock_filter`.

    Raises `SandboxError` for an architecture whose numbers are not in the table.
    """
    machine = machine or platform.machine()
    architecture = ARCHITECTURES.get(machine)
    if architecture is None:
        known = ", ".join(sorted(ARCHITECTURES))
        raise SandboxError(
            f"no system call list for {machine}", hint=f"use --sandbox monty; CPython is confined on {known}"
        )
    return b"".join(_program(architecture))


def _program(architecture: Architecture) -> list[bytes]:
    program = [
        _step(LOAD, ARCHITECTURE_AT),
        _step(EQUAL, architecture.audit, yes=1),
        _step(RETURN, KILL),  # another ABI, with other numbers for the same calls
        _step(LOAD, NUMBER_AT),
        _step(AT_LEAST, FIRST_X32, no=1),
        _step(RETURN, KILL),
        _step(AT_LEAST, FIRST_UNKNOWN, no=1),
        _step(RETURN, FAIL | errno.ENOSYS),
    ]
    numbers = _numbers(CALLS, architecture)
    for name in sorted(CONDITIONS.keys() & numbers.keys()):
        program += _with_conditions(numbers.pop(name), CONDITIONS[name])
    for number in _numbers(ZERO, architecture).values():
        program += [_step(EQUAL, number, no=1), _step(RETURN, FAIL | 0)]
    return program + _tree(_ranges(sorted(numbers.values())))


def _numbers(table: Mapping[str, tuple[int | None, int | None]], architecture: Architecture) -> dict[str, int]:
    numbers = {name: row[architecture.column] for name, row in table.items()}
    return {name: number for name, number in numbers.items() if number is not None}


def _with_conditions(number: int, conditions: tuple[Condition, ...]) -> list[bytes]:
    tests = [step for condition in conditions for step in _test(condition)]
    return [_step(EQUAL, number, no=len(tests) + 1), *tests, _step(RETURN, ALLOW)]


def _test(condition: Condition) -> list[bytes]:
    """Steps that fall through if it holds. Ints and flags are read by their low half, which is all the kernel reads."""
    low = ARGUMENTS_AT + 8 * condition.argument
    refuse = _step(RETURN, FAIL | errno.EPERM)
    match condition:
        case OneOf(values=values):
            tests = [_step(EQUAL, value, yes=len(values) - at) for at, value in enumerate(values)]
            return [_step(LOAD, low), *tests, refuse]
        case OnlyBits(bits=bits):
            return [_step(LOAD, low), _step(ANY_BIT, ~bits & 0xFFFFFFFF, no=1), refuse]
        case Null():
            halves = (low, low + 4)
            return [step for half in halves for step in (_step(LOAD, half), _step(EQUAL, 0, yes=1), refuse)]


def _ranges(numbers: list[int]) -> list[tuple[int, int]]:
    """Neighbours joined: [0, 1, 2, 7] becomes [(0, 3), (7, 8)]; ends are exclusive."""
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number:
            ranges[-1] = (ranges[-1][0], number + 1)
        else:
            ranges.append((number, number + 1))
    return ranges


def _tree(ranges: list[tuple[int, int]]) -> list[bytes]:
    """A binary search: the kernel walks it once for each number that exists when the filter is installed."""
    if len(ranges) == 1:
        first, end = ranges[0]
        return [
            _step(AT_LEAST, first, no=1),
            _step(AT_LEAST, end, no=1),
            _step(RETURN, FAIL | errno.EPERM),
            _step(RETURN, ALLOW),
        ]
    middle = len(ranges) // 2
    low, high = _tree(ranges[:middle]), _tree(ranges[middle:])
    return [_step(AT_LEAST, ranges[middle][0], yes=len(low)), *low, *high]


def _step(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)
