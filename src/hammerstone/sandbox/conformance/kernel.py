"""System calls made directly, past everything Python would say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.sandbox.conformance.attack import Attack, Outside
from hammerstone.sandbox.contract import Status

if TYPE_CHECKING:
    from hammerstone.types import JSON

__all__ = ["ATTACKS"]

# name: (x86_64, aarch64); from 424 on both are the same
NUMBERS = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "mount": (165, 40),
    "unshare": (272, 97),
    "setns": (308, 268),
    "add_key": (248, 217),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),
    "execveat": (322, 281),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "prctl": (157, 167),
    "seccomp": (317, 277),
    "shmget": (29, 194),
    "io_uring_setup": (425, 425),
    "clone3": (435, 435),
    "openat2": (437, 437),
    "landlock_create_ruleset": (444, 444),
    "memfd_secret": (447, 447),
}

PRELUDE = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *[
        ctypes.c_char_p(a) if isinstance(a, bytes) else ctypes.c_long(a) if isinstance(a, int) else a
        for a in arguments
    ])
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
"""


def _attack(name: str, description: str, deed: str) -> Attack:
    """`deed` is statements over `call` and the numbers by name; if none raises, it has worked."""
    body = "\n    ".join(deed.strip().split("\n"))
    opening = f"def attack({', '.join(['worker', *NUMBERS])}):\n    parent = os.getppid() or worker\n"
    program = f"{PRELUDE}\n{opening}    {body}\n    return 'escaped'\n"
    return Attack(name=name, description=description, arguments=_numbers, program=program)


def _numbers(outside: Outside) -> dict[str, JSON]:
    column = 1 if outside.machine == "aarch64" else 0
    return {"worker": outside.worker, **{name: numbers[column] for name, numbers in NUMBERS.items()}}


def _machine(outside: Outside) -> dict[str, JSON]:
    return {"machine": outside.machine}


ATTACKS = (
    _attack("trace_the_worker", "attach to the parent as a debugger", "call(ptrace, 16, parent, 0, 0)"),
    _attack("let_itself_be_traced", "ask the parent to trace it, which stops it", "call(ptrace, 0, 0, 0, 0)"),
    _attack(
        "read_the_workers_memory",
        "process_vm_readv from the parent, whose addresses are its own",
        """
source = ctypes.create_string_buffer(b"x" * 16)
target = ctypes.create_string_buffer(16)
local = (ctypes.c_size_t * 2)(ctypes.addressof(target), 16)
remote = (ctypes.c_size_t * 2)(id(os), 16)
call(process_vm_readv, parent, local, 1, remote, 1, 0)
""",
    ),
    _attack(
        "write_the_workers_memory",
        "process_vm_writev into the parent, one word onto itself",
        """
local = (ctypes.c_size_t * 2)(id(os), 8)
call(process_vm_writev, parent, local, 1, local, 1, 0)
""",
    ),
    _attack(
        "set_up_io_uring",
        "make a ring through which files and sockets are reached without system calls",
        "call(io_uring_setup, 4, ctypes.create_string_buffer(256))",
    ),
    _attack("mount_a_file_system", "mount a tmpfs on the working folder", 'call(mount, b"x", b".", b"tmpfs", 0, 0)'),
    _attack("enter_a_user_namespace", "become root in a namespace of its own", "call(unshare, 0x10000000)"),
    _attack("enter_a_mount_namespace", "have mounts of its own", "call(unshare, 0x00020000)"),
    _attack(
        "add_a_key",
        "leave a key in the kernel's keyring",
        'call(add_key, b"user", b"hammerstone", b"x", 1, -2)',
    ),
    _attack("read_the_keyring", "ask for the session keyring", "call(keyctl, 0, -3, 0)"),
    _attack(
        "run_a_program_from_memory",
        "write a program to a memory file and execute it",
        """
file = call(memfd_create, b"x", 0)
os.write(file, b"#!/bin/sh\\necho escaped\\n")
call(execveat, file, b"", 0, 0, 0x1000)
""",
    ),
    _attack("make_a_memory_file", "hold memory that no limit counts", 'call(memfd_create, b"x", 0)'),
    _attack("make_secret_memory", "hold memory that the kernel itself cannot see", "call(memfd_secret, 0)"),
    _attack("share_memory", "make a System V segment that outlives the call", "call(shmget, 0, 4096, 0o1600)"),
    _attack(
        "load_a_bpf_program",
        "run code of its own in the kernel",
        "call(bpf, 0, ctypes.create_string_buffer(b'\\x02' + bytes(127)), 72)",
    ),
    _attack(
        "watch_performance_counters",
        "open a counter, the start of many attacks on the kernel",
        "call(perf_event_open, ctypes.create_string_buffer(b'\\1' + bytes(3) + b'\\x80' + bytes(123)), 0, -1, -1, 0)",
    ),
    _attack("handle_page_faults", "freeze the kernel's reads of its memory", "call(userfaultfd, 1)"),
    _attack("outlive_the_worker", "clear the signal sent when the worker dies", "call(prctl, 1, 0, 0, 0, 0)"),
    _attack("become_dumpable", "allow other processes to look into it", "call(prctl, 4, 1, 0, 0, 0)"),
    _attack(
        "add_a_system_call_filter",
        "lay a filter of its own over the first",
        """
allow = ctypes.create_string_buffer(bytes.fromhex("060000000000ff7f"))
call(seccomp, 1, 0, (ctypes.c_size_t * 2)(1, ctypes.addressof(allow)))
""",
    ),
    _attack(
        "fork_by_clone3",
        "the newest way to fork, which filters by argument cannot read",
        """
if call(clone3, ctypes.create_string_buffer(bytes(32) + b"\\x11" + bytes(31)), 64) == 0:
    os._exit(0)
""",
    ),
    _attack(
        "open_by_openat2",
        "the newer way to open a file",
        "call(openat2, -100, b'/etc/passwd', ctypes.create_string_buffer(24), 24)",
    ),
    Attack(
        name="use_another_system_call_abi",
        description="make calls by the numbers of x32, which a filter over numbers may forget",
        arguments=_machine,
        program=f"""{PRELUDE}
def attack(machine):
    if machine == "x86_64":
        call(0x40000000 + 39)
        return "escaped"
""",
    ),
    Attack(
        name="use_32_bit_system_calls",
        description="machine code with int 0x80, whose numbers mean other calls (20 is getpid)",
        arguments=_machine,
        ends=frozenset({Status.KILLED, Status.ERROR, Status.OK}),
        program="""
import ctypes, mmap
def attack(machine):
    if machine != "x86_64":
        return "no such calls"
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(bytes.fromhex("b814000000cd80c3"))
    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
    return "escaped" if ctypes.CFUNCTYPE(ctypes.c_int)(address)() > 0 else "refused"
""",
    ),
)
