"""The share of streams in which a bound always held, against the same streams looked at one by one."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from hammerstone.evals.experiments.audit_bounds import count_held, one_look_bound
from hammerstone.life.bounds import upper_bound

Bound = Callable[[int, int], float]


def held_one_by_one(bound: Bound, rate: float, *, streams: int, requests: int, seed: int) -> int:
    """Each bound of each stream is asked for."""
    drawn = random.Random(f"{seed} {rate}")  # noqa: S311 - a simulation
    held = 0
    for _ in range(streams):
        false_hits = [drawn.random() < rate for _ in range(requests)]
        held += all(bound(sum(false_hits[:n]), n) >= rate for n in range(1, requests + 1))
    return held


@pytest.mark.parametrize("bound", [upper_bound, one_look_bound])
@pytest.mark.parametrize("rate", [0.02, 0.3])
def test_the_streams_are_counted_as_if_each_bound_were_asked_for(bound: Bound, rate: float) -> None:
    counted, looked_at = (
        count(bound, rate, streams=40, requests=80, seed=3) for count in (count_held, held_one_by_one)
    )
    assert counted == looked_at


def test_looking_often_breaks_a_bound_for_one_look_and_not_the_time_uniform_one() -> None:
    uniform, single = (
        count_held(bound, 0.1, streams=400, requests=400, seed=1) for bound in (upper_bound, one_look_bound)
    )
    assert uniform >= 0.95 * 400
    assert single < 0.85 * 400
