"""The page: everything that is shown, put into the template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hammerstone.evals.report.drawing import Plot, draw
from hammerstone.evals.report.experiment_result import Confusion, Headline, Result, Table
from hammerstone.evals.report.headlines import headlines
from hammerstone.evals.report.result_tables import CONFUSION, DETAIL, about, tables
from hammerstone.visible import seen, visible

__all__ = ["render"]

_PALE, _DEEP = (255, 255, 255), (0, 79, 133)  # the background of nothing, and of a whole row


@dataclass(frozen=True, kw_only=True)
class _Cell:
    """A count of a heat table. `right` where the chosen name is the expected one."""

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
    papers: bool
    headlines: tuple[Headline, ...]
    plots: tuple[Plot, ...]
    heat: tuple[tuple[_Cell, ...], ...]
    tables: tuple[Table, ...]


def render(results: Sequence[Result], *, title: str, generator: str) -> str:
    """Render the whole page; its head names the `generator`."""
    sections = [_section(f"e{at}", result) for at, result in enumerate(results, 1)]
    environment = Environment(
        loader=PackageLoader(__package__ or "", "templates"),
        autoescape=True,
        finalize=seen,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html").render(
        breakable=_breakable,
        grouped=_grouped,
        title=title,
        generator=generator,
        sections=sections,
        recorded=sorted({result.recorded for result in results} - {""}),
    )


def _section(anchor: str, result: Result) -> _Section:
    return _Section(
        anchor=anchor,
        result=result,
        about=about(result),
        papers=any(one.paper is not None for one in result.figures),
        headlines=tuple(headlines(result)),
        plots=draw(result, f"{anchor}-"),
        heat=_heat(result.confusion) if result.confusion else (),
        tables=tuple(table for table in tables(result) if table.title != CONFUSION),
    )


def _grouped(table: Table) -> list[tuple[str, list[tuple[tuple[str, ...], str]]]]:
    """Group neighbouring rows that begin alike under their common beginning, each with its own detail."""
    end = -1 if table.heads[-1] == DETAIL else None
    groups = groupby(table.rows, key=lambda row: row[0])
    return [(name, [(row[1:end], row[-1] if end else "") for row in rows]) for name, rows in groups]


def _breakable(name: str) -> Markup:
    """A name that may be broken into lines after its underscores."""
    return Markup("_<wbr>").join(visible(name).split("_"))


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
