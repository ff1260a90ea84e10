"""The page: everything that is shown, put into the template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hammerstone.evals.report.drawing import Plot, draw, styles_for
from hammerstone.evals.report.headlines import Card, headlines
from hammerstone.evals.report.styles import Style
from hammerstone.evals.results import Confusion, Result
from hammerstone.evals.tables import CONFUSION, Table, about, tables

__all__ = ["render"]

_PALE, _DEEP = (255, 255, 255), (0, 79, 133)  # the background of nothing, and of a whole row


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """A count of a heat table. `right` where what was meant is what it was taken for."""

    count: int
    colour: str
    dark: bool
    right: bool


@dataclass(frozen=True, kw_only=True)
class _Section:
    """A result as the page shows it."""

    anchor: str
    result: Result
    about: str
    cards: tuple[Card, ...]
    plots: tuple[Plot, ...]
    heat: tuple[tuple[_Cell, ...], ...]
    tables: tuple[Table, ...]


def render(results: Sequence[Result], *, title: str, generator: str) -> str:
    """All of the page; `generator` is put into its head as it is."""
    styles = styles_for(results)
    sections = [_section(f"e{at}", result, styles) for at, result in enumerate(results, 1)]
    environment = Environment(
        loader=PackageLoader(__package__ or "", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html").render(
        title=title,
        generator=Markup(generator),  # noqa: S704 - our own constant
        style=Markup(files(__package__ or "").joinpath("templates/report.css").read_text(encoding="utf-8")),
        sections=sections,
        recorded=sorted({result.recorded for result in results} - {""}),
    )


def _section(anchor: str, result: Result, styles: Mapping[str, Style]) -> _Section:
    return _Section(
        anchor=anchor,
        result=result,
        about=about(result),
        cards=tuple(headlines(result, styles)),
        plots=draw(result, styles, f"{anchor}-"),
        heat=_heat(result.confusion) if result.confusion else (),
        tables=tuple(table for table in tables(result) if table.title != CONFUSION),
    )


def _heat(confusion: Confusion) -> tuple[tuple[_Cell, ...], ...]:
    """Each count on a background as deep as its part of the row."""
    return tuple(
        tuple(_cell(count, sum(counts), row == column) for column, count in zip(confusion.columns, counts, strict=True))
        for row, counts in zip(confusion.rows, confusion.counts, strict=True)
    )


def _cell(count: int, whole: int, right: bool) -> _Cell:
    part = count / whole if whole else 0.0
    mixed = [round(pale + part * (deep - pale)) for pale, deep in zip(_PALE, _DEEP, strict=True)]
    return _Cell(count=count, colour="#" + "".join(f"{one:02x}" for one in mixed), dark=part > 0.5, right=right)
