"""Do the bounds of a false-hit rate hold, however often one looks, and how close are they?

    python benchmarks/bounds.py [--streams 1000] [--requests 1000] [--seed 1]

Each stream is looked at after every request. Beside the time-uniform bound stands the usual one for a fixed number of
requests (Wilson's score bound), which looking often breaks.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Callable
from functools import cache

from hammerstone.life.bounds import upper_bound

RATES = (0.002, 0.01, 0.05, 0.2)
COUNTS = ((0, 20), (0, 100), (0, 1_000), (3, 1_000), (10, 10_000), (100, 10_000_000), (1_000_000, 10_000_000))
NORMAL_95 = 1.6449  # the one-sided quantile


def wilson(hits: int, n: int) -> float:
    """The upper bound of Wilson's score interval at 95 %, one-sided, for a number of requests fixed beforehand."""
    mean, z2 = hits / n, NORMAL_95**2
    spread = NORMAL_95 * math.sqrt(mean * (1 - mean) / n + z2 / (4 * n * n))
    return (mean + z2 / (2 * n) + spread) / (1 + z2 / n)


def always_held(bound: Callable[[int, int], float], rate: float, stream: list[bool]) -> bool:
    hits = 0
    for n, is_false_hit in enumerate(stream, 1):
        hits += is_false_hit
        if bound(hits, n) < rate:
            return False
    return True


def simulate(rate: float, streams: int, requests: int, seed: int) -> None:
    drawn = random.Random(f"{seed} {rate}")
    all_streams = [[drawn.random() < rate for _ in range(requests)] for _ in range(streams)]
    uniform, fixed = cache(upper_bound), cache(wilson)
    held = [sum(always_held(bound, rate, one) for one in all_streams) for bound in (uniform, fixed)]
    shown = [f"{100 * one / streams:.1f} %" for one in held]
    print(f"rate {rate:6.1%}: the bound always held in {shown[0]} of the streams, the fixed one in {shown[1]}")


def show(hits: int, n: int) -> None:
    started = time.perf_counter()
    upper = upper_bound(hits, n)
    milliseconds = 1_000 * (time.perf_counter() - started)
    print(f"{hits:>9,} of {n:>10,}: at most {upper:.4%} (at one look {wilson(hits, n):.4%}), in {milliseconds:.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1_000)
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    for hits, n in COUNTS:
        show(hits, n)
    print(f"{asked.streams:,} streams of {asked.requests:,} requests, looked at after each one, confidence 95 %:")
    for rate in RATES:
        simulate(rate, asked.streams, asked.requests, asked.seed)


if __name__ == "__main__":
    main()
