"""How far a long command is: a bar where a person looks, and otherwise a line now and then, for a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Protocol

from hammerstone.cli.terminal import progress, talk

__all__ = ["ShowProgress", "shown_progress", "time_left"]

EVERY = 30.0  # seconds between two lines of a log


class ShowProgress(Protocol):
    """Shows how much is done, of how much (`None`: not known), and a note, such as the rate and the time left."""

    def __call__(
        self, done: float, total: float | None, note: str = "", *, what: str | None = None, unit: str = ...
    ) -> None: ...


@contextmanager
def shown_progress(
    what: str, unit: str, *, total: float | None = None, clock: Callable[[], float] = time.monotonic
) -> Generator[ShowProgress]:
    """A bar that is called `what`; without a terminal a line on stderr, at most every 30 seconds.

    `unit` is what is counted, in the plural. Both may change as it goes.
    """
    said = clock()

    with progress(what, total=None if total is None else int(total)) as bar:

        def show(
            done: float, total: float | None, note: str = "", *, what: str | None = None, unit: str = unit
        ) -> None:
            nonlocal said
            if what is not None:
                bar.update(bar.task_ids[0], description=what)
            bar.update(bar.task_ids[0], completed=done, total=total, note=note)
            if bar.disable and clock() - said >= EVERY:
                said = clock()
                of = "" if total is None else f" of {total:,.0f}"
                talk(f"{done:,.0f}{of} {unit}{', ' if note else ''}{note}", f"{bar.tasks[0].description}:")

        yield show


def time_left(seconds: float | None) -> str:
    """The end of a progress note: the time left; empty if it is not known."""
    if seconds is None:
        return ""
    return f", {seconds / 60:.0f} min left" if seconds >= 90 else f", {seconds:.0f} s left"
