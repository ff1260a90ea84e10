"""A sample of requests is audited."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.life.audit import audit_rate, is_audited
from hammerstone.settings import LifeSettings
from hammerstone.store.records import Tally

SETTINGS = LifeSettings(audit=0.05)


def audited(count: int, tally: Tally, settings: LifeSettings = SETTINGS) -> set[str]:
    ids = [f"request {number}" for number in range(count)]
    return {one for one in ids if is_audited(one, tally, settings)}


def test_the_share_falls_from_the_first_to_the_least_as_a_tool_agrees() -> None:
    rates = [audit_rate(Tally(compared=n), SETTINGS) for n in (0, 5, 20, 60, 10_000)]
    assert (rates[0], rates[-1]) == (0.05, 0.005)
    assert rates == sorted(rates, reverse=True)
    assert len(set(rates)) == 5 - 1, "and is at the least before long"


def test_false_hits_raise_it_again() -> None:
    assert audit_rate(Tally(compared=50, false_hits=10), SETTINGS) > audit_rate(Tally(compared=50), SETTINGS)


def test_without_an_audit_nothing_is_audited() -> None:
    assert audited(1_000, Tally(), LifeSettings()) == set()


def test_a_share_below_the_least_stays_as_it_is_set() -> None:
    assert audit_rate(Tally(compared=10_000), LifeSettings(audit=0.001)) == 0.001


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_about_that_share_of_the_requests_is_audited(share: float) -> None:
    assert len(audited(10_000, Tally(), LifeSettings(audit=share))) == pytest.approx(10_000 * share, rel=0.1)


def test_the_same_requests_are_audited_each_time_and_more_of_them_at_a_higher_share() -> None:
    few = audited(2_000, Tally(compared=60))
    assert few == audited(2_000, Tally(compared=60))
    assert few < audited(2_000, Tally())


@given(st.text(st.characters(exclude_categories=())))
def test_any_id_can_be_drawn(request_id: str) -> None:
    assert is_audited(request_id, Tally(), LifeSettings(audit=1.0))
