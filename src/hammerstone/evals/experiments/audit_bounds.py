"""Does the bound of a false-hit rate hold at every request of a stream, however often one looks?"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import accumulate

from hammerstone.evals.report.statistics import wilson

__all__ = ["FALSE_HIT_RATES", "count_held", "one_look_bound"]

FALSE_HIT_RATES = (0.002, 0.01, 0.05, 0.2)
NORMAL_95 = 1.6448536269514722  # the one-sided quantile


def one_look_bound(hits: int, n: int) -> float:
    """Wilson's upper bound at 95 %, one-sided, for a number of requests fixed beforehand. Looking often breaks it."""
    return wilson(hits, n, NORMAL_95)[1]


def count_held(bound: Callable[[int, int], float], rate: float, *, streams: int, requests: int, seed: int) -> int:
    """Count the streams in which `bound(hits, n)` was never below the true rate after any request.

    Each request of a stream is a false hit with probability `rate`.
    """
    drawn = random.Random(f"{seed} {rate}")  # noqa: S311 - a simulation, not a secret
    least = _least_hits(bound, rate, requests)
    held = 0
    for _ in range(streams):
        hits = accumulate([drawn.random() < rate for _ in range(requests)])
        held += all(seen >= needed for seen, needed in zip(hits, least, strict=True))
    return held


def _least_hits(bound: Callable[[int, int], float], rate: float, requests: int) -> Sequence[int]:
    """The fewest false hits that do not exclude the rate, after each request.

    A bound rises with each hit and falls with each agreement, so this number can only rise with the requests.
    """
    needed: list[int] = []
    hits = 0
    for n in range(1, requests + 1):
        while bound(hits, n) < rate:
            hits += 1
        needed.append(hits)
    return needed
