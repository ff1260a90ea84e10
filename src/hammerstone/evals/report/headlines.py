"""What each result comes to, for the top of the page: a number, and what it is measured against."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hammerstone.evals.report.readings import answers, over_all, way_of, wrong, wrong_hits
from hammerstone.evals.report.styles import Style
from hammerstone.evals.results import Figure, Result
from hammerstone.evals.tables import ALL, number, percent

__all__ = ["Bar", "Card", "headlines"]

_OURS = "hammerstone"
_BARS = 6


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A way, and its share in per cent."""

    name: str
    width: float
    said: str
    style: Style


@dataclass(frozen=True, kw_only=True)
class Card:
    """`value` is what is read first, `text` says of what."""

    value: str
    text: str
    bars: tuple[Bar, ...] = ()


def headlines(result: Result, styles: Mapping[str, Style]) -> Iterator[Card]:
    """Right answers, wrong hits, break-even: those of them that the result has."""
    right, missed = over_all(answers(result)), [wrong(one) for one in over_all(wrong_hits(result))]
    if right:
        leading = _ours(right) or max(right, key=lambda one: one.share)
        text = f"{_way(leading, result)}: {leading.right} of {leading.n}"
        yield Card(value=percent(leading.share), text=text, bars=_bars(right, result, styles))
    if missed:
        leading = _ours(missed) or min(missed, key=lambda one: one.share)
        text = f"wrong hits, {_way(leading, result)}"
        yield Card(value=f"{leading.right} of {leading.n}", text=text, bars=_bars(missed, result, styles))
    marks = {one.mark: one.name for one in reversed(result.series) if one.plot == "cost" and one.mark is not None}
    if marks:
        first = min(marks)
        text = f"requests until making has paid for itself: {marks[first]}"
        yield Card(value=number(math.ceil(first)), text=text)


def _ours(figures: Sequence[Figure]) -> Figure | None:
    return next((one for one in figures if one.method.startswith(_OURS)), None)


def _way(figure: Figure, result: Result) -> str:
    return way_of(figure, result.figures).replace("\n", ", ")


def _bars(figures: Sequence[Figure], result: Result, styles: Mapping[str, Style]) -> tuple[Bar, ...]:
    """One for each way; of a single way, one for each task."""
    single = len(figures) == 1
    rows = [one for one in answers(result) if one.task != ALL] if single else figures
    return tuple(
        Bar(
            name=one.task if single else _way(one, result),
            width=100 * one.share,
            said=percent(one.share),
            style=styles[way_of(one, result.figures)],
        )
        for one in rows[:_BARS]
    )
