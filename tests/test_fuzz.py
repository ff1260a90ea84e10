"""Every reader of foreign text against some thousands of damaged inputs; and that a fault of a reader would be seen."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
LIGHT = (
    *("requests", "blocks", "answers", "verdicts", "user replies", "call texts", "recordings", "packages"),
    *("sources", "signatures", "arguments", "results", "texts"),
)


def fuzz(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BENCHMARKS / "fuzz.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.parametrize("target", LIGHT)
def test_no_input_ends_a_reader_or_takes_much_time_or_memory(target: str) -> None:
    done = fuzz("--target", target, "--seed", "7", "-n", "250")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"\n{target} | 250 | 0 | 0 | 0 | " in done.stdout


FAULTY = """
import random, signal, sys, time
sys.path.insert(0, {folder!r})
from fuzzing import targets, worker

def read(made):
    exec(made)

target = targets.Target(name="faulty", make=lambda rng: {made!r}, open=lambda folder: read)
worker.{setting}
worker.work(target, 0, range(1, 4))
"""


@pytest.mark.parametrize(
    ("made", "setting", "found", "code"),
    [
        ("raise KeyError('x')", "SLOW_SECONDS", '"found": "crash", "number": 3', 0),
        ("sum(range(10**6))", "SLOW_SECONDS = 0.001", '"found": "slow", "number": 3', 0),
        ("bytearray(400_000_000)", "FAT_MB", '"found": "fat", "number": 1', 0),
        ("while True: pass", "ENDLESS_SECONDS = 1", '{"at": 1}', -14),
        ("import os; os.abort()", "SLOW_SECONDS", '{"at": 1}', -6),
    ],
    ids=["an error", "time", "memory", "no end", "an abort"],
)
def test_a_fault_of_a_reader_is_noticed(made: str, setting: str, found: str, code: int) -> None:
    script = FAULTY.format(folder=str(BENCHMARKS), made=made, setting=setting)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert found in done.stdout, done.stderr
    assert done.returncode == code


def test_the_same_seed_gives_the_same_input() -> None:
    again = [fuzz("--target", "sources", "--seed", "3", "--number", "11") for _ in range(2)]
    assert again[0].stdout == again[1].stdout != ""


def test_a_worker_that_dies_is_a_crash_and_the_other_inputs_are_read() -> None:
    script = f"""
import sys
sys.path.insert(0, {str(BENCHMARKS)!r})
from fuzzing import campaign
campaign._FOLDER = {str(BENCHMARKS)!r}
code = "import sys; start, stop, step = map(int, sys.argv[1:]); \\
[print('{{\\"at\\": %d}}' % n, flush=True) or (n == 4 and sys.exit(3)) for n in range(start, stop, step)]"
campaign._command = lambda target, seed, numbers: [
    sys.executable, "-c", code, *map(str, (numbers.start, numbers.stop, numbers.step))
]
summary = campaign.fuzz("any", 0, 10, lambda *_: None)
print(summary.inputs, [(one.kind, one.number, one.detail) for one in summary.findings])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "10 [('crash', 4, \"ended with code 3: ''\")]\n", done.stderr
