"""The command as a process: signals, pipes and full disks."""

from __future__ import annotations

import os
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hammerstone.store import open_store

from ..samples.sums import ask, requests
from .conftest import write_lines

HAMMERSTONE = (sys.executable, "-m", "hammerstone")
PATIENCE = 120.0  # seconds until a test gives up on what should come at once


@contextmanager
def start(home: Path, *arguments: str | Path, **options: object) -> Generator[subprocess.Popen[str]]:
    """A command that runs beside the test, with pipes for all it reads and writes; killed if it outlives the test."""
    environment = {**os.environ, "HAMMERSTONE_HOME": str(home)}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    command = [*HAMMERSTONE, *map(str, arguments)]
    listening = {"preexec_fn": listen_to_ctrl_c}
    with subprocess.Popen(command, text=True, env=environment, **{**pipes, **listening, **options}) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def listen_to_ctrl_c() -> None:
    """A shell starts what runs in its background with Ctrl-C ignored, and the tests may run there."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def shell(home: Path, line: str) -> subprocess.CompletedProcess[str]:
    """A line for the shell, in which `hammerstone` is this one."""
    environment = {**os.environ, "HAMMERSTONE_HOME": str(home), "PYTHONUNBUFFERED": ""}
    line = line.replace("hammerstone", shlex.join(HAMMERSTONE))
    return subprocess.run(  # noqa: S602 - our own line
        line, shell=True, capture_output=True, text=True, env=environment, timeout=PATIENCE, check=False
    )


def wait_for_prompts(mailbox: Path, count: int) -> list[Path]:
    """The prompts that wait for an answer, once there are so many."""
    give_up = time.monotonic() + PATIENCE
    while len(found := sorted((mailbox / "prompts").glob("*.md"))) < count:
        assert time.monotonic() < give_up, "no prompt has come"
        time.sleep(0.02)  # a file sets no event
    return found


def reply(prompt: Path, text: str) -> None:
    unfinished = prompt.parent.parent / "unfinished"
    unfinished.write_text(text)
    unfinished.replace(prompt.parent.parent / "replies" / prompt.name)


def test_after_ctrl_c_what_was_paid_is_stored_and_the_same_command_goes_on(home: Path, tmp_path: Path) -> None:
    file, mailbox = write_lines(tmp_path / "sums.jsonl", requests(2, task="sum")), tmp_path / "box"
    command = ("solve", file, "--solver", f"mailbox:{mailbox}", "--concurrency", "1")
    with start(home, *command) as process:
        reply(*wait_for_prompts(mailbox, 1), "Answer: 7")  # type: ignore[misc]
        assert process.stdout is not None
        assert process.stdout.readline() == "sum-0\tsolver\t7\n"
        (second,) = wait_for_prompts(mailbox, 1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, "")
    assert err.endswith("interrupted: what was answered and paid is stored; the same command goes on from there\n")
    assert "Traceback" not in err
    with open_store(home) as store:
        assert [one.answer for one in store.instances("sum")] == ["7"]
    reply(second, "Answer: 22")
    with start(home, *command) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, "sum-0\tsolver\t7\nsum-1\tsolver\t22\n")
    with open_store(home) as store:
        assert [row.calls for row in store.ledger()] == [2], "the first was not paid again"


def test_ctrl_c_before_anything_has_happened_is_as_quiet(home: Path) -> None:
    with start(home, "solve", "-") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{ask(0)}\n")
        process.stdin.flush()
        assert process.stdout.readline().startswith("1\t-\t")
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in err


@pytest.mark.usefixtures("made")
def test_a_typed_question_is_answered_before_the_next_is_typed(home: Path) -> None:
    with start(home, "solve", "-") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number, expected in enumerate(("7", "22", "239")):
            process.stdin.write(f"{ask(number)}\n")
            process.stdin.flush()
            assert process.stdout.readline() == f"{number + 1}\tparser\t{expected}\n"
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    "line",
    [
        "hammerstone generate word_sorting -n 20000 | head -1",
        "hammerstone solve FILE | head -1",
        "hammerstone solve FILE --json | head -1",
    ],
)
def test_a_reader_that_leaves_early_is_no_error(home: Path, tmp_path: Path, line: str) -> None:
    file = write_lines(tmp_path / "sums.txt", [ask(number) for number in range(16)] * 40)
    done = shell(home, line.replace("FILE", str(file)))
    assert done.stdout.count("\n") == 1
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr
    assert "error" not in done.stderr


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("command", ["generate word_sorting -n 2", "tools list", "tools list --json", "ledger"])
def test_an_output_that_is_full_is_reported_in_a_sentence(home: Path, command: str) -> None:
    done = shell(home, f"hammerstone {command} > /dev/full")
    assert done.returncode == 1
    assert done.stderr == "error: No space left on device\n"


@pytest.mark.usefixtures("made")
def test_a_store_that_cannot_grow_is_reported_in_a_sentence(home: Path, tmp_path: Path) -> None:
    size = (home / "hammerstone.db").stat().st_size

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    file = write_lines(tmp_path / "sums.txt", [ask(number) for number in range(16)] * 40)
    with start(home, "solve", file, "--solver", "labeler", preexec_fn=limit) as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "error: " in err
    assert str(home / "hammerstone.db") in err
    assert "Traceback" not in err
    with open_store(home) as store:
        assert len(store.live_tools()) == 1


def test_the_console_script_is_there_under_its_name() -> None:
    from importlib.metadata import entry_points

    (script,) = entry_points(group="console_scripts", name="hammerstone")
    assert script.value == "hammerstone.__main__:main"
