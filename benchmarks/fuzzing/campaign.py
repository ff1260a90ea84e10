"""Many inputs for one target, in several processes, and what came of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

__all__ = ["Finding", "Summary", "fuzz"]

_FOLDER = Path(__file__).parent.parent


@dataclass(frozen=True, kw_only=True)
class Finding:
    target: str
    number: int
    kind: str  # crash, slow or fat
    detail: str


@dataclass(kw_only=True)
class Summary:
    """Counts of the inputs so far."""

    target: str
    inputs: int = 0
    slowest_ms: float = 0.0
    grown_mb: float = 0.0
    findings: list[Finding] = field(default_factory=list[Finding])

    def take(self, said: dict[str, Any]) -> None:
        if "at" in said:
            self.inputs += 1
        elif "found" in said:
            self.findings.append(
                Finding(target=self.target, number=said["number"], kind=said["found"], detail=said["detail"])
            )
        else:
            self.slowest_ms = max(self.slowest_ms, said["slowest"] * 1000)
            self.grown_mb = max(self.grown_mb, said["grown"])

    def count(self, kind: str) -> int:
        return sum(1 for one in self.findings if one.kind == kind)


def fuzz(target: str, seed: int, count: int, progress: Callable[[str, int], object]) -> Summary:
    """Read inputs number 0 to `count`, in as many processes as there are processors."""
    summary = Summary(target=target)
    stripes = os.cpu_count() or 1
    with ThreadPoolExecutor(stripes) as threads:
        parts = [range(first, count, stripes) for first in range(min(stripes, count))]

        def run(numbers: range) -> None:
            for said in _stripe(target, seed, numbers):
                summary.take(said)
                progress(target, summary.inputs)

        list(threads.map(run, parts))
    return summary


def _stripe(target: str, seed: int, numbers: range) -> Iterator[dict[str, Any]]:
    """The worker's reports; if it ends too early, another one goes on after the input that ended it."""
    while numbers:
        last = numbers[0]
        with tempfile.TemporaryFile() as complaints, _started(target, seed, numbers, complaints) as worker:
            for line in worker.stdout or ():
                said = json.loads(line)
                last = said.get("at", last)
                yield said
            code = worker.wait()
            complaints.seek(0)
            if code:
                yield {"found": "crash", "number": last, "detail": _death(code, complaints.read())}
        numbers = numbers[numbers.index(last) + 1 :]


def _started(target: str, seed: int, numbers: range, complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    command = _command(target, seed, numbers)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=complaints, cwd=_FOLDER)


def _command(target: str, seed: int, numbers: range) -> list[str]:
    what = [target, str(seed), str(numbers.start), str(numbers.stop), str(numbers.step)]
    return [sys.executable, "-m", "fuzzing.worker", *what]


def _death(code: int, complaints: bytes) -> str:
    if code == -signal.SIGALRM:
        return "it did not end"
    how = f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
    return f"{how}: {complaints.decode(errors='replace').strip()[-300:]!a}"
