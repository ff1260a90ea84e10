from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.server.pages.charts import HEIGHT, SPANS, chart
from hammerstone.store.traffic import Bucket
from hammerstone.types import Route

NOW = datetime(2026, 11, 29, 17, 42, 31, tzinfo=UTC)


@pytest.mark.parametrize("span", SPANS.values(), ids=lambda one: one.name)
def test_the_last_bar_is_the_present_one_and_the_first_begins_where_the_figures_do(span) -> None:
    starts = span.starts(NOW)
    assert len(starts) == span.bars
    assert starts[-1] <= NOW < starts[-1] + span.step
    assert all(later - earlier == span.step for earlier, later in pairwise(starts))


def test_requests_are_in_the_bar_of_their_time_one_kind_above_the_other() -> None:
    found = [
        Bucket("2026-11-29T17", Route.PARSER, 30),
        Bucket("2026-11-29T17", Route.SOLVER, 10),
        Bucket("2026-11-29T16", Route.EXACT, 1),
        Bucket("2026-11-27T16", Route.SOLVER, 5),
    ]
    drawn = chart(SPANS["day"], found, NOW)
    assert drawn.totals == {"tool": 31, "cheap": 0, "strong": 10, "none": 0}
    assert drawn.top == 40
    last = drawn.bars[-1]
    assert [one.kind for one in last.segments] == ["tool", "strong"]
    assert sum(one.height for one in last.segments) == HEIGHT
    assert last.segments[0].y + last.segments[0].height == HEIGHT
    assert last.text == "29 Nov 17:00: 30 without a model, 10 strong model"


def test_what_failed_or_waits_for_a_person_is_not_answered() -> None:
    found = [Bucket("2026-11-29T17", Route.LABELER, 5, 4), Bucket("2026-11-29T17", Route.SOLVER, 3, 1)]
    assert chart(SPANS["day"], found, NOW).totals == {"tool": 1, "cheap": 0, "strong": 2, "none": 5}


@given(st.lists(st.integers(0, 10**9), min_size=24, max_size=24))
def test_no_bar_is_higher_than_the_chart(numbers: list[int]) -> None:
    starts = SPANS["day"].starts(NOW)
    found = [Bucket(f"{at:%Y-%m-%dT%H}", Route.SOLVER, number) for at, number in zip(starts, numbers, strict=True)]
    drawn = chart(SPANS["day"], found, NOW)
    assert drawn.top % 2 == 0
    assert all(one.y >= 0 and one.y + one.height <= HEIGHT + 0.01 for bar in drawn.bars for one in bar.segments)
