"""The plots. Each is drawn as wide as a phone shows it, so that its type is read at its own size everywhere."""

# pyright: reportUnknownMemberType=false
# matplotlib's stubs leave the keyword arguments of most methods without a type.
from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from textwrap import wrap

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from hammerstone.evals.report.experiment_result import Series
from hammerstone.evals.report.result_tables import COST_SO_FAR, counted_in, counts_cost, number
from hammerstone.evals.report.styles import Style
from hammerstone.formatting import exact_dollars
from hammerstone.visible import visible

__all__ = ["Dot", "Point", "draw_dots", "draw_lines", "draw_points", "draw_stack"]

_WIDTH, _HEIGHT = 340, 230  # px; dots are as high as they are many
_PER_INCH = 72  # with it, a unit of the drawing is a pixel
_LETTER = 6.0  # px, of a middling letter: the page's own type is not at hand to be measured
_LETTERS = 20  # of a name, in a line
_INK, _FAINT, _RULE = "#33302b", "#6f6a61", "#e4e1da"
_CROWDED = 8  # times the middle x is less than the last: the points are not evenly spaced
_FLAT = 40  # times the lowest value is less than the highest: on an even scale it lies on the floor
_LOOK = {
    "svg.fonttype": "none",
    "svg.hashsalt": "hammerstone",
    "text.parse_math": False,
    "font.size": 10.5,
    "text.color": _INK,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _FAINT,
    "axes.spines.left": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": _RULE,
    "xtick.color": _FAINT,
    "ytick.color": _FAINT,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
}


@dataclass(frozen=True, kw_only=True)
class Dot:
    """A share with its interval, from 0 to 1, and `said` beside it. `paper` is the paper's share."""

    name: str
    share: float
    interval: tuple[float, float]
    said: str
    paper: float | None
    style: Style


@dataclass(frozen=True, kw_only=True)
class Point:
    """A share with its interval, from 0 to 1, at a cost in US dollars. `shape` is one of `SHAPES`."""

    x: float
    share: float
    interval: tuple[float, float]
    colour: str
    shape: str


def draw_points(points: Sequence[Point]) -> str:
    """Shares over what they cost, on a logarithmic scale."""

    def paint(axes: Axes) -> None:
        for one in points:
            axes.vlines(one.x, *one.interval, color=one.colour, linewidth=3, alpha=0.45)
            axes.plot(one.x, one.share, one.shape, color=one.colour, markersize=6.5)
        axes.set_xscale("log")
        axes.set_ylim(-0.04, 1.04)
        dollars = [one.x for one in points]
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3) if max(dollars) < 100 * min(dollars) else (1,)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(_words(exact_dollars))
        axes.yaxis.set_major_formatter(_words(lambda share: f"{100 * share:.0f} %"))
        axes.set_xlabel("US dollars per request; their scale is logarithmic")
        axes.set_position((52 / _WIDTH, 40 / _HEIGHT, 1 - 66 / _WIDTH, 1 - 50 / _HEIGHT))

    return _drawn(paint)


def draw_dots(dots: Sequence[Dot]) -> str:
    """A row for each: a dot with its interval, the paper's as a hollow diamond, and the value in words."""
    names = [_lines(dot.name) for dot in dots]
    heights = [24 + 12 * name.count("\n") for name in names]
    middles = [sum(heights[:index]) + height / 2 for index, height in enumerate(heights)]
    left = 16 + _LETTER * max(len(line) for name in names for line in name.split("\n"))
    right = 14 + _LETTER * max(len("100.0 %"), *(len(dot.said) for dot in dots))  # one scale for all panels

    def paint(axes: Axes) -> None:
        axes.set(xlim=(0, 1), ylim=(sum(heights), 0), xticks=(0, 0.5, 1))
        axes.set_yticks(middles, names, color=_INK)
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_formatter(_words(lambda share: f"{100 * share:.0f} %"))
        axes.tick_params("y", pad=10)
        for middle, dot in zip(middles, dots, strict=True):
            _paint_dot(axes, middle, dot)

    return _drawn(paint, height=sum(heights) + 24, left=left, right=right)


def _paint_dot(axes: Axes, row: float, dot: Dot) -> None:
    colour = dot.style.colour
    axes.hlines(row, *dot.interval, color=colour, linewidth=3, alpha=0.45, clip_on=False)
    axes.plot(dot.share, row, "o", color=colour, markersize=6.5, clip_on=False)
    if dot.paper is not None:
        axes.plot(dot.paper, row, "D", color=_INK, fillstyle="none", markersize=7, clip_on=False)
    axes.annotate(dot.said, (1, row), (12, 0), textcoords="offset points", va="center_baseline", annotation_clip=False)


def draw_lines(
    series: Sequence[Series], styles: Mapping[str, Style], say: Callable[[float], str], mark: str = ""
) -> str:
    """`y` over `x`, with every series' mark: a dotted line, with its `x` after the words `mark`."""

    def paint(axes: Axes) -> None:
        for one in series:
            look = styles[one.name]
            dash = (0, look.dash) if look.dash else "-"
            point = "o" if len(one.x) == 1 else None  # a line of one point would not be seen
            axes.plot(one.x, one.y, color=look.colour, linewidth=2, linestyle=dash, marker=point)
        _set_scales(axes, series)
        _paint_marks(axes, series, styles, mark)
        _say_values(axes, say, counted_in(series[0].plot))

    return _drawn(paint)


