"""stdout is data, stderr is talk."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from rich.console import Console
    from rich.progress import Progress

__all__ = ["money", "percent", "print_json", "print_line", "progress", "show_table", "talk"]


@cache
def _console(stderr: bool) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


def talk(text: str) -> None:
    """A line for the person, with rich's markup."""
    _console(True).print(text)


def print_line(text: str) -> None:
    """A line of data, as it is."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_json(value: DataclassInstance | Mapping[str, Any] | Sequence[Any]) -> None:
    """One JSON document on one line."""
    print_line(json.dumps(asdict(value) if is_dataclass(value) else value, ensure_ascii=False, default=_plain))


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def show_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, stderr: bool = False, caption: str = ""
) -> None:
    """A table; columns whose name starts with `#` hold numbers and are set to the right."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_header=any(columns),
    )
    for name in columns:
        table.add_column(name.removeprefix("#"), justify="right" if name.startswith("#") else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    console = _console(stderr)
    console.print(table, soft_wrap=False)
    if caption:
        console.print(f"[dim]{escape(caption)}[/]\n")


@contextmanager
def progress(description: str, total: int | None = None) -> Generator[Progress]:
    """A bar on stderr, shown only where a person looks; fields `note` and `description` may be updated."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    # While the bar is up, rich would send what is printed to stdout the bar's way, to stderr: right for a person who
    # sees both, wrong for a file.
    both_seen = sys.stdout.isatty()
    with Progress(*columns, console=_console(True), transient=True, redirect_stdout=both_seen) as bar:
        bar.add_task(description, total=total, note="")
        yield bar


def money(dollars: float | None) -> str:
    """US dollars, or the word unknown: an unknown price is never shown as nothing."""
    return "unknown" if dollars is None else f"${dollars:,.4f}"


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"
