"""What a process inside the sandbox gives up for itself: descriptors, resources, outliving its parent.

Part of the programs inside the sandbox (see `template`), so it imports only the standard library.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import resource
import signal

__all__ = ["address_space", "die_with", "lower", "must", "read_nothing_on"]

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def must(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def lower(kind: int, value: int) -> None:
    """Set a resource limit, soft and hard, unless it is lower already."""
    hard = resource.getrlimit(kind)[1]
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def address_space() -> int:
    """Bytes of address space in use, to about 1 MiB, found without /proc: by which soft limit still lets a page in."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    low, high = 0, 1 << 40 if hard == resource.RLIM_INFINITY else hard
    while high - low > 1 << 20:
        middle = (low + high) // 2
        resource.setrlimit(resource.RLIMIT_AS, (middle, hard))
        try:
            mmap.mmap(-1, mmap.PAGESIZE).close()
            high = middle
        except OSError:
            low = middle
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    return high


def read_nothing_on(descriptor: int) -> None:
    """Put a pipe of its own there, which has ended."""
    read_end, write_end = os.pipe()
    os.close(write_end)
    os.dup2(read_end, descriptor)
    os.close(read_end)


def die_with(libc: ctypes.CDLL, parent: int) -> None:
    must(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)
