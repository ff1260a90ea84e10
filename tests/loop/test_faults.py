"""One bad item ends nothing: faults are brought out at every step of a request and of a build, and all else goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hammerstone.errors import NotFoundError, RecordingError, SandboxError, StoreError, ToolRefusedError
from hammerstone.faults import MAX_REASON, contained, reason_of
from hammerstone.loop import Hammerstone, Models
from hammerstone.models.model import Prompt
from hammerstone.sandbox import Limits, Outcome, Sandbox, Status
from hammerstone.settings import Settings
from hammerstone.store import Store, open_store
from hammerstone.store.records import Answered, Build, BuildState
from hammerstone.testing import FakeSandbox, FunctionModel, SandboxCall
from hammerstone.types import JSON, Request

from ..samples.sums import SETTINGS, answer, dispatcher, maker, requests, reworded, solver, tool, user
from ..samples.sums import SUM as SOURCE

pytestmark = pytest.mark.anyio

FAULTS = [
    RuntimeError("something"),
    RecursionError("maximum recursion depth exceeded"),
    MemoryError(),
    UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"),
    SandboxError("the worker cannot be kept alive"),
    ToolRefusedError("not a tool"),
    AssertionError("never"),
]
faults = pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)


def at_each(steps: Sequence[str]) -> pytest.MarkDecorator:
    """Every step with one fault of another's and with the sandbox's, and the first step with all."""
    pairs = [(step, FAULTS[number % len(FAULTS)]) for number, step in enumerate(steps)]
    pairs += [(step, FAULTS[4]) for step in steps] + [(steps[0], fault) for fault in FAULTS[1:]]
    names = [f"{step.rpartition('.')[2]}-{type(fault).__name__}" for step, fault in pairs]
    return pytest.mark.parametrize(("step", "fault"), pairs, ids=names)


def call(asked: SandboxCall) -> Outcome:
    """Runs here what only this package's tests have written."""
    made: dict[str, Any] = {}
    exec(asked.program, made)  # noqa: S102 - our own source
    return Outcome(status=Status.OK, value=made[asked.function](**asked.arguments))


class FaultySandbox(FakeSandbox):
    """Breaks at one of its calls, counted from 0, and works at all others."""

    def __init__(self, fault: Exception, at: int) -> None:
        super().__init__(call)
        self._fault = fault
        self._left = at

    async def call(
        self,
        program: str,
        function: str,
        arguments: Mapping[str, JSON],
        *,
        limits: Limits | None = None,
        hash_seed: int = 0,
    ) -> Outcome:
        self._left -= 1
        if self._left == -1:
            raise self._fault
        return await super().call(program, function, arguments, limits=limits, hash_seed=hash_seed)


def raising(fault: Exception) -> Callable[..., Any]:
    def faulty(*_: object, **__: object) -> None:
        raise fault

    return faulty


def everyone() -> Models:
    return Models(maker=maker(), user=user(), dispatcher=dispatcher(), solver=solver())


async def run(
    store: Store,
    asked: Sequence[Request],
    *,
    sandbox: Sandbox | None = None,
    models: Models | None = None,
    settings: Settings = SETTINGS,
) -> list[Answered]:
    loop = Hammerstone(
        store=store, sandbox=sandbox or FakeSandbox(call), models=models or everyone(), settings=settings
    )
    async with loop:
        await loop.catch_up()
        return [answered async for answered in loop.stream(asked)]


# a build

OF_A_BUILD = [
    *(f"hammerstone.builder.module.{name}" for name in ("code_block", "check_source", "check_parser", "intruders")),
    *(f"hammerstone.builder.build.{name}" for name in ("pass_gate", "split_instances", "wording", "foreign_questions")),
    "hammerstone.builder.build.Tool",
    "hammerstone.builder.build.Conversation.ask",
    "hammerstone.store.store.Store.add_attempt",
    "hammerstone.store.store.Store.instances",
    "hammerstone.store.store.Store.publish",
]


def ends_as_failed(build: Build) -> bool:
    return build.state is BuildState.FAILED and bool(build.reason)


@at_each(OF_A_BUILD)
async def test_a_build_that_meets_a_fault_is_a_failed_one_and_is_not_begun_again_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, fault: Exception, step: str
) -> None:
    monkeypatch.setattr(step, raising(fault))
    for _ in range(2):
        answers = await run(store, requests(6))
        assert all(one.correct for one in answers)
    assert [ends_as_failed(one) for one in store.builds()] == [True]


