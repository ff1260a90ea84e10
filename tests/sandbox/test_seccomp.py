"""The filter, run by a small interpreter of classic BPF: every number, on both architectures."""

from __future__ import annotations

import errno
import struct

import pytest

from hammerstone.errors import SandboxError
from hammerstone.sandbox import seccomp

EPERM, ENOSYS = 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS


def decide(program: bytes, number: int, *arguments: int, audit: int) -> int:
    """What the kernel would return for one system call (linux/bpf_common.h)."""
    data = struct.pack("=IIQ6Q", number, audit, 0, *(*arguments, *[0] * (6 - len(arguments))))
    steps = [struct.unpack_from("=HBBI", program, at) for at in range(0, len(program), 8)]
    at = value = 0
    while True:
        code, yes, no, operand = steps[at]
        at += 1
        match code:
            case 0x20:
                (value,) = struct.unpack_from("=I", data, operand)
            case 0x15:
                at += yes if value == operand else no
            case 0x35:
                at += yes if value >= operand else no
            case 0x06:
                return operand
            case _:
                raise AssertionError(code)


@pytest.fixture(params=["x86_64", "aarch64"])
def machine(request: pytest.FixtureRequest) -> str:
    return request.param


def _audit(machine: str) -> int:
    return seccomp.ARCHITECTURES[machine].audit


def _number(name: str, machine: str) -> int:
    number = seccomp.CALLS[name][seccomp.ARCHITECTURES[machine].column]
    assert number is not None
    return number


def test_exactly_the_calls_on_the_list_are_allowed(machine: str) -> None:
    column = seccomp.ARCHITECTURES[machine].column
    conditional = {*seccomp.CONDITIONS}
    allowed = {row[column] for name, row in seccomp.CALLS.items() if name not in conditional}
    program = seccomp.allow_list(machine)
    skipped = {_number(name, machine) for name in conditional}
    for number in set(range(seccomp.FIRST_UNKNOWN)) - skipped:
        expected = seccomp.ALLOW if number in allowed else EPERM
        assert decide(program, number, audit=_audit(machine)) == expected, number


@pytest.mark.parametrize(
    "name",
    "openat open stat newfstatat statx access getdents64 getcwd pipe2 dup fcntl ioctl socket fork clone kill".split(),
)
def test_nothing_that_opens_looks_or_starts_is_on_the_list(name: str) -> None:
    assert name not in seccomp.CALLS


def test_a_call_newer_than_the_list_does_not_exist(machine: str) -> None:
    program = seccomp.allow_list(machine)
    for number in (seccomp.FIRST_UNKNOWN, 500, seccomp.FIRST_X32 - 1):
        assert decide(program, number, audit=_audit(machine)) == ENOSYS


def test_another_abi_is_killed(machine: str) -> None:
    program = seccomp.allow_list(machine)
    i386 = 0x40000003
    assert decide(program, 4, audit=i386) == seccomp.KILL
    assert decide(program, seccomp.FIRST_X32 | 1, audit=_audit(machine)) == seccomp.KILL


@pytest.mark.parametrize(
    ("name", "arguments", "allowed"),
    [
        ("clock_gettime", (1,), True),  # CLOCK_MONOTONIC
        ("clock_gettime", (2,), True),  # CLOCK_PROCESS_CPUTIME_ID
        ("clock_gettime", (2**32 - 8,), False),  # the CPU time of process 0
        ("clock_gettime", (~1234 << 3 & 0xFFFFFFFF | 2,), False),  # of another process
        ("clock_nanosleep", (~1234 << 3 & 0xFFFFFFFF | 2,), False),
        ("clock_getres", (9,), False),  # an alarm clock
        ("madvise", (0, 0, 4), True),  # MADV_DONTNEED
        ("madvise", (0, 0, 100), False),  # MADV_HWPOISON
    ],
)
def test_some_calls_are_allowed_with_a_condition(
    machine: str, name: str, arguments: tuple[int, ...], *, allowed: bool
) -> None:
    decision = decide(seccomp.allow_list(machine), _number(name, machine), *arguments, audit=_audit(machine))
    assert decision == (seccomp.ALLOW if allowed else EPERM)


def test_the_upper_half_of_an_argument_does_not_open_a_way_around_a_condition(machine: str) -> None:
    program = seccomp.allow_list(machine)
    poison = (1 << 32) | 100
    assert decide(program, _number("madvise", machine), 0, 0, poison, audit=_audit(machine)) == EPERM


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(SandboxError, match="riscv64"):
        seccomp.allow_list("riscv64")
