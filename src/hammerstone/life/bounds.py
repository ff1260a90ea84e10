"""How often a tool is wrong: bounds of a Bernoulli rate that hold at all times at once, however often one looks.

An interval for a fixed number of requests is broken by looking often: sooner or later it excludes the true rate p. A
confidence sequence is not. Robbins' method of mixtures makes one of the likelihood ratio of rates q against p, averaged
over q ("Statistical methods related to the law of the iterated logarithm", 1970): after n requests of which k were
false hits, with q uniform on a set Q,

    M(p) = mean over q in Q of  q^k (1-q)^(n-k) / (p^k (1-p)^(n-k))

At the true p this is a nonnegative martingale that starts at 1 (for Q below p, and a true rate of p or more, a
supermartingale), so by Ville's inequality it ever reaches 1/alpha with probability alpha at most. The rates p with
M(p) < 1/alpha are therefore right for all n at once with probability 1 - alpha. Howard, Ramdas, McAuliffe and Sekhon,
"Time-uniform, nonparametric, nonasymptotic confidence sequences" (Annals of Statistics 49(2), 2021), section 3.2, call
them the two-sided (Q = [0, 1]) and the one-sided (Q = [0, p]) beta-binomial mixtures.

The integrals are beta functions, which are binomial probabilities here:

    two-sided   M(p) = 1 / ((n+1) P(X = k)),                              X binomial of n and p
    one-sided   M(p) = P(X > k) / ((k+1) P(X = k+1)),                     X binomial of n+1 and p

Both are of logarithms of the gamma function, which keep seven digits of log M at ten million requests.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

from hammerstone.errors import SettingsError

__all__ = ["interval", "log_mixture", "log_mixture_below", "upper_bound"]

_STEPS = 60  # of bisection: a double has 53 bits


@lru_cache(maxsize=4096)  # a tool is asked after each request, and the counts change with an audit only
def upper_bound(hits: int, n: int, confidence: float = 0.95) -> float:
    """The largest rate that `hits` of `n` do not exclude; 1 before the first request.

    The true rate is below it for all n at once with probability `confidence`. Raises `SettingsError`.
    """
    limit = _limit(hits, n, confidence)
    if hits == n:
        return 1.0
    return _crossing(lambda p: log_mixture_below(p, hits, n) - limit, (hits + 1) / (n + 1), 1.0)


def interval(hits: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """The smallest and the largest rate that `hits` of `n` do not exclude, looking at both sides.

    The true rate is between them for all n at once with probability `confidence`. Raises `SettingsError`.
    """
    limit = _limit(hits, n, confidence)

    def excess(p: float) -> float:
        return log_mixture(p, hits, n) - limit

    mean = hits / n if n else 0.5
    lower = _crossing(excess, mean, 0.0) if hits else 0.0
    return lower, _crossing(excess, mean, 1.0) if hits < n else 1.0


def log_mixture(p: float, hits: int, n: int) -> float:
    """log M(p) of the two-sided mixture, for 0 < p < 1."""
    return -math.log(n + 1) - _log_binomial(hits, n, p)


def log_mixture_below(p: float, hits: int, n: int) -> float:
    """log M(p) of the one-sided mixture, where (hits+1)/(n+1) <= p < 1: there P(X <= k) is 1/2 at most."""
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
    """Where `excess` is 0, between a rate where it is negative and an end of [0, 1] where it is infinite.

    What is returned is on the outer side: a bound that is a rounding too wide still holds.
    """
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        if middle in (0.0, 1.0) or excess(middle) >= 0:
            outside = middle
        else:
            inside = middle
    return outside