def _set_scales(axes: Axes, series: Sequence[Series]) -> None:
    """Start at zero if that leaves something to see; use logarithms if points or dollars span orders of magnitude."""
    xs = sorted(x for one in series for x in one.x)
    ys = sorted(y for one in series for y in one.y)
    if 0 < _CROWDED * xs[len(xs) // 2] < xs[-1]:
        axes.set_xscale("log")
    if counts_cost(series[0].plot) and 0 < _FLAT * ys[0] < ys[-1] and series[0].plot != COST_SO_FAR:
        axes.set_yscale("log")
    elif 0 < ys[0] < ys[-1] / 2:
        axes.set_ylim(bottom=0)


def _paint_marks(axes: Axes, series: Sequence[Series], styles: Mapping[str, Style], mark: str) -> None:
    """A mark beyond the last `x` is written with an arrow: a line there would squeeze all others together."""
    last = max(x for one in series for x in one.x)
    marked = [(one.mark, styles[one.name].colour) for one in series if one.mark is not None]
    for row, (x, colour) in enumerate(marked):
        place = min(x, last)
        if place == x:
            axes.axvline(x, color=colour, linewidth=1.2, linestyle=(0, (2, 2)))
        after = axes.transAxes.inverted().transform(axes.transData.transform((place, 0.5)))[0] < 0.5
        axes.annotate(
            (f"{mark} {number(math.ceil(x))}" if mark else number(x)) + (" →" if place < x else ""),
            (place, 1),
            (5 if after else -5, -3 - 15 * row),
            xycoords=axes.get_xaxis_transform(),
            textcoords="offset points",
            ha="left" if after else "right",
            va="top",
            weight="bold",
            color=colour,
        )


def draw_stack(series: Sequence[Series], styles: Mapping[str, Style], say: Callable[[float], str]) -> str:
    """Draw parts of a whole, one upon the other, over the `x` of the first."""

    def paint(axes: Axes) -> None:
        colours = [styles[one.name].colour for one in series]
        axes.stackplot(series[0].x, *(one.y for one in series), colors=colours, edgecolor="white", linewidth=0.5)
        axes.margins(0)
        _say_values(axes, say, counted_in(series[0].plot))

    return _drawn(paint)


def _say_values(axes: Axes, say: Callable[[float], str], counted: str) -> None:
    """Write the values in words at the left, with as much room as they need."""
    for axis, words, whole in ((axes.xaxis, number, True), (axes.yaxis, say, False)):
        if axis.get_scale() == "log":
            axis.set_minor_locator(NullLocator())
        else:
            axis.set_major_locator(MaxNLocator(5, integer=whole))
        axis.set_major_formatter(_words(words))
    scales = {("log", "linear"): "; their scale is logarithmic", ("log", "log"): "; both scales are logarithmic"}
    scales[("linear", "log")] = "; the values' scale is logarithmic"
    axes.set_xlabel(counted + scales.get((axes.get_xscale(), axes.get_yscale()), ""))
    left = 12 + _LETTER * max(len(say(value)) for value in axes.get_yticks())
    axes.set_position((left / _WIDTH, 40 / _HEIGHT, 1 - (left + 14) / _WIDTH, 1 - 50 / _HEIGHT))


def _words(say: Callable[[float], str]) -> FuncFormatter:
    def text(value: float, _at: int | None) -> str:
        return say(value)

    return FuncFormatter(text)


def _drawn(paint: Callable[[Axes], None], *, height: float = _HEIGHT, left: float = 0, right: float = 0) -> str:
    """The drawing as SVG, the same on every day and machine and with any user's settings for matplotlib."""
    box = (left / _WIDTH, 20 / height, 1 - (left + right) / _WIDTH, 1 - 24 / height)
    with matplotlib.style.context(["default", _LOOK]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the browser has fonts for every script
        drawing = Drawing(figsize=(_WIDTH / _PER_INCH, height / _PER_INCH))
        paint(drawing.add_axes(box))
        svg = StringIO()
        drawing.savefig(svg, format="svg", transparent=True, metadata={"Date": None})
    return svg.getvalue()


def _lines(name: str) -> str:
    """A name in at most four lines of 20 letters, broken after underscores or hyphens, the last line cut."""
    parts = visible(name, lines=True).expandtabs(1).replace("_", "_\0 ").split("\n")  # SVG allows no control characters
    words = [[w.replace("-", "-\0 ") if len(w) > _LETTERS else w for w in part.split(" ")] for part in parts]
    lines = [line.replace("\0 ", "").replace("\0", "") for one in words for line in wrap(" ".join(one), _LETTERS)]
    return "\n".join(lines if len(lines) < 5 else [*lines[:3], f"{lines[3][: _LETTERS - 1]}…"])
