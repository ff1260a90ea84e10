"""Results as tables of text: the same rows for the terminal, the report's page and a Markdown document."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from hammerstone.evals.report.experiment_result import Confusion, Measurement, Result, Series, Table, head_of
from hammerstone.formatting import exact_dollars, percent

__all__ = [
    "ALL",
    "CONFUSION",
    "COST",
    "COST_SO_FAR",
    "DETAIL",
    "Table",
    "about",
    "cost_of",
    "counted_in",
    "counts_cost",
    "counts_false_hits",
    "in_one_line",
    "number",
    "tables",
    "value_in",
]

ALL = "all"  # the task of a measurement over all tasks
CONFUSION = "Confusion matrix"  # the title of that table
COST = "cost"  # the plot of what a request costs
COST_SO_FAR = "cost so far"  # the plot of a running total
DETAIL = "detail"  # the column of the longest texts, always the last
UNKNOWN = "unknown"

_Column: TypeAlias = tuple[str, Sequence[str]]


def tables(result: Result) -> tuple[Table, ...]:
    """The measurements, a summary of the series, the confusion matrix and the result's own tables; no empty ones."""
    found = [_measurements(result), _series(result.series)]
    if result.confusion:
        found.append(_confusion(result.confusion))
    found += result.tables
    return tuple(table for table in found if table.rows)


def about(result: Result) -> str:
    """The origin of the numbers: seed, date of the recording, models."""
    recorded = [f"completions recorded {result.recorded}"] if result.recorded else []
    models = [f"{role}: {model}" for role, model in result.models.items()]
    return "; ".join([f"seed {result.seed}", *recorded, *models])


def counts_false_hits(experiment: str, measurement: Measurement) -> bool:
    """Whether `right` counts the questions without a false hit (a wrong answer from a tool or a cache).

    Everything in the near-miss experiment does; any other experiment says so in the task or method.
    """
    return experiment == "near-miss" or "false hit" in f"{measurement.task} {measurement.method}"


def in_one_line(label: str) -> str:
    """The label of a method, whose model stands on a second line."""
    return label.replace("\n", ", ")


def number(value: float) -> str:
    """A number, whole from a thousand on, otherwise with four significant digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 or value == math.floor(value) else f"{value:.4g}"


def cost_of(model: str) -> str:
    """The plot of what a request costs with this model, by each method."""
    return f"{COST}, {model}"


def counts_cost(plot: str) -> bool:
    """Whether the plot's values are dollars: of a request, or so far."""
    return plot.startswith(COST)


def value_in(plot: str) -> Callable[[float], str]:
    """The format of a plot's values: money, per cent, or plain numbers."""
    if counts_cost(plot):
        return exact_dollars
    return percent if plot in ("routes", "accuracy", "coverage", "found") else number


def counted_in(plot: str) -> str:
    """The unit that a plot counts on its x axis."""
    return "steps" if plot == "loss" else "requests"


def _measurements(result: Result) -> Table:
    measurements = result.figures
    columns: list[_Column] = [
        ("task", [one.task for one in measurements]),
        ("method", [one.method for one in measurements]),
        ("model…", [one.model for one in measurements]),
        ("#right", [f"{one.right}/{one.n}" for one in measurements]),
        ("#wrong", ["" if one.wrong is None else number(one.wrong) for one in measurements]),
        ("#per cent", [f"{100 * one.share:.1f}" if one.n else "-" for one in measurements]),
        ("#95 % interval", [_interval(one) for one in measurements]),
        (
            "#false hits",
            [f"{one.n - one.right}" if counts_false_hits(result.experiment, one) else "" for one in measurements],
        ),
        ("#paper", ["" if one.paper is None else f"{one.paper:.1f}" for one in measurements]),
        ("#tokens each", [_each(_tokens(one), one.n, lambda tokens: f"{tokens:,.0f}") for one in measurements]),
        ("#seconds each", ["" if one.seconds is None else f"{one.seconds / one.n:.1f}" for one in measurements]),
        ("#cost each", [_each(one.cost_usd, one.n, exact_dollars) for one in measurements]),
        ("#cost", [exact_dollars(one.cost_usd) for one in measurements]),
        ("#calls", [UNKNOWN if one.model_calls is None else number(one.model_calls) for one in measurements]),
        (f"{DETAIL}¶", [_detail(one) for one in measurements]),
    ]
    silent = [head_of(name) for name, cells in columns if set(cells) == {UNKNOWN}]
    caption = (
        "Intervals are 95 % Wilson intervals. Tokens (input and output), seconds and cost each are per question, of "
        "builds per build; cost and calls are totals over all n."
    )
    if silent:
        caption = f"{UNKNOWN.capitalize()} in every row: {', '.join(silent)}." + (
            f" {caption}" if len(silent) < 4 else ""
        )
    return _table("Measurements", [(name, cells) for name, cells in columns if head_of(name) not in silent], caption)


def _detail(measurement: Measurement) -> str:
    lacking = [f"{count} {reason}" for reason, count in measurement.lacking.items()]
    return "; ".join(part for part in (measurement.detail, *lacking) if part)


def _series(series: Sequence[Series]) -> Table:
    drawn = [one for one in series if one.x]
    columns: list[_Column] = [
        ("plot", [one.plot for one in drawn]),
        ("line", [in_one_line(one.name) for one in drawn]),
        ("#points", [number(len(one.x)) for one in drawn]),
        ("#first", [value_in(one.plot)(one.y[0]) for one in drawn]),
        ("#last", [value_in(one.plot)(one.y[-1]) for one in drawn]),
        ("#at", [number(one.x[-1]) for one in drawn]),
        ("#mark", ["" if one.mark is None else number(one.mark) for one in drawn]),
    ]
    return _table("During training" if any(one.plot == "loss" for one in drawn) else "Over the requests", columns)


def _confusion(confusion: Confusion) -> Table:
    """The confusion matrix as a table: rows are expected, columns are chosen."""
    columns = zip(*confusion.counts, strict=True)
    counts = [(f"#{name}", [number(one) for one in of]) for name, of in zip(confusion.columns, columns, strict=True)]
    return _table(CONFUSION, [("expected", confusion.rows), *counts])


def _table(title: str, columns: Sequence[_Column], caption: str = "") -> Table:
    """A table without the columns that are empty in every row."""
    kept = [(name, cells) for name, cells in columns if any(cells)]
    rows = tuple(zip(*(cells for _, cells in kept), strict=True))
    return Table(title=title, columns=tuple(name for name, _ in kept), rows=rows, caption=caption)


def _interval(measurement: Measurement) -> str:
    low, high = measurement.interval
    return f"{100 * low:.1f} to {100 * high:.1f}" if measurement.n else "-"


def _tokens(measurement: Measurement) -> int | None:
    read, written = measurement.input_tokens, measurement.output_tokens
    return None if read is None or written is None else read + written


def _each(total: float | None, n: int, say: Callable[[float], str]) -> str:
    if total is None:
        return UNKNOWN
    return say(total / n) if n else "-"
