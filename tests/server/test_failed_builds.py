"""A build that fails is seen wherever somebody looks: in the log, on the pages, and by the doctor."""

from __future__ import annotations

import io
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from hammerstone.errors import ModelError, RecordingError
from hammerstone.models import Prompt
from hammerstone.sandbox import Sandbox
from hammerstone.server.checkup import check_gateway
from hammerstone.server.telemetry.log import open_log
from hammerstone.server.telemetry.tool_gauges import ToolGauges
from hammerstone.settings import LoopSettings
from hammerstone.store.records import ToolState
from hammerstone.testing import FunctionModel

from ..samples.sums import SETTINGS
from .pages.looking import person
from .sums import Served, eventually, open_gateway

pytestmark = pytest.mark.anyio


def refusing(_: Prompt) -> str:
    raise ModelError("the maker refuses the key (401)")


def unrecorded(_: Prompt) -> str:
    raise RecordingError("maker.jsonl has no recording of this prompt")


async def latest_build(served: Served) -> tuple[bool, str]:
    transport = served.client._transport  # pyright: ignore[reportPrivateUsage] - there is no public name for it
    checks = await check_gateway("http://localhost/v1", transport=transport)
    return next((one.ok, one.said) for one in checks if one.name == "builds")


async def test_a_maker_that_refuses_the_key_is_on_the_pages_and_found_by_the_doctor(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    async with open_gateway(tmp_path, sandbox, maker=FunctionModel(refusing)) as served, person(served) as me:
        await served.learn_sums()
        task = (await served.loop()).store.tasks()[0].name
        reason = "The last build failed: the maker refuses the key (401)"
        assert reason in await me.look()
        assert reason in await me.look(f"/tasks/{task}")
        assert "build failed" in await me.look("/tasks")
        ok, said = await latest_build(served)
        assert not ok
        assert "the maker refuses the key (401)" in said


async def test_a_task_for_which_no_tool_is_found_is_no_fault_of_the_gateway(tmp_path: Path, sandbox: Sandbox) -> None:
    async with open_gateway(tmp_path, sandbox, maker=FunctionModel(lambda _: "I cannot.")) as served:
        await served.learn_sums()
        ok, said = await latest_build(served)
        assert ok
        assert "failed" in said


@pytest.mark.parametrize("reply", [refusing, unrecorded])
async def test_the_log_says_which_build_failed_and_why(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, reply: object
) -> None:
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    with open_log("text"):
        maker = FunctionModel(reply)  # pyright: ignore[reportArgumentType] - both raise
        beside = replace(SETTINGS, loop=LoopSettings(background=True))
        async with open_gateway(tmp_path, sandbox, maker=maker, settings=beside) as served:
            await served.learn_sums()
            loop = await served.loop()
            await eventually(lambda: bool(loop.store.builds()) and not loop.builder.running)
            task = (await served.loop()).store.tasks()[0].name
    said = written.getvalue()
    assert f"info: build of {task}: begun" in said
    assert f"error: build of {task} failed: " in said


async def test_the_log_says_how_a_build_ended_without_quoting_a_question(
    tmp_path: Path, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hammerstone")
    async with open_gateway(tmp_path, sandbox, maker=FunctionModel(lambda _: "I cannot.")) as served:
        await served.learn_sums()
        task = (await served.loop()).store.tasks()[0].name
    builds = [one.getMessage() for one in caplog.records if "build of" in one.getMessage()]
    assert builds == [f"build of {task}: begun", f"build of {task}: failed"]


async def test_the_log_says_when_a_tool_comes_into_another_state_whoever_changed_it(
    tmp_path: Path, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hammerstone")
    async with open_gateway(tmp_path, sandbox) as served:
        store = (await served.loop()).store
        gauges = ToolGauges(served.host, served.signals.health.store("reading tools"))
        await gauges.look()
        await served.learn_sums()
        await gauges.look()
        name = store.tools()[0].task
        store.set_tool_state(name, None, ToolState.DISABLED)
        await gauges.look()
        await gauges.look()
    changes = [one.getMessage() for one in caplog.records if one.getMessage().startswith("tool ")]
    assert [changes.count(f"tool {name}@1: {state}") for state in ("live", "disabled")] == [1, 1]
