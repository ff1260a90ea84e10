"""Chooses the plots of a result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from hammerstone.evals.report.aggregation import answers, by_task, false_hits, method_label, over_all, wrong
from hammerstone.evals.report.experiment_result import Measurement, Result, Series
from hammerstone.evals.report.plots import Dot, Point, draw_dots, draw_lines, draw_points, draw_stack
from hammerstone.evals.report.result_tables import ALL, counted_in, in_one_line, number, value_in
from hammerstone.evals.report.styles import Style, styles_of
from hammerstone.evals.report.svg import inline
from hammerstone.formatting import exact_dollars, percent
from hammerstone.visible import visible

__all__ = ["LegendEntry", "Plot", "draw"]

_Row: TypeAlias = tuple[str, Measurement]  # a name, and what it has reached

_FEW = 10  # counted, so that the count says more than per cents
_MANY = 24  # panels; past them only the one of all tasks is drawn, and the table has the others
_TITLES = {
    "cost": "Cost per request",
    "routes": "Routes over the stream",
    "strong calls": "Strong-model calls per request",
    "accuracy": "Accuracy over the stream",
    "coverage": "Fresh questions answered by parser",
    "found": "Streams in which the change is found",
    "loss": "Training loss, nats per token",
}
_PARTS = "routes"  # the plot whose series are parts of a whole
_MARKS = {"cost": "break-even"}
_WRONG = "Wrong answers from a tool or a cache, out of all questions. Fewer is better."


@dataclass(frozen=True, kw_only=True)
class LegendEntry:
    """A line of a legend. `value` is where its line ends; an area has a filled swatch."""

    name: str
    value: str
    style: Style
    area: bool


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A drawing with the words around it; `dots` says that it shows measurements with their intervals."""

    title: str
    svg: str
    dots: bool = False
    legend: tuple[LegendEntry, ...] = ()
    caption: str = ""


def draw(result: Result, prefix: str) -> tuple[Plot, ...]:
    """`prefix` begins the ids of the drawings; no two results of a page may have the same."""
    methods = [method_label(one, result.figures) for one in result.figures]
    styles = styles_of([*methods, *(one.name for one in result.series if one.plot != _PARTS)])
    plots = [
        *_reached(result, styles),
        *_answer_panels(result, styles),
        *_wrong_panels(result, styles),
        *_curves(result.series, styles),
    ]
    labels = [visible(f"{plot.title}. {plot.caption}".strip()) for plot in plots]
    return tuple(
        replace(plot, svg=inline(plot.svg, prefix=f"{prefix}{at}-", label=label))
        for at, (plot, label) in enumerate(zip(plots, labels, strict=True), 1)
    )


def _reached(result: Result, styles: Mapping[str, Style]) -> Iterator[Plot]:
    """Tables 2 and 4 in one: a point for each method, its accuracy over all tasks at the cost where its line ends."""
    costs = {one.name: one for one in result.series if one.plot == "cost" and one.x and one.y[-1] > 0}
    found = [(method_label(one, result.figures), one) for one in by_task(answers(result)).get(ALL, ())]
    points = [(name, one, costs[name]) for name, one in found if name in costs]
    if result.experiment == "use" and len(points) > 1:
        drawn = [
            Point(x=line.y[-1], share=one.share, interval=one.interval, style=styles[name])
            for name, one, line in points
        ]
        legend = [
            LegendEntry(
                name=in_one_line(name),
                value=f"{percent(one.share)}, {exact_dollars(line.y[-1])}",
                style=styles[name],
                area=True,
            )
            for name, one, line in points
        ]
        requests = number(points[0][2].x[-1])
        caption = (
            f"Over all tasks. The cost of a tool includes its build, divided over {requests} requests of its task."
        )
        yield Plot(title="Accuracy against cost", svg=draw_points(drawn), legend=tuple(legend), caption=caption)


def _answer_panels(result: Result, styles: Mapping[str, Style]) -> Iterator[Plot]:
    for title, rows in _rows(result):
        yield Plot(title=title, svg=draw_dots([_dot(row, result, styles) for row in rows]), dots=True)


def _rows(result: Result) -> Iterator[tuple[str, Sequence[_Row]]]:
    """A panel per task with a row per method; for builds, and for a single method, a panel per method."""
    measurements = answers(result)
    methods: defaultdict[str, list[_Row]] = defaultdict(list)
    for one in measurements:
        methods[method_label(one, result.figures)].append((_title(one.task), one))
    if len(methods) == 1 or result.experiment == "make":
        yield from ((in_one_line(method), rows) for method, rows in methods.items())
        return
    groups = by_task(measurements)
    for task, of in groups.items() if len(groups) <= _MANY else [(ALL, over_all(measurements))]:
        if of:
            yield _title(task), [(method_label(one, result.figures), one) for one in of]


def _wrong_panels(result: Result, styles: Mapping[str, Style]) -> Iterator[Plot]:
    measurements = over_all(false_hits(result))
    if measurements:
        rows = [(method_label(one, result.figures), wrong(one)) for one in measurements]
        dots = [_dot(row, result, styles) for row in rows]
        yield Plot(title="False hits", svg=draw_dots(dots), dots=True, caption=_WRONG)


def _dot(row: _Row, result: Result, styles: Mapping[str, Style]) -> Dot:
    name, one = row
    return Dot(
        name=name,
        share=one.share,
        interval=one.interval,
        said=f"{one.right} of {one.n}" if one.n <= _FEW else percent(one.share),
        paper=None if one.paper is None else one.paper / 100,
        style=styles[method_label(one, result.figures)],
    )


def _curves(series: Sequence[Series], styles: Mapping[str, Style]) -> Iterator[Plot]:
    plots: defaultdict[str, list[Series]] = defaultdict(list)
    for one in series:
        if one.x:
            plots[one.plot].append(one)
    for name, drawn in plots.items():
        yield _area(drawn) if name == _PARTS and len({one.x for one in drawn}) == 1 else _line(name, drawn, styles)


def _area(series: Sequence[Series]) -> Plot:
    styles = styles_of(one.name for one in series)
    return _curve(_PARTS, series, styles, draw_stack(series, styles, value_in(_PARTS)), area=True)


def _line(name: str, series: Sequence[Series], styles: Mapping[str, Style]) -> Plot:
    styles = {**styles_of(one.name for one in series), **styles}
    return _curve(name, series, styles, draw_lines(series, styles, value_in(name), _MARKS.get(name, "")), area=False)


def _curve(name: str, series: Sequence[Series], styles: Mapping[str, Style], svg: str, *, area: bool) -> Plot:
    say = value_in(name)
    legend = [
        LegendEntry(name=in_one_line(one.name), value=say(one.y[-1]), style=styles[one.name], area=area)
        for one in series
    ]
    caption = f"Values after {number(series[0].x[-1])} {counted_in(name)}."
    return Plot(title=_TITLES.get(name, _title(name)), svg=svg, legend=tuple(legend), caption=caption)


def _title(name: str) -> str:
    return "All tasks" if name == ALL else name
