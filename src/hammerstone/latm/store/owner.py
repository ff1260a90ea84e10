"""Who holds a making: a process of a host, as "host:pid"."""

from __future__ import annotations

import os
import socket

__all__ = ["is_gone", "this_process"]


def this_process() -> str:
    """The owner to give to `Store.start_making`."""
    return f"{socket.gethostname()}:{os.getpid()}"


def is_gone(owner: str) -> bool:
    """True if the owner was a process of this host and is there no more. Of other hosts nothing is known: false."""
    host, _, pid = owner.rpartition(":")
    if host != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
