"""Damaged and hostile requests against a gateway in a process of its own: it goes on, and says something to each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent.parent.parent / "benchmarks" / "fuzz_gateway.py"


def test_no_request_ends_the_gateway_or_keeps_it_from_the_next_one() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), "--seed", "3", "-n", "10000"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert "10,000 requests" in done.stdout
