"""The bounds of a rate, against the equation written out, and against streams that are looked at all the time."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.errors import SettingsError
from hammerstone.life.bounds import log_mixture, upper_bound

COUNTS = st.integers(0, 2_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def likelihood_integral(upper: Fraction, hits: int, n: int) -> Fraction:
    """The integral of q^k (1-q)^(n-k) over q from 0 to `upper`: the binomial expanded, each power integrated."""
    terms = range(n - hits + 1)
    powers = ((-1) ** j * math.comb(n - hits, j) * upper ** (hits + j + 1) / Fraction(hits + j + 1) for j in terms)
    return sum(powers, Fraction(0))


def mixture(p: Fraction, hits: int, n: int) -> float:
    """M(p) as the docstring of the module has it, exactly: the mean over q of the likelihood ratio."""
    mean = likelihood_integral(p, hits, n) / p
    return float(mean / (p**hits * (1 - p) ** (n - hits)))


@pytest.mark.parametrize("n", [0, 1, 2, 5, 17, 60])
def test_the_mixture_is_that_of_the_equation(n: int) -> None:
    for hits in range(n + 1):
        for p in (Fraction(1, 50), Fraction(1, 3), Fraction(9, 10)):
            if p >= Fraction(hits + 1, n + 1):
                assert math.exp(log_mixture(float(p), hits, n)) == pytest.approx(mixture(p, hits, n))


@pytest.mark.parametrize("hits", [0, 3, 100])
def test_ten_million_requests_lose_no_digit_that_matters(hits: int) -> None:
    n, p = 10_000_000, (hits + 5) / 10_000_000

    def log_binomial(k: int) -> float:
        """log P(X = k), X binomial of n+1 and p, without the gamma function."""
        choose = (math.log((n + 1 - i) / (i + 1)) for i in range(k))
        return math.fsum([*choose, k * math.log(p), (n + 1 - k) * math.log1p(-p)])

    above = 1 - math.fsum(math.exp(log_binomial(k)) for k in range(hits + 1))
    exact = math.log(above) - math.log(hits + 1) - log_binomial(hits + 1)
    assert log_mixture(p, hits, n) == pytest.approx(exact, abs=1e-6)


@given(COUNTS)
def test_a_bound_is_where_the_mixture_reaches_the_limit(counts: tuple[int, int]) -> None:
    hits, n = counts
    upper = upper_bound(hits, n, 0.9)
    if hits == n:
        assert upper == 1
    else:
        assert math.exp(log_mixture(upper, hits, n)) == pytest.approx(10, rel=1e-6)


@given(COUNTS)
def test_the_bound_is_not_below_the_rate_that_was_seen(counts: tuple[int, int]) -> None:
    hits, n = counts
    assert (hits / n if n else 0) <= upper_bound(hits, n) <= 1


@given(COUNTS)
def test_an_agreement_lowers_the_bound_and_a_false_hit_raises_it(counts: tuple[int, int]) -> None:
    hits, n = counts
    assert upper_bound(hits, n + 1) <= upper_bound(hits, n) <= upper_bound(hits + 1, n + 1)


@given(COUNTS, st.floats(0.5, 0.999), st.floats(0.5, 0.999))
def test_more_confidence_is_a_wider_bound(counts: tuple[int, int], one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert upper_bound(*counts, less) <= upper_bound(*counts, more)


def test_the_bound_of_a_tool_that_never_erred_falls_like_one_over_the_requests() -> None:
    assert [round(upper_bound(0, n), 4) for n in (0, 20, 100, 1_000, 10_000)] == [1, 0.1989, 0.044, 0.0045, 0.0005]


@pytest.mark.parametrize(("hits", "n"), [(0, 10_000_000), (1_000, 10_000_000), (5_000_000, 10_000_000)])
def test_a_bound_of_many_requests_is_close_to_the_rate(hits: int, n: int) -> None:
    deviation = math.sqrt(hits * (1 - hits / n)) / n
    assert hits / n < upper_bound(hits, n) < hits / n + 6 * deviation + 1e-6


@pytest.mark.parametrize(("hits", "n", "confidence"), [(2, 1, 0.95), (-1, 1, 0.95), (0, 1, 1.0), (0, 1, 0.4)])
def test_what_cannot_be_counted_has_no_bound(hits: int, n: int, confidence: float) -> None:
    with pytest.raises(SettingsError):
        upper_bound(hits, n, confidence)


def holds_always(seed: str, rate: float, requests: int, holds: Callable[[int, int], bool]) -> bool:
    """Whether a bound held after each request of a stream in which each one is a false hit with this rate."""
    drawn, hits = random.Random(seed), 0  # noqa: S311 - a simulation
    for n in range(1, requests + 1):
        hits += drawn.random() < rate
        if not holds(hits, n):
            return False
    return True


@pytest.mark.parametrize(("rate", "requests"), [(0.01, 500), (0.1, 150)])
def test_of_a_thousand_streams_looked_at_after_every_request_the_bound_holds_in_at_least_950(
    rate: float, requests: int
) -> None:
    bound = cache(upper_bound)
    seeds = [f"{rate} {number}" for number in range(1_000)]
    assert sum(holds_always(seed, rate, requests, lambda hits, n: bound(hits, n) >= rate) for seed in seeds) >= 950
