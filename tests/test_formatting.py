"""Numbers that people read: short, and never more certain than they are."""

from __future__ import annotations

import pytest

from hammerstone.formatting import counted, day_and_time, dollars, exact_dollars, percent


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        (0.0, "$0.0000"),
        (1234.5, "$1,234.5000"),
        (0.001, "$0.0010"),
        (0.00099, "$0.00099"),
        (0.0000123, "$0.000012"),
    ],
)
def test_an_exact_price_is_never_nought_unless_it_is(amount: float, written: str) -> None:
    assert exact_dollars(amount) == written


@pytest.mark.parametrize("odd", [None, float("nan"), float("inf"), -1.0])
def test_what_is_no_price_is_unknown(odd: float | None) -> None:
    assert exact_dollars(odd) == "unknown"


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        (None, "unknown"),
        (0.0, "$0"),
        (1234.5, "$1,234"),
        (12.345, "$12.35"),
        (0.0123, "$0.012"),
        (0.0031, "$0.0031"),
        (0.00001, "<$0.0001"),
        (-0.5, "\N{MINUS SIGN}$0.50"),
    ],
)
def test_an_amount_to_read_has_few_digits(amount: float | None, written: str) -> None:
    assert dollars(amount) == written


def test_a_share_of_nothing_is_no_share() -> None:
    assert (percent(0.625), percent(5, 8), percent(None), percent(0, 0)) == ("62.5 %", "62.5 %", "-", "-")


def test_one_thing_is_not_in_the_plural() -> None:
    assert (counted(1, "request"), counted(0, "request"), counted(1234, "request")) == (
        "1 request",
        "0 requests",
        "1,234 requests",
    )


def test_a_time_is_shown_to_the_second() -> None:
    assert day_and_time("2026-11-30T12:05:00.123456+00:00") == "2026-11-30 12:05:00"
