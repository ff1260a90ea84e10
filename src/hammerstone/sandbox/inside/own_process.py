"""A process inside the sandbox confines itself: it gives up descriptors, resources, and outliving its parent.

Part of the programs inside the sandbox (see `template`), so it imports only the standard library.
"""

from __future__ import annotations

import ctypes
import os

__all__ = [
    "LIBC",
    "MAX_DESCRIPTORS",
    "PAGE_BYTES",
    "PR_SET_PDEATHSIG",
    "RLIMIT_AS",
    "RLIMIT_CORE",
    "RLIMIT_CPU",
    "RLIMIT_FSIZE",
    "RLIMIT_MEMLOCK",
    "RLIMIT_MSGQUEUE",
    "RLIMIT_NOFILE",
    "SIGKILL",
    "UNLIMITED",
    "Limit",
    "address_space",
    "die_with",
    "limit",
    "limits",
    "lower",
    "must",
    "read_nothing_on",
    "socket_pair",
]

# Modules such as `mmap` and `resource` would do, but each is a library of its own, and a fork takes time by the
# mapping. No call gives up the interpreter's lock: there is one thread.
LIBC = ctypes.PyDLL(None, use_errno=True)
LIBC.mmap.restype = ctypes.c_void_p

MAX_DESCRIPTORS = 64
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

# asm-generic/resource.h, linux/prctl.h, sys/mman.h, sys/socket.h
RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_CORE, RLIMIT_NOFILE, RLIMIT_MEMLOCK, RLIMIT_AS, RLIMIT_MSGQUEUE = 0, 1, 4, 7, 8, 9, 12
UNLIMITED = (1 << 64) - 1
PR_SET_PDEATHSIG, SIGKILL = 1, 9
PROT_READ, MAP_PRIVATE_ANONYMOUS = 1, 0x22
AF_UNIX, SOCK_STREAM, SOL_SOCKET, SO_RCVTIMEO = 1, 1, 1, 20

Limit = ctypes.c_ulong * 2  # soft and hard


def must(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def limits(kind: int) -> tuple[int, int]:
    """A resource limit, soft and hard."""
    found = Limit()
    must(LIBC.getrlimit(kind, found))
    return found[0], found[1]


def limit(kind: int, soft: int, hard: int) -> None:
    must(LIBC.setrlimit(kind, Limit(soft, hard)))


def lower(kind: int, value: int) -> None:
    """Set a resource limit, soft and hard, unless it is lower already."""
    value = min(value, limits(kind)[1])
    limit(kind, value, value)


def address_space() -> int:
    """Bytes of address space in use, to about 1 MiB, found without /proc: by which soft limit still lets a page in."""
    hard = limits(RLIMIT_AS)[1]
    low, high = 0, min(1 << 40, hard)
    while high - low > 1 << 20:
        middle = (low + high) // 2
        limit(RLIMIT_AS, middle, hard)
        if can_map_a_page():
            high = middle
        else:
            low = middle
    limit(RLIMIT_AS, hard, hard)
    return high


def can_map_a_page() -> bool:
    length = ctypes.c_size_t(PAGE_BYTES)
    page = LIBC.mmap(None, length, PROT_READ, MAP_PRIVATE_ANONYMOUS, -1, ctypes.c_long(0))
    if page == ctypes.c_void_p(-1).value:
        return False
    must(LIBC.munmap(ctypes.c_void_p(page), length))
    return True


def socket_pair(seconds: int) -> tuple[int, int]:
    """Two ends; the first waits so long for what it reads."""
    pair = (ctypes.c_int * 2)()
    must(LIBC.socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
    limit = (ctypes.c_long * 2)(seconds, 0)
    must(LIBC.setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, limit, ctypes.sizeof(limit)))
    return pair[0], pair[1]


def read_nothing_on(descriptor: int) -> None:
    """Put a pipe of its own there, which has ended."""
    read_end, write_end = os.pipe()
    os.close(write_end)
    os.dup2(read_end, descriptor)
    os.close(read_end)


def die_with(parent: int) -> None:
    must(LIBC.prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)
