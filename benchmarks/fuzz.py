"""Damaged and hostile inputs for every reader of what models, tools or strangers wrote.

    python benchmarks/fuzz.py --seed 0 -n 200000            # all targets; five minutes on two cores
    python benchmarks/fuzz.py --target sources -n 5000
    python benchmarks/fuzz.py --target sources --seed 0 --number 1234       # one input again, with its traceback

Valid inputs are cut, doubled, spliced, blown up, re-encoded and filled with what readers stumble over. A finding is an
error that the reader does not declare or the end of its process (crash), more than eight seconds of a processor (slow),
or a process more than 300 MB larger than before (fat). The table goes to standard output, progress and findings to
standard error; the exit code is 1 if anything was found. The same seed gives the same inputs.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from fuzzing.campaign import Summary, fuzz
from fuzzing.targets import TARGETS
from fuzzing.worker import make_input

_COLUMNS = ("target", "inputs", "crashes", "slow", "fat", "slowest ms", "peak MB")
_SHOWN = 20  # findings of one target


def main() -> int:
    asked = _arguments()
    targets = asked.target or list(TARGETS)
    if asked.number is not None:
        return _again(targets[0], asked.seed, asked.number)
    share = -(-asked.n // len(targets))
    print(" | ".join(_COLUMNS))
    summaries = [_fuzzed(target, asked.seed, share) for target in targets]
    print(f"{sum(one.inputs for one in summaries):,} inputs, seed {asked.seed}")
    return 1 if any(one.findings for one in summaries) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fuzz the readers of foreign text.")
    parser.add_argument("-n", type=int, default=20_000, help="inputs, shared evenly among the targets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", action="append", choices=list(TARGETS), help="again for each (default: all)")
    parser.add_argument("--number", type=int, help="read this one input of the target, and nothing else")
    return parser.parse_args()


def _fuzzed(target: str, seed: int, count: int) -> Summary:
    tenth = max(1, count // 10)

    def progress(name: str, inputs: int) -> None:
        if inputs % tenth == 0:
            print(f"{name}: {inputs:,} of {count:,}", file=sys.stderr, flush=True)

    summary = fuzz(target, seed, count, progress)
    for found in summary.findings[:_SHOWN]:
        where = f'--target "{target}" --seed {seed} --number {found.number}'
        print(f"{found.kind}: {found.detail}\n    python benchmarks/fuzz.py {where}", file=sys.stderr, flush=True)
    counts = [str(summary.count(kind)) for kind in ("crash", "slow", "fat")]
    row = (target, str(summary.inputs), *counts, f"{summary.slowest_ms:.0f}", f"{summary.grown_mb:.0f}")
    print(" | ".join(row), flush=True)
    return summary


def _again(target: str, seed: int, number: int) -> int:
    made = make_input(TARGETS[target], seed, number)
    print(f"{made!a:.20000}")
    with tempfile.TemporaryDirectory() as folder:
        TARGETS[target].open(Path(folder))(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
