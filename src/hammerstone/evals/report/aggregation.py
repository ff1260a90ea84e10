"""Measurements of a result grouped by method and task, as right answers or as false hits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hammerstone.evals.report.experiment_result import Measurement, Result
from hammerstone.evals.report.result_tables import ALL, counts_false_hits

__all__ = ["answers", "by_task", "false_hits", "method_label", "over_all", "wrong"]


def method_label(measurement: Measurement, measurements: Sequence[Measurement]) -> str:
    """The method, and the model below it where the method occurs with several."""
    models = {one.model for one in measurements if one.method == measurement.method}
    return measurement.method if len(models) == 1 else f"{measurement.method}\n{measurement.model}"


def answers(result: Result) -> tuple[Measurement, ...]:
    """The measurements of right answers that counted anything."""
    return tuple(one for one in result.figures if one.n and not counts_false_hits(result.experiment, one))


def false_hits(result: Result) -> tuple[Measurement, ...]:
    """The measurements of false hits that counted anything."""
    return tuple(one for one in result.figures if one.n and counts_false_hits(result.experiment, one))


def wrong(measurement: Measurement) -> Measurement:
    """The reverse of a measurement: `right` counts what was wrong."""
    return replace(measurement, right=measurement.n - measurement.right)


def by_task(measurements: Sequence[Measurement]) -> Mapping[str, Sequence[Measurement]]:
    """All tasks together first, where the experiment says that itself."""
    groups: defaultdict[str, list[Measurement]] = defaultdict(list)
    for one in sorted(measurements, key=lambda measurement: measurement.task != ALL):
        groups[one.task].append(one)
    return groups


def over_all(measurements: Sequence[Measurement]) -> Sequence[Measurement]:
    """Each method over all tasks: the experiment's own total, or else the sum, for methods that have every task."""
    groups = by_task(measurements)
    if ALL in groups:
        return groups[ALL]
    methods: defaultdict[tuple[str, str], list[Measurement]] = defaultdict(list)
    for one in measurements:
        methods[one.method, one.model].append(one)
    return [_sum(of) for of in methods.values() if {one.task for one in of} == set(groups)]


def _sum(measurements: Sequence[Measurement]) -> Measurement:
    n, right = sum(one.n for one in measurements), sum(one.right for one in measurements)
    return Measurement(task=ALL, method=measurements[0].method, model=measurements[0].model, n=n, right=right)
