"""A tool that takes longer than an answer may take does not pass, and is found out after a few questions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from hammerstone.builder.admission import admit
from hammerstone.builder.patience import PATIENCE, ask_until_too_slow
from hammerstone.errors import ToolRefusedError
from hammerstone.opening import open_hammerstone
from hammerstone.sandbox import Outcome, Status
from hammerstone.settings import SandboxSettings, Settings
from hammerstone.store import Store
from hammerstone.store.records import BuildState
from hammerstone.testing import FakeSandbox, SandboxCall, ScriptedModel
from hammerstone.types import Instance, Route, Source

from ..samples.sums import PAIRS, SUM, ask, block, instances, tool
from ..samples.sums import user as a_user
from .bench import attempts, fill, make, said, split_of

pytestmark = pytest.mark.anyio

TOOK = "took more than 2 s of processor time (line 9: match = re.fullmatch(...))"
HOPELESS = [block("def solve(): pass")] * 2  # repairs


def slow_for(questions: Callable[[str], bool], function: str = "parse") -> FakeSandbox:
    """Runs the tools of these tests. One of their functions takes too long for these questions, unless it is faster."""

    def run(call: SandboxCall) -> Outcome:
        names: dict[str, Callable[..., str | None]] = {}
        exec(call.program, names)  # noqa: S102 - the tests' own
        asked = str(call.arguments["question"]) if "question" in call.arguments else names["unparse"](**call.arguments)
        if call.function == function and "faster" not in call.program and questions(str(asked)):
            return Outcome(status=Status.TIMEOUT, error=TOOK)
        return Outcome(status=Status.OK, value=names[call.function](**call.arguments))

    return FakeSandbox(run)


def parsed(sandbox: FakeSandbox) -> list[str]:
    return [str(call.arguments["question"]) for call in sandbox.calls if call.function == "parse"]


@pytest.mark.parametrize("function", ["parse", "solve", "unparse"])
async def test_the_maker_is_reported_of_a_question_that_took_too_long_and_where(store: Store, function: str) -> None:
    fill(store, instances(5))
    (one,) = split_of(store).verified
    maker = ScriptedModel([block(SUM), *HOPELESS])
    sandbox = slow_for(lambda question: question == one.question, function)
    build = await make(store, sandbox, maker)
    assert build.state is BuildState.FAILED
    problem = said(maker.prompts[1])
    assert f"Failure: {function} failed: {TOOK}" in problem
    assert f"Question:\n{one.question}" in problem
    assert attempts(store)[0].stage == "verify"


async def test_a_faster_repair_goes_live(store: Store) -> None:
    fill(store, instances(5))
    faster = SUM.replace("import re", "import re  # faster")
    build = await make(store, slow_for(lambda _: True), ScriptedModel([block(SUM), block(faster)]), user=a_user())
    assert build.state is BuildState.LIVE
    assert build.tool is not None
    assert build.tool.routes == (Route.PARSER, Route.USER)


async def test_a_held_out_question_that_takes_too_long_bars_the_parser(store: Store) -> None:
    fill(store, instances(5))
    (one,) = split_of(store).held_out
    maker = ScriptedModel([block(SUM)])
    build = await make(store, slow_for(lambda question: question == one.question), maker, user=a_user())
    assert build.tool is not None
    assert build.tool.routes == (Route.USER,)
    assert TOOK in build.reason


async def test_a_tool_that_takes_too_long_is_asked_few_of_many_questions(store: Store) -> None:
    fill(store, instances(len(PAIRS)))
    sandbox = slow_for(lambda _: True)
    await make(store, sandbox, ScriptedModel([block(SUM), *HOPELESS]))
    assert PATIENCE <= len(parsed(sandbox)) < len(PAIRS)


async def test_another_tasks_question_must_be_refused_soon(store: Store) -> None:
    fill(store, instances(5))
    fill(store, instances(1, "product"), "product")
    maker = ScriptedModel([block(SUM), *HOPELESS])
    await make(store, slow_for(lambda question: question == ask(0, "product")), maker)
    problem = f"Of another kind, and must be refused, but parse failed: {TOOK}:\n{ask(0, 'product')}"
    assert problem in said(maker.prompts[1])


async def test_another_spelling_of_a_question_must_not_take_long_either(store: Store) -> None:
    spelled = Instance(question=ask(0).replace(" ", "  "), answer="7", source=Source.SOLVER)
    fill(store, [*instances(5), spelled])
    maker = ScriptedModel([block(SUM), *HOPELESS])
    await make(store, slow_for(lambda question: question == spelled.question), maker)
    assert f"Failure: parse failed: {TOOK}" in said(maker.prompts[1])


async def test_a_probe_that_takes_too_long_is_a_complaint(store: Store) -> None:
    fill(store, instances(5))
    own = {one.question for one in instances(5)}
    maker = ScriptedModel([block(SUM), *HOPELESS])
    sandbox = slow_for(lambda question: question not in own)
    await make(store, sandbox, maker)
    assert f"For a question that nearly is one of this kind, parse failed: {TOOK}" in said(maker.prompts[1])
    assert len(set(parsed(sandbox)) - own) <= 4 * PATIENCE


async def test_an_imported_tool_that_takes_too_long_is_refused(store: Store) -> None:
    with pytest.raises(ToolRefusedError, match="took more than 2 s"):
        await admit(store, slow_for(lambda question: question == ask(0)), tool())


@dataclass(frozen=True)
class Asked:
    number: int
    too_slow: bool


async def test_what_came_before_the_third_slow_one_is_known_whichever_is_ready_first() -> None:
    slow = {1, 4, 5, 6, 30}
    gates = {number: anyio.Event() for number in range(40)}

    async def ask_one(number: int) -> Asked:
        if number in {0, 1}:
            await gates[6].wait()  # later than those that come after it
        gates[number].set()
        return Asked(number, number in slow)

    results = await ask_until_too_slow(ask_one, range(40), lambda one: one.too_slow)
    assert [one.number for one in results] == [0, 1, 2, 3, 4, 5]
    assert not gates[39].is_set()


async def test_all_are_asked_where_none_or_few_are_slow() -> None:
    async def ask_one(number: int) -> Asked:
        return Asked(number, number < 2)

    results = await ask_until_too_slow(ask_one, range(40), lambda one: one.too_slow)
    assert [one.number for one in results] == list(range(40))


async def test_a_tool_has_the_seconds_of_the_settings_for_an_answer(tmp_path: Path) -> None:
    catastrophic = SUM.replace('r"What', 'r"(a+)+b|What')
    settings = Settings(sandbox=SandboxSettings(answer_s=1))
    async with open_hammerstone(tmp_path, settings=settings) as hammerstone:
        outcome = await hammerstone.sandbox.call(catastrophic, "parse", {"question": "a" * 60})
    assert outcome.status is Status.TIMEOUT
    assert outcome.error.startswith("took more than 1 s")
