"""A run over a log in a folder, as a process of its own does it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from hammerstone.admin.learning_runs import LearningRun, Order, TenantRuns
from hammerstone.learn import learn, read_log
from hammerstone.learn.job import run_job
from hammerstone.models import RecordingModel
from hammerstone.settings import Roles, RoleSettings, Settings
from hammerstone.settings_file import write_settings
from hammerstone.store import open_stores
from hammerstone.store.records import ToolState

from ..samples.sums import SETTINGS, maker
from ..server.live import eventually

ROWS = [
    {"task": "sum", "question": f"What is the sum of {number} and {3 * number}?", "answer": str(4 * number)}
    for number in range(3, 33)
]


def lines(rows: Sequence[object]) -> str:
    return "".join(f"{json.dumps(row)}\n" for row in rows)


def begin(home: Path, text: str, settings: Settings = SETTINGS, tenant: str = "") -> LearningRun:
    """All that whoever starts the process puts into the folder."""
    runs = TenantRuns(home=home, tenant=tenant)
    order = Order(home=str(home), tenant=tenant, names=("mine.jsonl",), started="2026-11-29", who="ada")
    run = runs.begin(order)
    run.add_log(0, "mine.jsonl").write_text(text)
    write_settings(settings, run.settings)
    return run


def with_maker(model: str) -> Settings:
    return replace(SETTINGS, roles=Roles(maker=RoleSettings(model=model)))


@pytest.fixture
def recorded(tmp_path: Path) -> str:
    """A maker whose replies to this log are recorded."""
    file, log = tmp_path / "maker.jsonl", tmp_path / "log.jsonl"
    log.write_text(lines(ROWS))

    async def record() -> None:
        recording = RecordingModel(maker(), file)
        await learn(read_log([str(log)]), ["log"], home=str(tmp_path / "first"), maker=recording, settings=SETTINGS)

    anyio.run(record)
    return f"recorded:{file}"


def test_tools_are_built_for_the_tenant_and_a_report_is_written(tmp_path: Path, recorded: str) -> None:
    home = tmp_path / "home"
    run = begin(home, lines([{**row, "tenant": "globex"} for row in ROWS]), with_maker(recorded), tenant="acme")
    done = run_job(run)
    assert (done.state, done.done, done.of, done.problem) == ("done", 30, 30, "")
    assert [(one.task, one.state) for one in done.builds] == [("sum", "passed")]
    assert [(one.name, one.lines, one.tool) for one in done.kinds] == [("sum", 30, "sum@1")]
    assert done.headline
    assert "mine.jsonl" in run.report.read_text()
    assert run.progress() == done
    with open_stores(home) as stores:
        assert stores.tenants() == ("", "acme")
        assert stores.of("acme").tools()[0].state == ToolState.SHADOW
        assert stores.of("").tools() == ()


def test_without_a_maker_kinds_are_found_and_nothing_is_built(tmp_path: Path) -> None:
    run = begin(tmp_path / "home", lines(ROWS))
    done = run_job(run)
    assert (done.state, done.builds) == ("done", ())
    assert [one.name for one in done.kinds] == ["sum"]


def test_the_log_is_gone_when_the_run_has_ended(tmp_path: Path) -> None:
    run = begin(tmp_path / "home", lines(ROWS))
    run_job(run)
    assert run.logs == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "nothing is there"),
        ("not a log\n", "1 line cannot be read"),
        (lines([{"question": "and no answer"}]), "1 no answer"),
    ],
)
def test_a_log_of_which_nothing_can_be_learned_is_said_to_be_one(tmp_path: Path, text: str, found: str) -> None:
    run = begin(tmp_path / "home", text)
    done = run_job(run)
    assert (done.state, done.problem) == ("failed", f"no request with a whole answer was read: {found}")
    assert done.hint
    assert run.logs == ()


def test_a_run_that_is_stopped_says_so_and_ends_in_good_order(tmp_path: Path) -> None:
    """The run's maker is a person who never answers."""
    box = tmp_path / "box"
    run = begin(tmp_path / "home", lines(ROWS), with_maker(f"mailbox:{box}"))
    process = subprocess.Popen([sys.executable, "-m", "hammerstone.learn.job", str(run.folder)])
    try:
        eventually(lambda: any(one.state == "building" for one in run.progress().builds))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    assert run.progress().state == "stopped"
    assert run.logs == ()
