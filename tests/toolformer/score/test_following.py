"""A result is found where it comes next in a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.toolformer.score.following import begins_result, result_begins_at


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (" 900 trees", "900"),
        (" 1,400 people", "1400"),
        (" 1400 people", "1,400"),
        (" 29% passed", "0.29"),
        (" 29 % passed", "28.57"),
        (" 33.3 of them", "33.33"),
        (" Thursday, because", "Today is Thursday, February 9, 2023."),
        (" in lima by the", "Lima is the capital of Peru"),
        (" $9.50 each", "9.5"),
    ],
)
def test_a_result_that_comes_next_is_found(text: str, result: str) -> None:
    assert begins_result(f"before{text}", len("before"), len(f"before{text}"), result)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        (" 90 trees", "900"),
        (" 33 of them", "33.33"),
        (" 7 of them", "0.07"),
        (" of the two", "One of the last"),
        (" A900 trees", "900"),
        (" 1.2.900", "900"),
        ("", "900"),
        (" 900", ""),
    ],
)
def test_another_number_or_a_short_word_is_none(text: str, result: str) -> None:
    assert not begins_result(f"before{text}", len("before"), len(f"before{text}"), result)


def test_it_must_begin_before_the_end_and_may_end_later() -> None:
    text = "There are 900 trees, and 900 more"
    assert [*result_begins_at(text, 0, "900")] == [10, 25]
    assert begins_result(text, 9, 11, "900")
    assert not begins_result(text, 9, 10, "900")
    assert not begins_result(text, 14, 25, "900")


@given(st.integers(0, 10**9), st.text(max_size=20))
def test_a_number_is_always_found_where_it_stands(number: int, after: str) -> None:
    text = f"so {number} {after}"
    assert begins_result(text, 3, 4, str(number))
