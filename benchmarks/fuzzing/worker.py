"""One process that reads fuzzed inputs and reports what it notices, a line of JSON for each.

Input and reader are of one process, so that a crash, an endless loop or all of its memory ends nothing else. The number
of an input is written before it is read: the last one written is the one that ended the process.
"""

from __future__ import annotations

import json
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from fuzzing.targets import TARGETS, Read, Target

__all__ = ["FAT_MB", "SLOW_SECONDS", "make_input", "work"]

SLOW_SECONDS = 8.0  # of a processor; a slow one takes four for an input of 30,001 requests, growing in step with it
FAT_MB = 300  # more than the idle process
ENDLESS_SECONDS = 120
CEILING_BYTES = 2 * 1024**3
_REPORT_EVERY = 100


def make_input(target: Target, seed: int, number: int) -> Any:
    """The same for the same three, on every machine."""
    return target.make(random.Random(f"{seed}/{target.name}/{number}"))


def work(target: Target, seed: int, numbers: range) -> None:
    """Read these inputs. Ends early, after it has said so, when it has grown too much to measure the next one."""
    with tempfile.TemporaryDirectory() as folder:
        read = target.open(Path(folder))
        _limit()
        idle = _peak_mb()
        slowest = 0.0
        for count, number in enumerate(numbers, 1):
            say(at=number)
            seconds = _attempt(read, make_input(target, seed, number), number)
            slowest = max(slowest, seconds)
            grown = _peak_mb() - idle
            if seconds > SLOW_SECONDS:
                say(found="slow", number=number, detail=f"{seconds:.1f} s of a processor")
            if grown > FAT_MB:
                say(found="fat", number=number, detail=f"{grown:.0f} MB more than idle")
            if grown > FAT_MB or count % _REPORT_EVERY == 0 or count == len(numbers):
                say(slowest=slowest, grown=grown)
            if grown > FAT_MB:
                return


def _attempt(read: Read, made: Any, number: int) -> float:
    signal.setitimer(signal.ITIMER_REAL, ENDLESS_SECONDS)  # SIGALRM ends the process, whatever it is doing
    started = time.process_time()
    try:
        read(made)
    except Exception as error:  # any error that a reader does not declare is a finding
        say(found="crash", number=number, detail=_where(error))
    signal.setitimer(signal.ITIMER_REAL, 0)
    return time.process_time() - started


def _where(error: Exception) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "hammerstone" in frame.filename]
    place = f" in {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}: {str(error)[:150]!a}"


def _limit() -> None:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    ceiling = pages * resource.getpagesize() + CEILING_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _peak_mb() -> float:
    """Peak memory in MB. `ru_maxrss` would begin with that of the process before `exec`."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    name, seed, start, stop, step = sys.argv[1:]
    work(TARGETS[name], int(seed), range(int(start), int(stop), int(step)))


if __name__ == "__main__":
    main()
