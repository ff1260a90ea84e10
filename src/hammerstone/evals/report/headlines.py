"""The main numbers of a result, for the top of the page."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from hammerstone.evals.report.aggregation import answers, false_hits, method_label, over_all, wrong
from hammerstone.evals.report.experiment_result import Headline, Measurement, Result
from hammerstone.evals.report.result_tables import counts_cost, in_one_line, number
from hammerstone.formatting import percent

__all__ = ["headlines"]

_OURS = "hammerstone"


def headlines(result: Result) -> Iterator[Headline]:
    """The result's own headlines; without any, right answers, false hits and break-even, as far as it has them.

    hammerstone's own method comes first where there is one, else the best, and of equals the one that was asked most.
    """
    if result.headlines:
        yield from result.headlines
        return
    right, missed = over_all(answers(result)), [wrong(one) for one in over_all(false_hits(result))]
    if right:
        first = _ours(right) or max(right, key=lambda one: (one.share, one.n))
        text = f"{_label(first, result)}: {first.right} of {first.n}{_others(first, right)}"
        yield Headline(value=percent(first.share), text=text)
    if missed:
        first = _ours(missed) or min(missed, key=lambda one: one.share)
        text = f"false hits: {_label(first, result)}{_others(first, missed)}"
        yield Headline(value=f"{first.right} of {first.n}", text=text)
    marks = [(one.mark, one.name, one.x[-1]) for one in result.series if counts_cost(one.plot) and one.mark is not None]
    if marks:
        requests, name, last = min(marks)
        extrapolated = " (extrapolated beyond what was measured)" if requests > last else ""
        text = f"requests until building has paid for itself{extrapolated}: {in_one_line(name)}"
        yield Headline(value=number(math.ceil(requests)), text=text)


def _ours(measurements: Sequence[Measurement]) -> Measurement | None:
    return next((one for one in measurements if one.method.startswith(_OURS)), None)


def _label(measurement: Measurement, result: Result) -> str:
    return in_one_line(method_label(measurement, result.figures))


def _others(first: Measurement, measurements: Sequence[Measurement]) -> str:
    shares = sorted(one.share for one in measurements if one is not first)
    if len(shares) < 2:
        return "".join(f"; the other method {percent(share)}" for share in shares)
    return f"; the {len(shares)} other methods {percent(shares[0])} to {percent(shares[-1])}"
