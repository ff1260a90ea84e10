"""The system calls that generated code may make: an allow list, compiled to a classic BPF program.

Every forked child installs the program on itself just before generated code runs, and nothing can take it off again
(seccomp(2)). The list holds what CPython needs to compute and to print, and what is not on it fails with EPERM, which
Python raises as `PermissionError`: to open or look at anything on a disk or in /proc, sockets of every kind, pipes,
io_uring, new processes and threads, signals to anyone, ptrace, namespaces, mounts, keys, resource limits. A list of
what is forbidden would have to be kept up with every kernel; this one need not.

Some calls are on the list with a condition:

- the clocks: only those of the machine and of the process itself. With the clock of another process, which needs no
  privilege, a call could measure how much the monitors of the calls before it had to do;
- `madvise`: only the hints an allocator gives.

The numbers are the kernel's stable ABI (`asm/unistd_64.h`, `asm-generic/unistd.h`).
"""

from __future__ import annotations

import errno
import platform
import struct
from dataclasses import dataclass

from hammerstone.errors import SandboxError

__all__ = ["allow_list"]

# name: (x86_64, aarch64), None where the architecture has no such call
CALLS: dict[str, tuple[int | None, int | None]] = {
    # what is open already
    "read": (0, 63),
    "write": (1, 64),
    "readv": (19, 65),
    "writev": (20, 66),
    "lseek": (8, 62),
    "close": (3, 57),
    # memory
    "mmap": (9, 222),
    "munmap": (11, 215),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    # time and sleep
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "getrusage": (98, 165),
    # itself
    "getpid": (39, 172),
    "getppid": (110, 173),
    "gettid": (186, 178),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "getrandom": (318, 278),
    "futex": (202, 98),
    "sched_yield": (24, 124),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    "restart_syscall": (219, 128),
    "exit": (60, 93),
    "exit_group": (231, 94),
}

CLOCKS = (0, 1, 2, 3, 4, 5, 6, 7, 11)  # REALTIME … BOOTTIME and TAI; the clocks of other processes are negative
CONDITIONS = {  # which argument, and what it may be
    "clock_gettime": (0, CLOCKS),
    "clock_getres": (0, CLOCKS),
    "clock_nanosleep": (0, CLOCKS),
    "madvise": (2, (0, 1, 2, 3, 4, 8, 14, 15)),  # NORMAL … DONTNEED, FREE, HUGEPAGE, NOHUGEPAGE
}

# linux/bpf_common.h, linux/seccomp.h, linux/audit.h
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, KILL, FAIL = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16
FIRST_X32 = 0x40000000  # on x86_64, a second ABI hides behind this bit of the number
FIRST_UNKNOWN = 463  # calls newer than the list: ENOSYS, on which the C library falls back to older ones


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Where its numbers stand in `CALLS`, and what the kernel calls it in an audit record."""

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
    numbers = {name: row[architecture.column] for name, row in CALLS.items()}
    return b"".join(_program(architecture.audit, {name: nr for name, nr in numbers.items() if nr is not None}))


def _program(audit: int, numbers: dict[str, int]) -> list[bytes]:
    program = [
        _step(LOAD, ARCHITECTURE_AT),
        _step(EQUAL, audit, yes=1),
        _step(RETURN, KILL),  # another ABI, with other numbers for the same calls
        _step(LOAD, NUMBER_AT),
        _step(AT_LEAST, FIRST_X32, no=1),
        _step(RETURN, KILL),
        _step(AT_LEAST, FIRST_UNKNOWN, no=1),
        _step(RETURN, FAIL | errno.ENOSYS),
    ]
    for name in sorted(CONDITIONS.keys() & numbers.keys()):
        program += _with_condition(name, numbers[name])
    return program + _tree(_ranges(sorted(nr for name, nr in numbers.items() if name not in CONDITIONS)))


def _with_condition(name: str, number: int) -> list[bytes]:
    index, values = CONDITIONS[name]
    tests = [_step(EQUAL, value, yes=len(values) - at) for at, value in enumerate(values)]
    tests += [_step(RETURN, FAIL | errno.EPERM), _step(RETURN, ALLOW)]
    # Only the low half of an argument is looked at: all of these are C ints.
    load = _step(LOAD, ARGUMENTS_AT + 8 * index)
    return [_step(EQUAL, number, no=len(tests) + 1), load, *tests]


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
