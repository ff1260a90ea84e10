"""Chooses the plots of a result."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from hammerstone.evals.report.aggregation import answers, by_task, false_hits, method_label, over_all, wrong
from hammerstone.evals.report.experiment_result import NO_MODEL, Measurement, Result, Series
from hammerstone.evals.report.plots import Dot, Point, draw_dots, draw_lines, draw_points, draw_stack
from hammerstone.evals.report.result_tables import (
    ALL,
    COST,
    COST_SO_FAR,
    cost_of,
    counted_in,
    counts_cost,
    in_one_line,
    number,
    value_in,
)
from hammerstone.evals.report.styles import SHAPES, Style, styles_of
from hammerstone.evals.report.svg import inline
from hammerstone.formatting import exact_dollars, percent
from hammerstone.visible import visible

__all__ = ["LegendEntry", "Plot", "draw"]

_Row: TypeAlias = tuple[str, Measurement]  # a name, and what it has reached

_FEW = 10  # counted, so that the count says more than per cents
_MANY = 24  # panels; past them only the one of all tasks is drawn, and the table has the others
_TITLES = {
    COST: "Cost per request",
    COST_SO_FAR: "Cost so far",
    "routes": "Routes over the stream",
    "strong calls": "Strong-model calls per request",
    "accuracy": "Accuracy over the stream",
    "coverage": "Fresh questions answered by parser",
    "found": "Streams in which the change is found",
    "loss": "Training loss, nats per token",
}
_BREAK_EVEN = "break-even"
_PARTS = "routes"  # the plot whose series are parts of a whole
_WRONG = "Wrong answers from a tool or a cache, out of all questions. Fewer is better."


@dataclass(frozen=True, kw_only=True)
class LegendEntry:
    """A line of a legend. `value` is where its line ends; an area has a filled swatch, a point its `outline`."""

    name: str
    value: str
    style: Style
    area: bool = False
    outline: str = ""


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
    styles = _styles(result)
    plots = [
        *_reached(result),
        *_answer_panels(result, styles),
        *_wrong_panels(result, styles),
        *_curves(result.series, styles),
    ]
    labels = [visible(f"{plot.title}. {plot.caption}".strip()) for plot in plots]
    return tuple(
        replace(plot, svg=inline(plot.svg, prefix=f"{prefix}{at}-", label=label))
        for at, (plot, label) in enumerate(zip(plots, labels, strict=True), 1)
    )


def _styles(result: Result) -> Mapping[str, Style]:
    """A colour for each of several models; with one, a style for each method, which its lines have as well."""
    models = styles_of(one.model for one in result.figures)
    labels = {method_label(one, result.figures): one.model for one in result.figures}
    if len(models.keys() - {NO_MODEL}) > 1:
        return {label: models[model] for label, model in labels.items()}
    return styles_of([*labels, *(one.name for one in result.series if one.plot != _PARTS)])


def _reached(result: Result) -> Iterator[Plot]:
    """Tables 2 and 4 in one: a point for each method, its accuracy over all tasks at the cost where its line ends."""
    found = [(one, _cost_line(one, result.series)) for one in by_task(answers(result)).get(ALL, ())]
    points = [(one, line) for one, line in found if line is not None]
    if result.experiment != "use" or len(points) < 2:
        return
    colours = styles_of(one.model for one, _ in points)
    methods = list(dict.fromkeys(one.method for one, _ in points))
    shapes = {method: list(SHAPES)[at % len(SHAPES)] for at, method in enumerate(methods)}
    drawn = [
        Point(
            x=line.y[-1],
            share=one.share,
            interval=one.interval,
            colour=colours[one.model].colour,
            shape=shapes[one.method],
        )
        for one, line in points
    ]
    legend = [
        LegendEntry(
            name=in_one_line(method_label(one, result.figures)),
            value=f"{percent(one.share)}, {exact_dollars(line.y[-1])}",
            style=colours[one.model],
            outline=SHAPES[shapes[one.method]],
        )
        for one, line in points
    ]
    requests = number(points[0][1].x[-1])
    caption = f"Over all tasks. The cost of a tool includes its build, divided over {requests} requests of its task."
    yield Plot(title="Accuracy against cost", svg=draw_points(drawn), legend=tuple(legend), caption=caption)


def _cost_line(one: Measurement, series: Sequence[Series]) -> Series | None:
    """The line of what this method costs with its model; a parser's is the same beside every model."""
    plots = {line.plot for line in series} if one.model == NO_MODEL else {COST, cost_of(one.model)}
    lines = [line for line in series if line.plot in plots and line.name == one.method and line.x and line.y[-1] > 0]
    return lines[0] if lines else None


def _answer_panels(result: Result, styles: Mapping[str, Style]) -> Iterator[Plot]:
    for title, rows in _rows(result):
        shares, papers = {one.share for _, one in rows}, [one.paper for _, one in rows if one.paper is not None]
        if len(rows) > 1 and not papers and shares in ({0.0}, {1.0}):
            continue  # all or nothing by every method: the table says it
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
    return _curve(
        name, series, styles, draw_lines(series, styles, value_in(name), _BREAK_EVEN if counts_cost(name) else "")
    )


def _curve(name: str, series: Sequence[Series], styles: Mapping[str, Style], svg: str, *, area: bool = False) -> Plot:
    say = value_in(name)
    legend = [
        LegendEntry(name=in_one_line(one.name), value=say(one.y[-1]), style=styles[one.name], area=area)
        for one in series
    ]
    caption = f"Values after {number(series[0].x[-1])} {counted_in(name)}."
    return Plot(title=_plot_title(name), svg=svg, legend=tuple(legend), caption=caption)


def _plot_title(name: str) -> str:
    model = name.removeprefix(cost_of(""))
    return f"Cost per request, {model}" if model != name else _TITLES.get(name, _title(name))


def _title(name: str) -> str:
    return "All tasks" if name == ALL else name
