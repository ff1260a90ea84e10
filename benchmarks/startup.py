"""Times `import hammerstone` and `hammerstone --help` against a bare interpreter, whole processes in turn.

    uv run python benchmarks/startup.py

Targets: 0.3 s and 0.5 s.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

RUNS = 15
COMMANDS = {
    "bare interpreter": [sys.executable, "-c", "pass"],
    "import hammerstone": [sys.executable, "-c", "import hammerstone"],
    "hammerstone --help": [sys.executable, "-m", "hammerstone", "--help"],
}


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    bare = statistics.median(times["bare interpreter"])
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name}: median {median:.3f} s, largest {max(taken):.3f} s, {median / bare:.1f} x bare, n = {RUNS}")


if __name__ == "__main__":
    main()