@faults
@pytest.mark.parametrize("role", ["maker", "user"])
async def test_a_build_whose_model_has_a_fault_is_not_the_end_of_the_stream(
    store: Store, fault: Exception, role: str
) -> None:
    models = replace(everyone(), **{role: FunctionModel(raising(fault))})
    for _ in range(2):
        answers = await run(store, requests(6), models=models)
        assert all(one.correct for one in answers)
    (build,) = store.builds()
    assert ends_as_failed(build) or (role == "user" and build.state is BuildState.LIVE)


@pytest.mark.parametrize("fault", [FAULTS[0], FAULTS[4]], ids=["RuntimeError", "SandboxError"])
async def test_a_sandbox_that_breaks_at_any_call_of_a_build_fails_it(tmp_path: Path, fault: Exception) -> None:
    at, broke = 0, 0
    while broke >= 0:
        with open_store(tmp_path / str(at)) as store:
            answers = await run(store, requests(5), sandbox=FaultySandbox(fault, at))
            assert all(one.correct for one in answers)
            (build,) = store.builds()
            broke = broke + 1 if ends_as_failed(build) else -1
            assert broke > 0 or build.state is BuildState.LIVE
        at += 1 + at // 4
    assert at > 20, "it broke all along the build"


async def test_after_a_fault_the_task_is_built_when_more_instances_came(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as faulty:
        faulty.setattr("hammerstone.builder.module.check_source", raising(RuntimeError()))
        await run(store, requests(5))
    await run(store, requests(7))
    assert [one.state for one in store.builds()] == [BuildState.LIVE, BuildState.FAILED]


@pytest.mark.parametrize("background", [True, False])
@pytest.mark.parametrize("step", ["start_build", "end_build", "builds", "task"])
async def test_a_build_that_cannot_begin_or_be_kept_is_reported_of_and_the_stream_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, step: str, background: bool
) -> None:
    monkeypatch.setattr(store, step, raising(RuntimeError("of no kind known")))
    monkeypatch.setattr("hammerstone.builder.module.check_source", raising(RuntimeError()))
    answers = await run(
        store, requests(6), settings=replace(SETTINGS, loop=replace(SETTINGS.loop, background=background))
    )
    assert all(one.correct for one in answers)
    assert "a tool for sum: RuntimeError in test_faults.py, line" in caplog.text
    assert "of no kind known" not in caplog.text, "an exception may quote a question"


