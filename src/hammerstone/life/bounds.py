"""Upper bounds of a tool's false-hit rate that hold at all times at once, however often one looks.

An interval for a fixed number of requests is broken by looking often: sooner or later it excludes the true rate p. A
confidence sequence is not. Robbins' method of mixtures makes one of the likelihood ratio of rates q against p, averaged
over q ("Statistical methods related to the law of the iterated logarithm", 1970): after n requests of which k were
false hits, with q uniform on [0, p],

    M(p) = mean over q of  q^k (1-q)^(n-k) / (p^k (1-p)^(n-k))

If the true rate is p or more, this is a nonnegative supermartingale that starts at 1, so by Ville's inequality it ever
reaches 1/alpha with probability alpha at most. The rates p with M(p) < 1/alpha therefore include the true rate for all
n at once with probability 1 - alpha. Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform, nonparametric, nonasymptotic
confidence sequences" (Annals of Statistics 49(2), 2021), section 3.2, call M the one-sided beta-binomial mixture.

The integral is an incomplete beta function, which is a binomial probability here:

    M(p) = P(X > k) / ((k+1) P(X = k+1)),   X binomial of n+1 and p

It is computed from logarithms of the gamma function, which keep seven digits of log M at ten million requests.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

from hammerstone.errors import SettingsError

__all__ = ["log_mixture", "upper_bound"]

_STEPS = 60  # of bisection: a double has 53 bits


@lru_cache(maxsize=4096)  # a tool is asked after each request, and the counts change with an audit only
def upper_bound(hits: int, n: int, confidence: float = 0.95) -> float:
    """The largest rate that `hits` of `n` do not exclude; 1 before the first request.

    The true rate is below it for all n at once with probability `confidence`. Raises `SettingsError`.
    """
    limit = _limit(hits, n, confidence)
    if hits == n:
        return 1.0
    return _crossing(lambda p: log_mixture(p, hits, n) - limit, (hits + 1) / (n + 1), 1.0)


def log_mixture(p: float, hits: int, n: int) -> float:
    """log M(p), where (hits+1)/(n+1) <= p < 1: there P(X <= k) is 1/2 at most."""
    log_next = _log_binomial(hits + 1, n + 1, p)
    return math.log1p(-_up_to(hits, n + 1, p)) - math.log(hits + 1) - log_next


def _up_to(k: int, n: int, p: float) -> float:
    """P(X <= k) of a binomial of n and p, summed downwards from its largest term while there is something to add."""
    odds, share, total = (1 - p) / p, 1.0, 0.0
    for j in range(k, -1, -1):
        total += share
        share *= odds * j / (n - j + 1)
        if share < total * 1e-17:
            break
    return min(total * math.exp(_log_binomial(k, n, p)), 1.0)


def _log_binomial(k: int, n: int, p: float) -> float:
    """log P(X = k) of a binomial of n and p, for 0 < p < 1."""
    choose = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return choose + k * math.log(p) + (n - k) * math.log1p(-p)


def _limit(hits: int, n: int, confidence: float) -> float:
    """log 1/alpha."""
    if not 0 <= hits <= n:
        raise SettingsError(f"{hits} of {n} requests cannot be false hits")
    if not 0.5 <= confidence < 1:
        raise SettingsError(f"a confidence of {confidence} is not from 0.5 to less than 1")
    return -math.log1p(-confidence)


def _crossing(excess: Callable[[float], float], inside: float, outside: float) -> float:
    """The rate where `excess` is 0, between a rate where it is negative and one where it is infinite.

    It is rounded outwards: a bound that is a rounding too wide still holds.
    """
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        if middle in (0.0, 1.0) or excess(middle) >= 0:
            outside = middle
        else:
            inside = middle
    return outside
