"""Streams in which a rule changes: what the simulation says is what the loop does."""

from __future__ import annotations

from statistics import fmean

import pytest

from hammerstone.evals.experiments.audit_streams import Found, simulate, through_loop
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store

from ..toys import new_bench, roles

pytestmark = pytest.mark.anyio


def mean(rate: float, share: float = 1.0) -> tuple[float, float]:
    """The mean number of requests until the change is found, and of wrong answers."""
    found = [simulate(f"stream {number}", rate, share) for number in range(2_000)]
    return fmean(one.requests for one in found), fmean(one.wrong for one in found)


def test_a_change_of_every_answer_is_found_after_one_over_the_rate_on_average() -> None:
    requests, wrong = mean(0.05)
    assert requests == wrong == pytest.approx(20, rel=0.07)


def test_a_change_of_few_answers_is_found_later_and_no_more_are_served_wrongly() -> None:
    requests, wrong = mean(0.1, share=0.2)
    assert requests == pytest.approx(50, rel=0.07)
    assert wrong == pytest.approx(10, rel=0.07)


def test_what_is_audited_at_a_low_rate_is_audited_at_a_higher_one() -> None:
    for number in range(50):
        few, many = (simulate(str(number), rate) for rate in (0.02, 0.2))
        assert many.requests <= few.requests


def test_where_all_is_audited_the_first_wrong_answer_is_the_last() -> None:
    assert simulate("any", 1.0) == Found(requests=1, wrong=1)


async def test_the_loop_quarantines_the_tool_at_the_request_at_which_the_simulation_does(
    store: Store, sandbox: Sandbox
) -> None:
    bench = new_bench(store, sandbox, roles())
    for stream in ("0", "4"):
        assert await through_loop(bench, stream, 0.2) == simulate(stream, 0.2)
