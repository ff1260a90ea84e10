"""Who holds a build: a process of a host, as "host:pid:start"; `start` is when it began, where /proc tells that."""

from __future__ import annotations

import os
import socket
from pathlib import Path

__all__ = ["is_gone", "this_process"]


def this_process() -> str:
    """The owner to give to `Store.start_build`."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_state_and_start(pid)[1]}"


def is_gone(owner: str) -> bool:
    """True if the owner was a process of this host and runs no more. Of other hosts nothing is known: false.

    A number is given to a new process sooner or later, so a process that began at another moment is another one. A
    killed process that its parent has not yet waited for (a zombie) still has its number, but runs no more.
    """
    host, _, process = owner.partition(":")
    pid, _, start = process.partition(":")
    if host != socket.gethostname() or not pid.isdecimal():
        return False
    if not _is_there(int(pid)):
        return True
    state, began = _state_and_start(int(pid))
    return state in {"Z", "X", "x"} or bool(start and began and start != began)


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        return True
    return True


def _state_and_start(pid: int) -> tuple[str, str]:
    """The third and the twenty-second field of /proc/PID/stat, or nothing where they cannot be read."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return "", ""
    after_name = fields.rpartition(")")[2].split()  # the name itself may hold blanks and brackets
    return after_name[0], after_name[19]
