"""How a result's figures are read: by which way, over which tasks, as right answers or as false hits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hammerstone.evals.report.experiment_result import Measurement, Result
from hammerstone.evals.report.result_tables import ALL, counts_false_hits

__all__ = ["answers", "by_task", "false_hits", "method_label", "over_all", "wrong"]


def method_label(figure: Measurement, figures: Sequence[Measurement]) -> str:
    """The method, and the model below it where the method occurs with several."""
    models = {one.model for one in figures if one.method == figure.method}
    return figure.method if len(models) == 1 else f"{figure.method}\n{figure.model}"


def answers(result: Result) -> tuple[Measurement, ...]:
    """The figures of right answers, as far as something was counted."""
    return tuple(one for one in result.figures if one.n and not counts_false_hits(result.experiment, one))


def false_hits(result: Result) -> tuple[Measurement, ...]:
    """The figures of false hits, as far as something was counted."""
    return tuple(one for one in result.figures if one.n and counts_false_hits(result.experiment, one))


def wrong(figure: Measurement) -> Measurement:
    """The other side of a figure: `right` is what was wrong."""
    return replace(figure, right=figure.n - figure.right)


def by_task(figures: Sequence[Measurement]) -> Mapping[str, Sequence[Measurement]]:
    """All tasks together first, where the experiment says that itself."""
    groups: defaultdict[str, list[Measurement]] = defaultdict(list)
    for one in sorted(figures, key=lambda figure: figure.task != ALL):
        groups[one.task].append(one)
    return groups


def over_all(figures: Sequence[Measurement]) -> Sequence[Measurement]:
    """Each way over all tasks: the experiment's own figure, or else the sum, of the ways that have every task."""
    groups = by_task(figures)
    if ALL in groups:
        return groups[ALL]
    ways: defaultdict[tuple[str, str], list[Measurement]] = defaultdict(list)
    for one in figures:
        ways[one.method, one.model].append(one)
    return [_sum(of) for of in ways.values() if {one.task for one in of} == set(groups)]


def _sum(figures: Sequence[Measurement]) -> Measurement:
    n, right = sum(one.n for one in figures), sum(one.right for one in figures)
    return Measurement(task=ALL, method=figures[0].method, model=figures[0].model, n=n, right=right)
