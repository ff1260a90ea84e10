"""The processes below a test's own: which there are, and ending them, so that a test goes on when they have ended."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Iterable
from pathlib import Path

import anyio

__all__ = ["family", "kill_and_await", "parents", "processes_of_a_new_call"]


def parents() -> dict[int, int]:
    """The parent of every living process."""
    found: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if state != "Z":
            found[int(folder.name)] = int(parent)
    return found


def family() -> set[int]:
    """The living descendants of this process."""
    all_parents = parents()
    found = [os.getpid()]
    for pid in found:
        found += [child for child, parent in all_parents.items() if parent == pid]
    return set(found[1:])


async def processes_of_a_new_call(before: set[int]) -> tuple[int, int]:
    """Wait until a call runs whose worker was there before; the template and the worker."""
    with anyio.fail_after(120):
        while True:
            new, parent = family() - before, parents()
            for call in new:
                worker = parent.get(call, 0)
                if worker in before and worker in parent:
                    return parent[worker], worker
            await anyio.lowlevel.checkpoint()


def kill_and_await(pids: Iterable[int]) -> None:
    ends: list[int] = []
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):  # the end of one may have been the end of another
            ends.append(os.pidfd_open(pid))
            os.kill(pid, signal.SIGKILL)
    for end in ends:
        assert select.select([end], [], [], 120)[0]
        os.close(end)
