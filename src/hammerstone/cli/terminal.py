"""stdout is data, stderr is talk. On a terminal text is fitted to its width; in a pipe or a file nothing is cut."""

from __future__ import annotations

import io
import json
import math
import os
import shutil
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import typer

from hammerstone.cli.hints import completed
from hammerstone.text_files import typed_line
from hammerstone.visible import pieces, visible, visible_json

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from rich.console import Console, RenderableType
    from rich.progress import Progress
    from rich.text import Text

__all__ = [
    "ask",
    "brief",
    "confirm",
    "console",
    "prepare_streams",
    "print_json",
    "print_line",
    "progress",
    "show_error",
    "show_laid_out",
    "show_line",
    "show_text",
    "shown",
    "talk",
    "write_text",
]

WIDE = 4000  # columns where nobody's screen is the limit
LABELS = {"error:": "bold red", "hint:": "bold cyan", "building": "cyan", "live:": "green"}  # the others are yellow


def prepare_streams() -> None:
    """No character, and no stream that the caller has closed, can end a command: called once, at the start."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - kept to the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def shown(text: str, style: str = "", *, lines: bool = False) -> Text:
    """What somebody wrote, character for character: no markup, no emoji codes, nothing unseen.

    Escapes stand out from a backslash that was typed. `lines` keeps line breaks and tabs.
    """
    from rich.text import Text

    whole = Text(style=style)
    for piece, escaped in pieces(text, lines=lines):
        whole.append(piece, "reverse" if escaped else None)
    return whole


def talk(text: str | Text, label: str = "") -> None:
    """A line for the person, after a label in its colour. A string is shown as one line; a `Text` is ours."""
    from rich.text import Text

    said = completed(text) if isinstance(text, str) and label in ("hint:", "next:") else text
    line = shown(said) if isinstance(said, str) else said
    _print(Text.assemble((f"{label} ", LABELS.get(label, "yellow")), line) if label else line, stderr=True)


def show_error(message: str, hint: str = "", details: str = "") -> None:
    """What happened, and what repairs it, in a line each for the person; details stand between, set in."""
    talk(message, "error:")
    for line in details.split("\n") if details else ():
        talk(f"  {line}")
    if hint:
        talk(hint, "hint:")


def ask(question: str | Text) -> str | None:
    """What the person types on a line, without outer white space; `None` at the end of input."""
    talk(question)
    try:
        return typed_line().strip()
    except EOFError:
        return None


def confirm(question: str, otherwise: str) -> None:
    """Ask whether to go on. Unless the person says yes, say `otherwise` and end the command with exit code 1."""
    if ask(f"{question} [y/N]") not in ("y", "Y", "yes"):
        talk(otherwise)
        raise typer.Exit(1)


def print_line(*cells: str) -> None:
    """A line of data. Several cells have tabs between; a tab or a line break inside one is an escape."""
    sys.stdout.write("\t".join(map(visible, cells)) + "\n")
    sys.stdout.flush()


def print_json(value: DataclassInstance | Mapping[str, Any] | Sequence[Any]) -> None:
    """One JSON document on one line, the exact data in every encoding: what is not seen is an escape of JSON's."""
    plain = asdict(value) if is_dataclass(value) else value
    ascii_only = not sys.stdout.encoding.lower().startswith("utf")
    written = json.dumps(_finite(plain), ensure_ascii=ascii_only, default=_plain, allow_nan=False)
    sys.stdout.write(visible_json(written) + "\n")
    sys.stdout.flush()


def _finite(value: Any) -> Any:
    """The same with `null` for the numbers that JSON does not have: what an earlier release stored may hold them."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case dict():
            return {name: _finite(one) for name, one in cast("dict[object, object]", value).items()}
        case list() | tuple():
            return [_finite(one) for one in cast("list[object]", value)]
        case _:
            return value


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return _finite(asdict(value))
    raise TypeError(f"{type(value).__name__} is not JSON")


def show_text(text: str, *, stderr: bool = False) -> None:
    """A paragraph, with its line breaks; long lines are wrapped by the terminal, which drops no space."""
    _print(shown(text, lines=True), stderr=stderr, soft_wrap=True)


def show_line(text: Text) -> None:
    """A line of ours on stdout, which the caller has fitted to the terminal."""
    _print(text, soft_wrap=True)


def write_text(text: str, *, aside: bool = False) -> None:
    """A piece of a paragraph that is still being written; in a colour of its own if it stands aside from the rest."""
    _print(shown(text, "cyan" if aside else "", lines=True), soft_wrap=True, end="")


@contextmanager
def progress(description: str, total: int | None = None) -> Generator[Progress]:
    """A bar on stderr, shown only where a person looks; fields `note` and `description` may be updated."""
    from rich.progress import Progress

    from hammerstone.cli.bars import bar_columns

    # While the bar is up, rich would send what is printed to stdout the bar's way, to stderr: right for a person who
    # sees both, wrong for a file.
    both_seen, screen = sys.stdout.isatty(), console(stderr=True)
    with Progress(
        *bar_columns(),
        console=screen,
        transient=True,
        redirect_stdout=both_seen,
        disable=not screen.is_terminal,  # rich would write an empty line for it
    ) as bar:
        bar.add_task(description, total=total, note="")
        yield bar


def brief(text: str, limit: int = 300) -> str:
    """The beginning, and how much is left out."""
    return text if len(text) <= limit else f"{text[:limit]} … ({len(text) - limit:,} more characters)"


def show_laid_out(*parts: RenderableType, stderr: bool = False) -> None:
    """Print what rich lays out, in a pipe or a file without the spaces that it puts at the ends of lines."""
    screen, stream = console(stderr=stderr), sys.stderr if stderr else sys.stdout
    if stream.isatty():
        screen.print(*parts, sep="\n")
        return
    with screen.capture() as captured:
        screen.print(*parts, sep="\n")
    stream.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))
    stream.flush()


def _print(text: Text, *, stderr: bool = False, soft_wrap: bool = False, end: str = "\n") -> None:
    """A line or a paragraph; where it is not for a terminal, as it is: rich would make spaces of tabs."""
    screen = console(stderr=stderr)
    if screen.is_terminal:
        screen.print(text, soft_wrap=soft_wrap, end=end)
        return
    stream = sys.stderr if stderr else sys.stdout
    stream.write(text.plain + end)
    stream.flush()


def console(*, stderr: bool = False) -> Console:
    """The one place where a console is made: it takes no string for markup."""
    stream = sys.stderr if stderr else sys.stdout
    return _made_console(stderr, None if stream.isatty() else shutil.get_terminal_size((WIDE, 25)).columns)


@cache
def _made_console(stderr: bool, width: int | None) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)
