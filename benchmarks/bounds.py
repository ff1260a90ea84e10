"""Do the bounds of a false-hit rate hold, however often one looks, and how close are they?

    python benchmarks/bounds.py [--streams 1000] [--requests 1000] [--seed 1]

Each stream is looked at after every request. Beside the time-uniform bound stands the usual one for a fixed number of
requests (Wilson's score bound), which looking often breaks.
"""

from __future__ import annotations

import argparse
import time

from hammerstone.evals.experiments.audit_bounds import FALSE_HIT_RATES, count_held, one_look_bound
from hammerstone.life.bounds import upper_bound

COUNTS = ((0, 20), (0, 100), (0, 1_000), (3, 1_000), (10, 10_000), (100, 10_000_000), (1_000_000, 10_000_000))


def simulate(rate: float, streams: int, requests: int, seed: int) -> None:
    bounds = (upper_bound, one_look_bound)
    held = [count_held(bound, rate, streams=streams, requests=requests, seed=seed) for bound in bounds]
    shown = [f"{100 * one / streams:.1f} %" for one in held]
    print(f"rate {rate:6.1%}: the bound always held in {shown[0]} of the streams, the fixed one in {shown[1]}")


def show(hits: int, n: int) -> None:
    started = time.perf_counter()
    upper = upper_bound(hits, n)
    milliseconds = 1_000 * (time.perf_counter() - started)
    single = one_look_bound(hits, n)
    print(f"{hits:>9,} of {n:>10,}: at most {upper:.4%} (at one look {single:.4%}), in {milliseconds:.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=1_000)
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    for hits, n in COUNTS:
        show(hits, n)
    print(f"{asked.streams:,} streams of {asked.requests:,} requests, looked at after each one, confidence 95 %:")
    for rate in FALSE_HIT_RATES:
        simulate(rate, asked.streams, asked.requests, asked.seed)


if __name__ == "__main__":
    main()
