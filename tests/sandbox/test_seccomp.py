"""The filter, run by a small interpreter of classic BPF: every number, on both architectures."""

from __future__ import annotations

import errno
import struct

import pytest

from hammerstone.errors import SandboxError
from hammerstone.sandbox import seccomp

ZERO, EPERM, ENOSYS = 0x50000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS


def decide(program: bytes, number: int, *arguments: int, audit: int) -> int:
    """The kernel's decision on one system call (linux/bpf_common.h)."""
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
            case 0x45:
                at += yes if value & operand else no
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
    number = {**seccomp.CALLS, **seccomp.ZERO}[name][seccomp.ARCHITECTURES[machine].column]
    assert number is not None
    return number


def test_exactly_the_calls_on_the_list_are_allowed(machine: str) -> None:
    column = seccomp.ARCHITECTURES[machine].column
    conditional = {*seccomp.CONDITIONS}
    allowed = {row[column] for name, row in seccomp.CALLS.items() if name not in conditional}
    program = seccomp.allow_list(machine)
    skipped = {_number(name, machine) for name in {*conditional, *seccomp.ZERO}}
    for number in set(range(seccomp.FIRST_UNKNOWN)) - skipped:
        expected = seccomp.ALLOW if number in allowed else EPERM
        assert decide(program, number, audit=_audit(machine)) == expected, number


@pytest.mark.parametrize(
    "name",
    "openat open stat newfstatat statx access getdents64 getcwd pipe2 dup fcntl ioctl socket fork clone kill".split(),
)
def test_nothing_that_opens_looks_or_starts_is_on_the_list(name: str) -> None:
    assert name not in seccomp.CALLS


@pytest.mark.parametrize(
    "name",
    "clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time times getrusage getrandom getcpu".split(),
)
def test_no_clock_and_no_chance_is_on_the_list(name: str) -> None:
    assert name not in seccomp.CALLS


@pytest.mark.parametrize("name", sorted(seccomp.ZERO))
def test_who_a_process_is_is_answered_without_being_asked(machine: str, name: str) -> None:
    assert decide(seccomp.allow_list(machine), _number(name, machine), audit=_audit(machine)) == ZERO


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
        ("futex", (0, 128, 0, 0), True),  # FUTEX_WAIT_PRIVATE without a time limit
        ("futex", (0, 128, 0, 4096), False),
        ("futex", (0, 128, 0, 1 << 32), False),
        ("futex", (0, 129, 1, 0), True),  # FUTEX_WAKE_PRIVATE
        ("futex", (0, 128 | 256 | 9, 0, 0), True),  # FUTEX_WAIT_BITSET_PRIVATE, as sem_wait makes it
        ("futex", (0, 0, 0, 0), False),  # FUTEX_WAIT
        ("futex", (0, 1, 1, 0), False),  # FUTEX_WAKE
        ("futex", (0, 128 | 6, 0, 0), False),  # FUTEX_LOCK_PI_PRIVATE
        ("futex", (0, 128 | 8, 0, 0), False),  # FUTEX_TRYLOCK_PI_PRIVATE
        ("mmap", (0, 4096, 3, 0x22), True),  # PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS
        ("mmap", (0, 4096, 7, 0x22), False),  # PROT_EXEC
        ("mmap", (0, 4096, 3, 0x21), False),  # MAP_SHARED
        ("mmap", (0, 4096, 3, 0x28), False),  # MAP_DROPPABLE
        ("mmap", (0, 4096, 3, 0x40022), False),  # MAP_HUGETLB
        ("mprotect", (0, 4096, 1), True),
        ("mprotect", (0, 4096, 5), False),
        ("mremap", (0, 4096, 8192, 1), True),  # MREMAP_MAYMOVE
        ("mremap", (0, 4096, 8192, 4), False),  # MREMAP_DONTUNMAP
        ("rt_sigaction", (2,), True),  # SIGINT
        ("rt_sigaction", (64,), True),
        ("rt_sigaction", (24,), False),  # SIGXCPU
        ("madvise", (0, 0, 3), False),  # MADV_WILLNEED
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
