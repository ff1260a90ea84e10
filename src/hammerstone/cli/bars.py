"""The columns of a progress bar. What is described or noted may be anybody's text."""

from __future__ import annotations

from rich.progress import (
    BarColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TimeElapsedColumn,
)
from rich.text import Text

from hammerstone.cli.terminal import shown

__all__ = ["bar_columns"]


class DescriptionColumn(ProgressColumn):
    """What is being done."""

    def render(self, task: Task) -> Text:
        return shown(task.description)


class NoteColumn(ProgressColumn):
    """What has come of it so far."""

    def render(self, task: Task) -> Text:
        return shown(str(task.fields["note"]))


class CountColumn(ProgressColumn):
    """How much is done, of how much: nothing where that is not known."""

    def render(self, task: Task) -> Text:
        return shown("" if task.total is None else f"{int(task.completed):,} of {int(task.total):,}")


def bar_columns() -> tuple[ProgressColumn, ...]:
    """The columns of a progress bar, from left to right."""
    return (
        SpinnerColumn(),
        DescriptionColumn(),
        BarColumn(bar_width=24),
        CountColumn(),
        TimeElapsedColumn(),
        NoteColumn(),
    )
