"""What a stream loses when its process is killed, again and again: nothing that was finished."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from hammerstone.loop import Hammerstone, Models
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store
from hammerstone.store.records import BuildState

from ..samples.sums import SETTINGS, answer, ask, instances, maker, user

Told = dict[str, Any]


@pytest.fixture(scope="module", params=[("model", 1), ("store", 9)], ids=["model", "store"])
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Told]:
    """What each run asked and left behind; all but the last were killed."""
    at, every = request.param
    home = tmp_path_factory.mktemp(at) / "home"
    finished = subprocess.run(
        [sys.executable, "-m", "tests.loop.killed_loop", str(home), at, str(every)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    told = [json.loads(line) for line in finished.stdout.splitlines()]
    assert len(told) > 10, "it was killed often enough to mean something"
    return told


def tuples(lists: Iterable[list[str]]) -> set[tuple[str, ...]]:
    return {tuple(one) for one in lists}


def test_no_finished_call_is_paid_again(runs: list[Told]) -> None:
    finished: set[tuple[str, ...]] = set()
    for run in runs:
        assert not tuples(run["asked"]) & finished
        finished |= tuples(run["stored"])
    assert finished


def test_no_call_is_asked_twice_in_one_run(runs: list[Told]) -> None:
    assert all(len(tuples(run["asked"])) == len(run["asked"]) for run in runs)


def test_no_instance_is_lost(runs: list[Told]) -> None:
    for before, after in pairwise(runs):
        assert tuples(before["instances"]) <= tuples(after["instances"])


def test_what_was_answered_is_stored(runs: list[Told]) -> None:
    for run in runs:
        solved = {(question, given) for question, given, route in run["answered"] if route == "solver"}
        assert solved <= tuples(run["instances"])


def test_a_tool_is_live_with_its_build_or_not_at_all(runs: list[Told]) -> None:
    for run in runs:
        live = [digest for _, state, digest in run["tools"] if state == "live"]
        made = [digest for state, digest in run["builds"] if state == "live"]
        assert live == made
        assert len(live) <= 1


def test_the_last_run_answers_everything_and_has_one_tool(runs: list[Told]) -> None:
    *_, last = runs
    assert [(question, given) for question, given, _ in last["answered"]] == [
        (ask(number), answer(ask(number))) for number in range(9)
    ]
    assert [version for version, _, _ in last["tools"]] == [1]


STARTS_AND_DIES = """
import os, signal, sys
from hammerstone.store import open_store, this_process
with open_store(sys.argv[1]) as store:
    store.start_build("sum", owner=this_process(), lease_seconds=3600)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def left(store: Store) -> Iterator[Store]:
    """A store in which a build was begun by a process that was killed, and that its parent has not waited for."""
    store.add_task("sum", "The sum of two numbers.")
    for number, one in enumerate(instances(5)):
        store.add_instance("sum", one, request_id=str(number))
    home = str(Path(store.where).parent)
    with subprocess.Popen([sys.executable, "-c", STARTS_AND_DIES, home]) as killed:
        os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
        yield store


@pytest.mark.anyio
async def test_a_build_whose_process_was_killed_is_taken_up_by_the_next_run_at_once(
    left: Store, sandbox: Sandbox
) -> None:
    models = Models(maker=maker(), user=user())
    async with Hammerstone(store=left, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        await loop.catch_up()
    assert [one.state for one in left.builds()] == [BuildState.LIVE, BuildState.INTERRUPTED]
