"""The interval of a share, against a literal transcription of Wilson's formula and against known values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.evals.report.statistics import Z_95, wilson

counted = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def transcribed(right: int, n: int) -> tuple[float, float]:
    """(p + z²/2n ± z √(p(1 - p)/n + z²/4n²)) / (1 + z²/n), in the letters of the formula."""
    z, p = 1.959963984540054, right / n
    root = (p * (1 - p) / n + z**2 / (4 * n**2)) ** 0.5
    return (
        (p + z**2 / (2 * n) - z * root) / (1 + z**2 / n),
        (p + z**2 / (2 * n) + z * root) / (1 + z**2 / n),
    )


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        (0, 20, 0.0, 0.161125),  # z² / (n + z²)
        (20, 20, 0.838875, 1.0),  # n / (n + z²)
        (10, 20, 0.299298, 0.700702),
        (1, 1, 0.206549, 1.0),
    ],
)
def test_known_intervals(right: int, n: int, low: float, high: float) -> None:
    assert wilson(right, n) == pytest.approx((low, high), abs=5e-6)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_published_intervals(right: int, n: int, low: float, high: float) -> None:
    """Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 3."""
    assert wilson(right, n) == pytest.approx((low, high), abs=5e-5)


@given(counted)
def test_the_interval_is_that_of_the_formula(case: tuple[int, int]) -> None:
    assert wilson(*case) == pytest.approx(transcribed(*case), abs=1e-12)


@given(counted)
def test_both_ends_are_shares_from_which_the_observed_one_is_z_standard_errors_away(case: tuple[int, int]) -> None:
    """What the interval means: it holds the true shares that the observed one does not contradict."""
    right, n = case
    for end in wilson(right, n):
        assert abs(right / n - end) == pytest.approx(Z_95 * (end * (1 - end) / n) ** 0.5, abs=1e-7)


@given(counted)
def test_the_interval_is_within_0_and_1_and_holds_the_share(case: tuple[int, int]) -> None:
    low, high = wilson(*case)
    share, rounding = case[0] / case[1], 1e-15
    assert 0 <= low <= share + rounding
    assert share - rounding <= high <= 1
    assert low < high


@given(counted)
def test_right_and_wrong_are_treated_alike(case: tuple[int, int]) -> None:
    right, n = case
    low, high = wilson(right, n)
    assert wilson(n - right, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)


def test_more_samples_are_surer() -> None:
    widths = [high - low for low, high in (wilson(n // 2, n) for n in (10, 20, 100, 1000))]
    assert widths == sorted(widths, reverse=True)


def test_nothing_counted_says_nothing() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