@pytest.mark.parametrize("fault", [StoreError("the disk is full"), RecordingError("not recorded")])
async def test_what_ends_a_run_interrupts_the_build(
    store: Store, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    monkeypatch.setattr("hammerstone.builder.build.pass_gate", raising(fault))
    with pytest.raises(type(fault)):
        await run(store, requests(5))
    assert [one.state for one in store.builds()] == [BuildState.INTERRUPTED]


# a request

OF_A_REQUEST = [
    "hammerstone.tools.parser.answer",
    "hammerstone.routes.catalog.Catalog.refresh",
    "hammerstone.routes.catalog.Catalog.parsers",
    "hammerstone.routes.catalog.Catalog.tasks",
    "hammerstone.routes.catalog.Catalog.tool",
    "hammerstone.routes.dispatcher.dispatch",
    "hammerstone.routes.user_route.write_arguments",
    "hammerstone.tools.parser.call_solve",
    "hammerstone.store.store.Store.assigned",
    "hammerstone.store.store.Store.assign",
]


@pytest.fixture
def stocked(store: Store) -> Store:
    store.publish(tool())
    return store


MIXED = [
    *requests(2),
    Request.plain(id="reworded", question=reworded(3), answer=answer(reworded(3))),
    *requests(2, "product"),
]


@at_each(OF_A_REQUEST)
async def test_a_fault_on_a_cheaper_route_leaves_the_request_to_the_solver(
    stocked: Store, monkeypatch: pytest.MonkeyPatch, fault: Exception, step: str
) -> None:
    monkeypatch.setattr(step, raising(fault))
    answers = await run(stocked, MIXED, models=replace(everyone(), maker=None))
    assert [(one.answer, one.error) for one in answers] == [(one.answer, None) for one in MIXED]
    refusals = [one for answered in answers for one in answered.refusals]
    assert any(reason_of(fault) in one for one in refusals)


@faults
@pytest.mark.parametrize("role", ["dispatcher", "user", "solver"])
async def test_a_fault_of_a_model_is_none_of_the_other_requests_business(
    stocked: Store, fault: Exception, role: str
) -> None:
    working: FunctionModel = getattr(everyone(), role)

    async def sometimes(prompt: Prompt) -> str:
        if reworded(3) in prompt.messages[-1].content:
            raise fault
        return (await working.complete(prompt)).text

    models = replace(everyone(), maker=None, **{role: FunctionModel(sometimes)})
    if role == "solver":
        models = replace(models, user=None)
    answers = await run(stocked, MIXED, models=models)
    others = [one for one in answers if one.id != "reworded"]
    assert all(one.correct for one in others)
    (hit,) = [one for one in answers if one.id == "reworded"]
    assert hit.correct or (hit.error and role == "solver")


@faults
async def test_an_answer_that_cannot_be_stored_says_so_and_ends_nothing(
    stocked: Store, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    monkeypatch.setattr(stocked, "finish_requests", raising(fault))
    answers = await run(stocked, MIXED, models=replace(everyone(), maker=None))
    assert [(one.answer, one.error) for one in answers] == [
        (one.answer, f"the answer was not stored: {reason_of(fault)}") for one in MIXED
    ]


async def test_a_sandbox_that_is_broken_while_serving_leaves_its_requests_to_the_solver(stocked: Store) -> None:
    broken = FakeSandbox(raising(SandboxError("the worker cannot be kept alive")))
    answers = await run(stocked, requests(3), sandbox=broken, models=replace(everyone(), maker=None))
    assert all(one.correct for one in answers)
    assert all("sum: the worker cannot be kept alive" in one.refusals for one in answers)


async def test_one_broken_tool_does_not_keep_another_from_answering(stocked: Store) -> None:
    stocked.publish(tool("addition", SOURCE + "\n# another\n"))

    class Half(FakeSandbox):
        async def call(self, program: str, *arguments: Any, **options: Any) -> Outcome:
            if "# another" in program:
                raise SandboxError("broken")
            return await super().call(program, *arguments, **options)

    (answered,) = await run(stocked, requests(1), sandbox=Half(call), models=Models())
    assert (answered.tool, answered.answer, answered.refusals) == ("sum", "7", ("addition: broken",))


@pytest.mark.parametrize("odd", ["\0", "a\ud800b", "\ud83d\ude00", "\ufdd0d800", "x" * 300])
async def test_odd_text_in_any_part_of_a_request_is_answered_and_replayed_as_it_was(store: Store, odd: str) -> None:
    replies = Models(
        solver=FunctionModel(lambda prompt: _marked(prompt, odd)),
        dispatcher=FunctionModel(lambda _: f'{{"new": "odd {odd!a}", "description": "Odd."}}'.replace("\\", "")),
    )
    asked = [
        Request.plain(id=odd, question=f"What is {odd}?", answer=odd),
        Request.plain(id="named", question=f"And what is {odd}?", task=odd, answer=odd),
    ]
    first = await run(store, asked, models=replies)
    again = await run(store, asked, models=replies)
    assert [(one.id, one.question, one.error) for one in first] == [(one.id, one.question, None) for one in asked]
    assert [one.answer for one in first] == [one.answer for one in again] == [odd] * 2
    assert [one.model_calls for one in again] == [0, 0]


def _marked(prompt: Prompt, text: str) -> str:
    """A solver's reply in the form that the prompt asks for."""
    opening = next(line for line in prompt.messages[-1].content.splitlines() if line.startswith("<answer-"))
    return f"{opening}\n{text}\n{opening.replace('<', '</')}"


@pytest.mark.parametrize("odd", ["\0", "a\ud800b"])
async def test_a_plain_question_of_any_text_gets_an_id(store: Store, odd: str) -> None:
    loop = Hammerstone(store=store, sandbox=FakeSandbox({}), models=Models(), settings=SETTINGS)
    async with loop:
        first, second = [await loop.solve(odd) for _ in range(2)]
    assert first.id == second.id


# the words


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NotFoundError("there is no task", hint="see"), "there is no task"),
        (KeyError("a"), "KeyError: 'a'"),
        (MemoryError(), "MemoryError"),
        (ValueError("x" * 10_000), ("ValueError: " + "x" * 10_000)[:MAX_REASON]),
    ],
)
def test_a_reason_is_a_short_sentence(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason


@pytest.mark.parametrize("fault", [StoreError("full"), RecordingError("none"), KeyboardInterrupt(), SystemExit(1)])
async def test_what_ends_a_run_is_not_contained(fault: BaseException) -> None:
    async def work() -> None:
        raise fault

    with pytest.raises(type(fault)):
        await contained(work(), str)
