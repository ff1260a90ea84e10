"""Ending other processes, so that a test goes on when they have ended and not while they do."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterable

__all__ = ["kill_and_await"]


def kill_and_await(pids: Iterable[int]) -> None:
    ends: list[int] = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # the end of one may have been the end of another
            ends.append(os.pidfd_open(pid))
            os.kill(pid, signal.SIGKILL)
    for end in ends:
        assert select.select([end], [], [], 120)[0]
        os.close(end)
