"""The recorded demonstration, run whole once in the real sandbox, and what it must reach."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from hammerstone import RecordingError, Request, Route, Settings
from hammerstone.environment import recordings
from hammerstone.evals.demo_run import DemoRun, run_demo
from hammerstone.evals.role_models import open_role_models
from hammerstone.evals.tasks import generate_instances
from hammerstone.evals.traffic.demo_stream import DEMO_TASKS
from hammerstone.loop import Hammerstone, Models
from hammerstone.requests import read_requests
from hammerstone.sandbox import Sandbox
from hammerstone.store import open_store

from ..readme import stated
from .public_files import FILES, without_files

RECORDED = recordings("demo")


pytestmark = pytest.mark.anyio


async def recorded_demo(home: Path, sandbox: str = "auto") -> DemoRun:
    return await run_demo(home, open_role_models(RECORDED, maker=None, user=None, record=False), sandbox=sandbox)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
async def demonstration(anyio_backend: str, home: Path) -> DemoRun:
    del anyio_backend  # asked for, since this fixture lives longer than one test
    return await recorded_demo(home)


def test_every_task_gets_a_live_tool_with_a_parser(demonstration: DemoRun) -> None:
    tools = {build.task: build.tool for build in demonstration.builds}
    for task in DEMO_TASKS:
        name = demonstration.tool_of(task)
        assert name is not None
        tool = tools[name]
        assert tool is not None
        assert Route.PARSER in tool.routes


def test_requests_in_a_tasks_own_form_take_the_parser_route_once_its_tool_is_live(demonstration: DemoRun) -> None:
    by_parser, later = demonstration.parser_share
    assert later == 36
    assert by_parser >= 0.95 * later


def test_no_answer_by_parser_is_wrong(demonstration: DemoRun) -> None:
    assert demonstration.wrong_by_parser == 0


def test_reworded_requests_and_one_offs_never_take_the_parser_route(demonstration: DemoRun) -> None:
    reworded, one_offs = demonstration.of_kind("paraphrase"), demonstration.of_kind("one-off")
    assert (len(reworded), len(one_offs)) == (12, 10)
    assert {answered.route for answered in reworded} <= {Route.USER, Route.SOLVER}
    assert {answered.route for answered in one_offs} == {Route.SOLVER}


def test_the_strong_model_is_asked_less_and_less(demonstration: DemoRun) -> None:
    half = len(demonstration.answers) // 2
    to_solver = [answered.route is Route.SOLVER for answered in demonstration.answers]
    assert sum(to_solver[half:]) < sum(to_solver[:half]) / 2


def test_each_recorded_completion_is_one_that_the_demonstration_asks_for(demonstration: DemoRun) -> None:
    """None is left over from an earlier prompt; the comparison asks all of the solver's, the loop some again."""
    lines = {file.stem: len(file.read_text(encoding="utf-8").splitlines()) for file in RECORDED.glob("*.jsonl")}
    solved = sum(answered.route is Route.SOLVER for answered in demonstration.answers)
    assert lines["solver"] == len(demonstration.items)
    assert sum(lines.values()) - lines["solver"] == demonstration.paid_calls - solved


async def test_on_monty_the_demonstration_says_why_it_cannot_be_replayed(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="built on full Python"):
        await recorded_demo(tmp_path, sandbox="monty")


async def counted(home: Path, sandbox: Sandbox, files: Iterable[Path]) -> list[float]:
    """For the home's tools: questions that their parsers answered, all questions, and wrong answers."""
    by_parser = asked = wrong = 0
    with open_store(home) as store:
        async with Hammerstone(store=store, sandbox=sandbox, models=Models(), settings=Settings()) as hammerstone:
            for file in files:
                requests = [item for item in read_requests(file) if isinstance(item, Request)]
                async for answered in hammerstone.stream(requests):
                    asked += 1
                    by_parser += answered.route is Route.PARSER
                    wrong += answered.route is Route.PARSER and answered.correct is not True
    return [by_parser, asked, wrong]


@pytest.mark.usefixtures("demonstration")  # its tools are in the home
@without_files
async def test_the_tools_answer_the_public_files_as_the_readme_says(home: Path, sandbox: Sandbox) -> None:
    assert await counted(home, sandbox, FILES.values()) == stated("public BIG-bench files")


@pytest.mark.usefixtures("demonstration")
@pytest.mark.parametrize("name", FILES)
async def test_the_tools_answer_new_questions_in_the_form_of_the_public_files(
    home: Path, sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    """What is tested where those files are not at hand, on questions that no recording and no tool has seen.

    One may be refused: a word to sort that is a word of the instruction, too.
    """
    drawn = generate_instances(name, 30, 2026)
    examples = [{"input": one.question, "target": one.answer} for one in drawn]
    (tmp_path / "new.json").write_text(json.dumps({"examples": examples}), encoding="utf-8")
    by_parser, asked, wrong = await counted(home, sandbox, [tmp_path / "new.json"])
    assert (asked, wrong) == (30, 0)
    assert by_parser >= 29


def test_the_readme_says_what_the_demonstration_reaches(demonstration: DemoRun) -> None:
    by_parser, later = demonstration.parser_share
    reworded = demonstration.of_kind("paraphrase")
    live = [task for task in DEMO_TASKS if demonstration.tool_of(task) is not None]
    assert stated("tasks of the demonstration", "live tool") == [len(live), len(DEMO_TASKS)]
    assert stated("own form", "by parser", "`hammerstone demo`") == [by_parser, later, demonstration.wrong_by_parser]
    assert stated("reworded requests", "`hammerstone demo`")[:2] == [
        sum(answered.route in {Route.USER, Route.SOLVER} and answered.correct is True for answered in reworded),
        len(reworded),
    ]
