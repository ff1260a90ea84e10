"""The drawings: every mark stands where its number says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from hammerstone.evals.report.drawing import Plot, draw
from hammerstone.evals.report.experiment_result import Measurement, Result, Series

from .made_up import METHODS, TASKS, dispatch, make, near_miss, stream, unheard_of, use


def psplit_of(result: Result, title: str) -> Plot:
    (found,) = [plot for plot in draw(result, "x") if plot.title == title]
    return found


def root(plot: Plot) -> ElementTree.Element:
    return ElementTree.fromstring(plot.svg)  # noqa: S314 - our own drawing


def elements(plot: Plot, tag: str) -> list[ElementTree.Element]:
    return list(root(plot).iter(tag))


def words(plot: Plot) -> list[str]:
    return [element.text or "" for element in elements(plot, "text")]


def at(plot: Plot, text: str) -> tuple[float, float]:
    """The position of a word in the drawing; for a tick, its middle."""
    (found,) = [element for element in elements(plot, "text") if element.text == text]
    return float(found.attrib["x"]), float(found.attrib["y"])


def share_at(plot: Plot, x: float) -> float:
    """The share that a place stands for, by the ticks."""
    nought, whole = at(plot, "0 %")[0], at(plot, "100 %")[0]
    return (x - nought) / (whole - nought)


def marks(plot: Plot) -> list[float]:
    """Shares of the dots and diamonds, from the top down."""
    return [share_at(plot, float(one.attrib["x"])) for one in elements(plot, "use") if one.attrib.get("y")]


def spans(plot: Plot) -> list[tuple[float, float]]:
    """Shares of both ends of the horizontal lines that are intervals: those with a width of three."""
    found = [one.attrib["d"] for one in elements(plot, "path") if "stroke-width: 3" in one.attrib.get("style", "")]
    ends = [[float(number) for number in re.findall(r"[\d.]+", line)] for line in found]
    return [(share_at(plot, line[0]), share_at(plot, line[2])) for line in ends]


def mark_lines(plot: Plot) -> list[str]:
    """The upright lines of marks: dotted, and of a width that no other line has."""
    return [one.attrib["d"] for one in elements(plot, "path") if "2.4,2.4" in one.attrib.get("style", "")]


def one_task(figures: Sequence[Measurement]) -> Result:
    return replace(use(), figures=tuple(figures), series=())


FIGURES = (
    Measurement(task="a", method="low", model="", n=20, right=3),
    Measurement(task="a", method="high", model="", n=40, right=37, paper=50.0),
    Measurement(task="a", method="none", model="", n=11, right=0, paper=98.3),
)


def test_dots_diamonds_and_intervals_stand_where_their_numbers_say() -> None:
    plot = psplit_of(one_task(FIGURES), "a")
    assert marks(plot) == pytest.approx([3 / 20, 37 / 40, 0.5, 0, 0.983], abs=0.003)
    for drawn, figure in zip(spans(plot), FIGURES, strict=True):
        assert drawn == pytest.approx(figure.interval, abs=0.003)
    assert [word for word in words(plot) if word in {"15.0 %", "92.5 %", "0.0 %"}] == ["15.0 %", "92.5 %", "0.0 %"]


def test_rows_stand_in_the_order_of_the_figures_each_beside_its_name() -> None:
    plot = psplit_of(one_task(FIGURES), "a")
    rows = [at(plot, name)[1] for name in ("low", "high", "none")]
    assert rows == sorted(rows)
    said = [at(plot, text)[1] for text in ("15.0 %", "92.5 %", "0.0 %")]
    assert said == pytest.approx(rows, abs=2)


def test_only_the_papers_figures_are_hollow() -> None:
    for method, hollow in (("low", 0), ("high", 1)):
        of = [one for one in FIGURES if one.method == method]
        plot = draw(one_task(of), "x")[0]
        assert len(marks(plot)) == 1 + hollow


def test_each_task_has_a_panel_and_all_together_come_first() -> None:
    titles = [plot.title for plot in draw(use(), "x")]
    assert titles == ["Accuracy against cost", "All tasks", *TASKS, "Cost per request"]
    for plot in draw(use(), "x")[1:-1]:
        assert {"tool, user", "tool, parser", "program of thought"} <= set(words(plot))


def test_builds_are_counted_task_by_task() -> None:
    (plot,) = draw(make(), "x")
    assert [word for word in words(plot) if " of 5" in word] == [f"{one.right} of 5" for one in make().figures]
    shares = [share for one in make().figures for share in (one.right / 5, (one.paper or 0) / 100)]
    assert marks(plot) == pytest.approx(shares, abs=0.003)


def test_a_method_with_several_models_is_told_apart_by_the_model() -> None:
    figures = [replace(FIGURES[0], model=model) for model in ("model-one", "model-two")]
    assert {"low", "model-one", "model-two"} <= set(words(psplit_of(one_task(figures), "a")))
    assert "model-one" not in words(psplit_of(one_task([*figures[:1], FIGURES[1]]), "a"))


def test_false_hits_are_what_is_missing_from_the_right_ones() -> None:
    (plot,) = draw(near_miss(), "x")
    assert plot.title == "False hits"
    assert marks(plot) == pytest.approx([0, 0, 19 / 23, 11 / 23, 17 / 23], abs=0.003)
    low, high = near_miss().figures[2].interval
    assert spans(plot)[2][0] > 1 - high
    assert spans(plot)[2][1] < 1 - low, "over six tasks the interval is narrower than over one"


def test_false_hits_of_the_stream_are_apart_from_its_answers() -> None:
    titles = [plot.title for plot in draw(stream(), "x")]
    assert titles == [
        *("All tasks", "False hits", "Cost per request", "Routes over the stream", "Accuracy over the stream")
    ]
    assert marks(psplit_of(stream(), "False hits")) == pytest.approx([0, 0, 41 / 300], abs=0.003)


def test_the_break_even_stands_at_its_request() -> None:
    plot = psplit_of(stream(), "Cost per request")
    assert "break-even 87" in words(plot)
    (line,) = mark_lines(plot)
    x = float(re.findall(r"[\d.]+", line)[0])
    nought, later = at(plot, "0")[0], at(plot, "240")[0]
    assert 240 * (x - nought) / (later - nought) == pytest.approx(87, abs=0.7)


def test_counts_that_are_spread_over_decades_are_drawn_so_and_it_is_said() -> None:
    plot = psplit_of(use(), "Cost per request")
    assert "requests; both scales are logarithmic" in words(plot)
    assert at(plot, "100")[0] - at(plot, "10")[0] == pytest.approx(at(plot, "10")[0] - at(plot, "1")[0], abs=0.02)
    assert {"break-even 13", "break-even 15"} <= set(words(plot))
    assert "requests" in words(psplit_of(stream(), "Cost per request"))


def test_routes_are_parts_of_a_whole() -> None:
    plot = psplit_of(stream(), "Routes over the stream")
    assert [entry.area for entry in plot.legend] == [True] * 3
    layers = [one for one in elements(plot, "use") if "fill: #" in one.attrib.get("style", "")]
    assert len({one.attrib["style"] for one in layers}) == 3


def test_routes_of_unequal_lengths_are_drawn_as_lines() -> None:
    series = (
        Series(plot="routes", name="parser", x=(1, 2, 3), y=(0.1, 0.2, 0.3)),
        Series(plot="routes", name="solver", x=(1, 2), y=(0.9, 0.8)),
    )
    plot = psplit_of(replace(stream(), series=series), "Routes over the stream")
    assert [entry.area for entry in plot.legend] == [False, False]


def test_a_plot_that_nobody_has_heard_of_is_drawn_as_lines() -> None:
    plot = psplit_of(unheard_of(), "age")
    assert [entry.value for entry in plot.legend] == ["13"]
    assert {"1", "2", "3", "5", "10"} & set(words(plot))


@pytest.mark.parametrize(
    "series",
    [
        Series(plot="cost", name="one point", x=(1,), y=(0.5,), mark=1),
        Series(plot="cost", name="free", x=(1, 10, 1000), y=(0, 0, 0), mark=0),
        Series(plot="cost", name="marked at nought", x=(1, 2, 5, 1000), y=(9, 3, 2, 0.01), mark=0),
        Series(plot="cost", name="marked far out", x=(1, 2, 3), y=(1, 2, 3), mark=1e9),
        Series(plot="lost", name="below nought", x=(-3, 0, 4), y=(-1, 0, 2)),
    ],
    ids=lambda one: one.name,
)
def test_unusual_series_are_drawn_too(series: Series) -> None:
    (plot,) = draw(replace(unheard_of(), figures=(), series=(series,)), "x")
    assert len(words(plot)) > 2


def test_a_mark_beyond_the_last_request_is_reported_and_leaves_the_lines_their_room() -> None:
    series = (Series(plot="cost", name="late", x=(1, 2, 3), y=(3, 2, 1), mark=5000),)
    plot = psplit_of(replace(stream(), series=series), "Cost per request")
    assert "break-even 5,000 →" in words(plot)
    assert mark_lines(plot) == []
    assert {"1", "2", "3"} <= set(words(plot))


def test_names_of_any_script_and_length_are_drawn() -> None:
    figures = [
        Measurement(task="並べ替え", method="用户 🪨", model="", n=7, right=3),
        Measurement(task="並べ替え", method="a_very_" * 20, model="", n=7, right=3),
        Measurement(task="並べ替え", method="x" * 90, model="", n=7, right=3),
        Measurement(task="並べ替え", method="", model="", n=7, right=3),
        Measurement(task="並べ替え", method="half \ud83e bell\x07", model="", n=7, right=3),
    ]
    plot = psplit_of(one_task(figures), "並べ替え")
    assert {"用户 🪨", r"half \ud83e bell\x07"} <= {word.strip() for word in words(plot)}
    assert max(len(word) for word in words(plot)) <= 20


def test_past_two_dozen_tasks_only_all_together_are_drawn() -> None:
    figures = [replace(one, task=f"task {number}") for number in range(25) for one in FIGURES]
    (plot,) = draw(one_task(figures), "x")
    assert plot.title == "All tasks"
    assert [word for word in words(plot) if "." in word] == ["15.0 %", "92.5 %", "0.0 %"]


def test_the_same_name_looks_the_same_in_all_plots_of_a_result() -> None:
    panels = draw(use(), "x")
    cost = psplit_of(use(), "Cost per request")
    colours = {entry.name: entry.style.colour for entry in cost.legend}
    for plot in panels[1:-1]:
        assert all(f"fill: {colour}" in plot.svg for colour in colours.values())
    assert len({*colours.values()}) == len(METHODS[1::2]) + 1


def test_a_drawing_is_read_out_by_its_title() -> None:
    for plot in draw(dispatch(), "x"):
        assert root(plot).attrib["role"] == "img"
        assert root(plot).attrib["aria-label"].startswith(plot.title)


def test_accuracy_is_drawn_first_against_the_cost_of_a_request_a_point_for_each_method() -> None:
    reached = {"direct": (30, 0.01), "tool": (90, 0.001)}
    figures = [
        Measurement(task="all", method=method, model="", n=100, right=right) for method, (right, _) in reached.items()
    ]
    lines = [Series(plot="cost", name=name, x=(1, 500), y=(9, cost)) for name, (_, cost) in reached.items()]
    plot = draw(replace(use(), figures=tuple(figures), series=tuple(lines)), "x")[0]
    assert (plot.title, "500 requests" in plot.caption) == ("Accuracy against cost", True)
    assert [(one.name, one.value) for one in plot.legend] == [
        ("direct", "30.0 %, $0.0100"),
        ("tool", "90.0 %, $0.0010"),
    ]
    (cheap, dear) = sorted((float(one.attrib["x"]), float(one.attrib["y"])) for one in elements(plot, "use"))[-2:]
    assert cheap[0] < dear[0]  # the tool costs less
    assert cheap[1] < dear[1]  # and stands higher


def test_a_point_has_the_colour_of_its_model_and_the_shape_of_its_method() -> None:
    asked = [(model, method) for model in ("large", "small") for method in ("direct", "tool")]
    figures = [Measurement(task="all", method=method, model=model, n=9, right=4) for model, method in asked]
    lines = [Series(plot=f"cost, {model}", name=method, x=(1, 500), y=(9, 0.01)) for model, method in asked]
    plot = draw(replace(use(), figures=tuple(figures), series=tuple(lines)), "x")[0]
    assert [one.name for one in plot.legend] == ["direct, large", "tool, large", "direct, small", "tool, small"]
    colours, shapes = [one.style.colour for one in plot.legend], [one.outline for one in plot.legend]
    assert (colours[0], colours[2]) == (colours[1], colours[3])
    assert colours[0] != colours[2]
    assert (shapes[0], shapes[1]) == (shapes[2], shapes[3])
    assert shapes[0] != shapes[1]


def test_what_each_model_costs_has_a_plot_of_its_own() -> None:
    lines = [Series(plot=f"cost, {model}", name="tool", x=(1, 500), y=(9, 0.01)) for model in ("large", "small")]
    titles = [plot.title for plot in draw(replace(use(), series=tuple(lines)), "x")]
    assert titles[-2:] == ["Cost per request, large", "Cost per request, small"]


def test_a_panel_in_which_all_have_reached_all_is_left_to_the_table() -> None:
    all_right = [Measurement(task="a", method=method, model="", n=4, right=4) for method in ("one", "two")]
    assert draw(one_task(all_right), "x") == ()
    assert [plot.title for plot in draw(one_task([*all_right, FIGURES[0]]), "x")] == ["a"]


def test_without_a_cost_no_accuracy_is_drawn_against_it() -> None:
    assert "Accuracy against cost" not in [plot.title for plot in draw(replace(use(), series=()), "x")]


def test_a_long_word_breaks_after_a_hyphen_and_a_short_one_nowhere() -> None:
    (one, *_) = use().figures
    long = replace(one, method="everything to qwen2.5-coder-0.5b-instruct", model="")
    short = replace(one, method="dispatcher, then look-alike", model="")
    drawn = [word for plot in draw(replace(use(), figures=(long, short), series=()), "x") for word in words(plot)]
    assert {"everything to", "qwen2.5-coder-", "0.5b-instruct"} <= set(drawn)
    assert "look-alike" in drawn
