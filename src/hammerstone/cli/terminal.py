"""stdout is data, stderr is talk. On a terminal text is fitted to its width; in a pipe or a file nothing is cut."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from rich.console import Console, RenderableType
    from rich.progress import Progress
    from rich.text import Text

__all__ = [
    "ask",
    "money",
    "percent",
    "print_json",
    "print_line",
    "progress",
    "show_facts",
    "show_source",
    "show_table",
    "show_text",
    "talk",
    "tell_error",
    "write_text",
]

WIDE = 4000  # columns where nobody's screen is the limit


def talk(text: str) -> None:
    """A line for the person, with rich's markup."""
    _console(stderr=True).print(text, soft_wrap=not sys.stderr.isatty())


def tell_error(message: str, hint: str = "") -> None:
    """What happened, and what repairs it, in two lines for the person."""
    from rich.markup import escape

    talk(f"[bold red]error:[/] {escape(message)}")
    if hint:
        talk(f"[bold cyan]hint:[/] {escape(hint)}")


def ask(question: str) -> str | None:
    """What the person types on a line, without outer white space; `None` at the end of input."""
    talk(question)
    try:
        return input().strip()
    except EOFError:
        return None


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


def show_text(text: str) -> None:
    """A paragraph on stdout."""
    _console().print(text, markup=False)


def write_text(text: str, *, aside: bool = False) -> None:
    """A piece of a paragraph that is still being written; in a colour of its own if it stands aside from the rest."""
    from rich.text import Text

    _console().print(Text(text, "cyan" if aside else ""), end="", soft_wrap=True)


def show_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Names with their values, one below the other."""
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(_cell(name, cut=False), _cell(value, cut=False))
    _show(table)


def show_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, stderr: bool = False, caption: str = ""
) -> None:
    """A table. A column whose name begins with `#` holds numbers, set to the right; one whose name ends with `…` is
    cut where the terminal ends, and one that ends with `¶` is wrapped. The others are names and stay whole."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=any(name.strip("#…¶") for name in columns))
    for name in columns:
        justify = "right" if name.startswith("#") else "left"
        table.add_column(name.strip("#…¶"), justify=justify, overflow="fold", no_wrap=not name.endswith(("…", "¶")))
    for row in rows:
        table.add_row(*(_cell(text, cut=name.endswith("…")) for name, text in zip(columns, row, strict=True)))
    below = [Text(f"{caption}\n", "dim")] if caption else []
    _show(Text(title, "bold"), table, *below, stderr=stderr)


def _cell(text: str, *, cut: bool) -> Text:
    from rich.text import Text

    # The column may be narrowed, but its text is not to be wrapped.
    return Text(text, no_wrap=True, overflow="ellipsis") if cut else Text(text)


def show_source(source: str) -> None:
    """Python source: in colours on a terminal, else as it is."""
    if not sys.stdout.isatty():
        print_line(source.rstrip("\n"))
        return
    from rich.syntax import Syntax

    _console().print(Syntax(source, "python", background_color="default", word_wrap=True))


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
    with Progress(*columns, console=_console(stderr=True), transient=True, redirect_stdout=both_seen) as bar:
        bar.add_task(description, total=total, note="")
        yield bar


def money(dollars: float | None) -> str:
    """US dollars, or the word unknown: an unknown price is never shown as nothing."""
    return "unknown" if dollars is None else f"${dollars:,.4f}"


def percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _show(*parts: RenderableType, stderr: bool = False) -> None:
    """Print what rich lays out, in a pipe or a file without the spaces that it puts at the ends of lines."""
    console, stream = _console(stderr), sys.stderr if stderr else sys.stdout
    if stream.isatty():
        console.print(*parts, sep="\n")
        return
    with console.capture() as captured:
        console.print(*parts, sep="\n")
    stream.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))
    stream.flush()


def _console(stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    return _made_console(stderr, None if stream.isatty() else shutil.get_terminal_size((WIDE, 25)).columns)


@cache
def _made_console(stderr: bool, width: int | None) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, width=width, highlight=False)
