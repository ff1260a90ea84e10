"""A build from its lease to its end: recipes in turn, what is stored, what interrupts it."""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import replace

import anyio
import anyio.from_thread
import anyio.lowlevel
import pytest

from hammerstone import prompts
from hammerstone.builder import Maker
from hammerstone.builder.build import NOT_COMPARED
from hammerstone.builder.conversation import MAX_PROBLEMS, show_problems
from hammerstone.errors import ModelError, RecordingError, SandboxError, StoreError
from hammerstone.models.model import Prompt, Reply
from hammerstone.sandbox import Sandbox
from hammerstone.sandbox.contract import Outcome
from hammerstone.settings import LifeSettings, RecipeChoice
from hammerstone.store import Store, this_process
from hammerstone.store.accounts import AccountedModel
from hammerstone.store.records import BuildState, ToolState
from hammerstone.testing import FakeSandbox, FunctionModel, SandboxCall, ScriptedModel
from hammerstone.types import Role, Route, Source, Usage

from ..samples.sums import PAIRS, SETTINGS, SUM, asked, block, instances
from ..samples.sums import maker as a_maker
from ..samples.sums import user as a_user
from .bench import (
    SOLVE_ALONE,
    arguments,
    attempts,
    each_time_another,
    fill,
    make,
    number_of,
    relabeled,
    split_of,
    stages,
)

pytestmark = pytest.mark.anyio

AUTO = replace(SETTINGS, build=replace(SETTINGS.build, recipe="auto"))


async def test_where_no_parser_can_read_the_questions_the_papers_recipe_is_tried(
    store: Store, sandbox: Sandbox
) -> None:
    fill(store, instances(5))
    split = split_of(store, AUTO)
    maker = ScriptedModel(
        ["NO PARSER", f"{block(SOLVE_ALONE)}\n{arguments(split.shown)}", arguments(split.verified)],
    )
    build = await make(store, sandbox, maker, user=a_user(), settings=AUTO)
    assert build.state is BuildState.LIVE
    assert build.tool is not None
    assert (build.tool.provenance.recipe, build.tool.routes) == ("latm", (Route.USER,))
    assert stages(store) == [("module", 1, "reply"), ("latm", 1, "passed"), ("latm", 1, "passed")]
    assert len(maker.prompts[1].messages) == 1, "the second recipe begins a conversation of its own"


async def test_a_tool_without_a_parser_waits_for_a_person_where_tools_are_shadowed(
    store: Store, sandbox: Sandbox
) -> None:
    fill(store, instances(5))
    split = split_of(store, AUTO)
    maker = ScriptedModel(["NO PARSER", f"{block(SOLVE_ALONE)}\n{arguments(split.shown)}", arguments(split.verified)])
    settings = replace(AUTO, life=LifeSettings(shadow=20))
    build = await make(store, sandbox, maker, user=a_user(), settings=settings)
    assert build.state is BuildState.PASSED
    assert build.reason.endswith(NOT_COMPARED)
    (tool,) = store.tools()
    assert (tool.state, store.changes("sum")[-1].reason) == (ToolState.GATED, build.reason)


async def test_a_recipe_that_holds_a_tool_back_is_not_followed_by_the_next(store: Store, sandbox: Sandbox) -> None:
    fill(store, relabeled(0, "999"))
    maker = ScriptedModel([block(SUM)] * 2)
    build = await make(store, sandbox, maker, solver=each_time_another(), settings=AUTO)
    assert build.state is BuildState.NEEDS_REVIEW


async def test_spellings_of_one_question_are_one_instance_and_no_model_is_asked(store: Store, sandbox: Sandbox) -> None:
    (one,) = instances(1)
    spelled = [
        replace(one, question=form.format(one.question)) for form in ("{}", "{} ", "{}\n", "{}\r\n", " {}", "\t{}")
    ]
    fill(store, spelled)
    maker = ScriptedModel([])
    build = await make(store, sandbox, maker)
    assert build.state is BuildState.FAILED
    assert build.reason == "a build needs 5 independent instances, and there are 1"
    task = store.task("sum")
    assert task is not None
    assert task.built_at == 6, "the next build is due when more have come in, not at each request"


async def test_further_spellings_are_neither_shown_nor_held_out(store: Store, sandbox: Sandbox) -> None:
    given = [one for kept in instances(5) for one in (kept, replace(kept, question=f"{kept.question}\n"))]
    fill(store, given)
    build = await make(store, sandbox, ScriptedModel([block(SUM)]))
    assert build.tool is not None
    made = build.tool.provenance
    assert (made.shown, made.verified, made.held_out) == (3, 1, 1)
    assert [one.question for one in build.tool.checks if one.question.endswith("\n")] == []


TAKES_ANY_GAP = """
import re

def parse(question: str) -> dict | None:
    match = re.fullmatch(r"What is the sum of (\\d+) and( +)(\\d+)\\?", question)
    return {"left": int(match[1]), "gap": match[2], "right": int(match[3])} if match else None

def unparse(left: int, gap: str, right: int) -> str:
    return f"What is the sum of {left} and{gap}{right}?"

def solve(left: int, gap: str, right: int) -> str:
    return str(left + right) if gap in [GAPS] else "0"
"""


@pytest.mark.parametrize("number", range(5))
async def test_a_label_of_a_further_spelling_is_not_contradicted(store: Store, sandbox: Sandbox, number: int) -> None:
    """Whether its question is shown, verified or held out in another spelling."""
    given = instances(5)
    spelled = replace(given[number], question=given[number].question.replace("and ", "and  "), source=Source.CALLER)
    fill(store, [*given, spelled])
    maker = ScriptedModel([block(TAKES_ANY_GAP.replace("GAPS", gaps)) for gaps in ('" "', '" "', '" "')])
    assert (await make(store, sandbox, maker)).state is BuildState.NEEDS_REVIEW
    assert store.live_tools() == ()


async def test_the_maker_is_shown_what_it_gets_wrong_of_a_further_spelling(store: Store, sandbox: Sandbox) -> None:
    given = instances(5)
    spelled = [replace(one, question=one.question.replace("and ", "and  ")) for one in given]
    fill(store, [*given, *spelled])
    maker = ScriptedModel([block(TAKES_ANY_GAP.replace("GAPS", gaps)) for gaps in ('" "', '" ", "  "')])
    build = await make(store, sandbox, maker)
    assert build.state is BuildState.LIVE
    assert spelled[0].question in maker.prompts[1].messages[-1].content
    assert build.tool is not None
    assert len(build.tool.checks) == 5, "a further spelling proves nothing new"


@pytest.mark.parametrize("number", [2, 9], ids=["of a question that it is built from", "of another question"])
async def test_a_label_that_a_person_gives_during_a_build_is_not_contradicted(
    store: Store, sandbox: Sandbox, number: int
) -> None:
    fill(store, instances(5))

    def propose(_: Prompt) -> str:
        label = replace(instances(10)[number], answer="999", source=Source.LABELER)
        store.add_instance("sum", label, request_id="later")
        return block(SUM)

    build = await make(store, sandbox, FunctionModel(propose))
    assert build.state is BuildState.FAILED
    assert "'999'" in build.reason
    assert store.live_tools() == ()


async def test_a_label_that_a_person_gives_during_a_build_is_not_contradicted_without_a_parser_route(
    store: Store, sandbox: Sandbox
) -> None:
    fill(store, instances(5))
    shown = [number_of(one) for one in split_of(store).shown]
    lefts = [PAIRS[number][0] for number in shown[1:]]
    refusing = SUM.replace("if match else None", f"if match and int(match[1]) not in {lefts} else None")

    def propose(_: Prompt) -> str:
        store.add_instance("sum", replace(instances(10)[9], answer="999", source=Source.LABELER), request_id="later")
        return block(refusing)

    build = await make(store, sandbox, FunctionModel(propose), user=a_user())
    assert build.state is BuildState.FAILED
    assert "'999'" in build.reason
    assert store.live_tools() == ()


async def test_a_description_is_packaged_as_one_short_line(store: Store, sandbox: Sandbox) -> None:
    store.add_task("sum", "Adds.\n- other: take every request\u2028" + "very " * 200)
    for number, one in enumerate(instances(5)):
        store.add_instance("sum", one, request_id=str(number))
    build = await make(store, sandbox, ScriptedModel([block(SUM)]))
    assert build.tool is not None
    assert build.tool.description.startswith("Adds. - other: take every request very very")
    assert len(build.tool.description) == 500
    assert build.tool.description.isprintable()


async def test_when_both_recipes_fail_both_reasons_are_kept(store: Store, sandbox: Sandbox) -> None:
    fill(store, instances(5))
    build = await make(store, sandbox, FunctionModel(lambda _: "NO PARSER"), user=a_user(), settings=AUTO)
    assert build.state is BuildState.FAILED
    first, second = build.reason.split("; ", 1)
    assert first == "module: the maker says that no parser can read these questions"
    assert second.startswith("latm: no function agreed with the shown instances")


@pytest.mark.parametrize(
    ("recipe", "replies", "reason"),
    [
        ("auto", ["NO PARSER"], "module: the maker says that no parser can read these questions"),
        ("latm", [], "the latm recipe makes tools that a user model calls, and there is no user model"),
    ],
)
async def test_without_a_user_model_the_papers_recipe_is_not_paid_for(
    store: Store, sandbox: Sandbox, recipe: RecipeChoice, replies: list[str], reason: str
) -> None:
    fill(store, instances(6))
    settings = replace(SETTINGS, build=replace(SETTINGS.build, recipe=recipe))
    build = await make(store, sandbox, ScriptedModel(replies), settings=settings)
    assert (build.state, build.reason) == (BuildState.FAILED, reason)


async def test_a_tool_says_where_it_comes_from(store: Store, sandbox: Sandbox) -> None:
    fill(store, instances(5))
    priced = Reply(
        text=block(SUM), model="strong", usage=Usage(input_tokens=900, output_tokens=300), cost_usd=0.5, seconds=2
    )
    build = await make(store, sandbox, ScriptedModel([priced], name="test:strong"))
    assert build.tool is not None
    made = build.tool.provenance
    assert (made.maker, made.recipe, made.prompts) == ("test:strong", "module", prompts.version("module"))
    assert (made.shown, made.verified, made.held_out, made.attempts) == (3, 1, 1, 1)
    assert (made.usage, made.cost_usd) == (priced.usage, 0.5)
    questions = [one.question for one in split_of(store).all]
    assert made.instances == tuple(hashlib.sha256(one.encode()).hexdigest()[:16] for one in questions)
    (attempt,) = attempts(store)
    assert (attempt.usage, attempt.cost_usd) == (priced.usage, 0.5)
    assert build.tool.description == "The sum of two numbers."
    assert " sum " in build.tool.wording


async def test_a_price_that_is_not_known_is_unknown_and_not_nothing(store: Store, sandbox: Sandbox) -> None:
    fill(store, instances(5))
    replies = [Reply(text="Let me think.", model="strong"), Reply(text=block(SUM), model="strong", cost_usd=0.5)]
    build = await make(store, sandbox, ScriptedModel(replies))
    assert build.tool is not None
    assert build.tool.provenance.cost_usd is None
    assert [one.cost_usd for one in attempts(store)] == [None, 0.5]


def priced(text: str) -> Reply:
    return Reply(text=text, model="strong", cost_usd=0.5)


async def test_a_build_costs_what_all_its_recipes_have_cost(store: Store, sandbox: Sandbox) -> None:
    fill(store, instances(5))
    split = split_of(store, AUTO)
    replies = ["NO PARSER", f"{block(SOLVE_ALONE)}\n{arguments(split.shown)}", arguments(split.verified)]

    def understand(prompt: Prompt) -> Reply:
        left, right = map(int, re.findall(r"\d+", asked(prompt)))
        return Reply(text=json.dumps({"left": left, "right": right}), model="user", cost_usd=0.25)

    maker, user = ScriptedModel([priced(one) for one in replies]), FunctionModel(understand)
    build = await make(store, sandbox, maker, user=user, settings=AUTO)
    assert (build.state, build.cost_usd) == (BuildState.LIVE, 1.75)


@pytest.mark.parametrize("error", [RecordingError("no recording"), ModelError("it is down"), SandboxError("broken")])
async def test_a_build_that_an_error_ends_costs_what_was_paid(store: Store, sandbox: Sandbox, error: Exception) -> None:
    def say(prompt: Prompt) -> Reply:
        if len(prompt.messages) > 1:
            raise error
        return priced("no code yet")

    fill(store, instances(5))
    with suppress(RecordingError):
        await make(store, sandbox, FunctionModel(say))
    assert store.builds()[0].cost_usd == 0.5


async def test_a_reply_that_was_cut_short_is_part_of_the_cost(store: Store, sandbox: Sandbox) -> None:
    fill(store, instances(5))
    build = await make(store, sandbox, ScriptedModel([replace(priced("no code y"), cut=True)]))
    assert (build.state, build.cost_usd) == (BuildState.FAILED, 0.5)


async def test_the_demonstrations_are_as_many_as_set(store: Store, sandbox: Sandbox) -> None:
    fill(store, instances(5))
    build = await make(
        store, sandbox, a_maker(), settings=replace(SETTINGS, build=replace(SETTINGS.build, demonstrations=2))
    )
    assert build.tool is not None
    assert [one.question for one in build.tool.demonstrations] == [one.question for one in split_of(store).shown[:2]]


async def test_a_second_build_at_the_same_time_is_left_to_the_first(store: Store) -> None:
    fill(store, instances(5))
    assert store.start_build("sum", owner=this_process()) is not None
    model = a_maker()
    maker = Maker(
        store=store,
        sandbox=FakeSandbox({}),
        model=AccountedModel(model, Role.MAKER, store),
        user=None,
        solver=None,
        settings=SETTINGS,
    )
    task = store.task("sum")
    assert task is not None
    assert await maker.make(task) is None
    assert model.prompts == []


async def test_a_maker_that_is_down_fails_the_build(store: Store, sandbox: Sandbox) -> None:
    def down(_: Prompt) -> str:
        raise ModelError("the model is down")

    fill(store, instances(5))
    build = await make(store, sandbox, FunctionModel(down))
    assert (build.state, build.reason) == (BuildState.FAILED, "the model is down")


async def test_a_solver_that_is_down_cannot_settle_and_the_tool_is_kept_back(store: Store, sandbox: Sandbox) -> None:
    def down(_: Prompt) -> str:
        raise ModelError("the model is down")

    fill(store, relabeled(0, "999"))
    build = await make(store, sandbox, ScriptedModel([block(SUM)] * 2), solver=FunctionModel(down))
    assert build.state is BuildState.NEEDS_REVIEW


async def test_a_prompt_without_a_recording_interrupts_the_build_and_is_raised(store: Store, sandbox: Sandbox) -> None:
    def unrecorded(_: Prompt) -> str:
        raise RecordingError("no recording of this prompt")

    fill(store, instances(5))
    with pytest.raises(RecordingError):
        await make(store, sandbox, FunctionModel(unrecorded))
    (build,) = store.builds()
    assert (build.state, build.reason) == (BuildState.INTERRUPTED, "no recording of this prompt")
    task = store.task("sum")
    assert task is not None
    assert task.built_at == 0, "it has said nothing about these instances"


async def test_a_broken_sandbox_fails_the_build_and_what_was_paid_is_used_again(store: Store, sandbox: Sandbox) -> None:
    def broken(_: SandboxCall) -> Outcome:
        raise SandboxError("no worker can be kept alive")

    fill(store, instances(5))
    model = a_maker()
    build = await make(store, FakeSandbox(broken), model)
    assert (build.state, build.reason) == (BuildState.FAILED, "no worker can be kept alive")
    build = await make(store, sandbox, model)
    assert build.state is BuildState.LIVE
    assert len(model.prompts) == 1


async def test_a_reply_that_brings_out_a_fault_is_a_failed_attempt_and_the_next_recipe_is_tried(
    store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*_: object, **__: object) -> tuple[str, ...]:
        raise RecursionError("too deep")

    monkeypatch.setattr("hammerstone.builder.module.check_source", faulty)
    fill(store, instances(5))
    split = split_of(store, AUTO)
    replies = [block(SUM), f"{block(SOLVE_ALONE)}\n{arguments(split.shown)}", arguments(split.verified)]
    build = await make(store, sandbox, ScriptedModel(replies), user=a_user(), settings=AUTO)
    assert (build.state, build.tool and build.tool.provenance.recipe) == (BuildState.LIVE, "latm")
    assert stages(store) == [("module", 1, "verify"), ("latm", 1, "passed"), ("latm", 1, "passed")]
    first = attempts(store)[0]
    assert (first.source, first.problems) == (block(SUM), ("RecursionError: too deep",))


async def test_a_fault_in_the_gate_is_kept_as_the_gates(
    store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def faulty(*_: object, **__: object) -> None:
        raise KeyError("held out")

    monkeypatch.setattr("hammerstone.builder.build.pass_gate", faulty)
    fill(store, instances(5))
    build = await make(store, sandbox, ScriptedModel([block(SUM)]))
    assert (build.state, build.reason) == (BuildState.FAILED, "module: KeyError: 'held out'")
    assert stages(store) == [("module", 1, "passed"), ("module", 0, "gate")]


async def test_a_tool_that_cannot_be_stored_fails_its_build(
    store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(*_: object, **__: object) -> None:
        raise OverflowError("too large")

    monkeypatch.setattr(store, "publish", faulty)
    fill(store, instances(5))
    build = await make(store, sandbox, a_maker())
    assert build.state is BuildState.FAILED
    assert build.reason == "what came of it could not be stored: OverflowError: too large"


async def test_a_task_that_was_removed_meanwhile_is_not_made(store: Store) -> None:
    fill(store, instances(5))
    task = store.task("sum")
    assert task is not None
    store.remove_task("sum")
    model = AccountedModel(a_maker(), Role.MAKER, store)
    maker = Maker(store=store, sandbox=FakeSandbox({}), model=model, user=None, solver=None, settings=SETTINGS)
    assert await maker.make(task) is None


async def test_a_renewal_that_fails_ends_no_build(
    store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = anyio.Event()

    def faulty(*_: object) -> bool:
        anyio.from_thread.run_sync(failed.set)
        raise StoreError("the database is busy")

    async def slow(_: Prompt) -> str:
        await failed.wait()
        return block(SUM)

    monkeypatch.setattr(store, "renew_build", faulty)
    monkeypatch.setattr("hammerstone.builder.build.LEASE_SECONDS", 0.0)
    fill(store, instances(5))
    assert (await make(store, sandbox, FunctionModel(slow))).state is BuildState.LIVE


async def taken(store: Store) -> int:
    """The build of another process that takes over ours, once our lease has run out."""
    while True:
        build_id = store.start_build("sum", owner="elsewhere:1")
        if build_id is not None:
            return build_id
        await anyio.lowlevel.checkpoint()


async def test_a_build_whose_lease_was_lost_is_given_up(
    store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hammerstone.builder.build.LEASE_SECONDS", 0.0)
    others: list[int] = []

    async def never(_: Prompt) -> str:
        others.append(await taken(store))
        await anyio.sleep_forever()
        return ""

    fill(store, instances(5))
    with anyio.fail_after(20):
        build = await make(store, sandbox, FunctionModel(never))
    assert (build.state, build.id in others) == (BuildState.INTERRUPTED, False)
    assert [one.id for one in store.builds()] == [*others, build.id]


async def test_a_build_that_another_process_has_taken_publishes_nothing(
    store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def late(_: Prompt) -> str:
        with monkeypatch.context() as patched:
            patched.setattr("hammerstone.store.builds.is_gone", lambda _: True)
            await taken(store)
        return block(SUM)

    fill(store, instances(5))
    build = await make(store, sandbox, FunctionModel(late))
    assert build.state is BuildState.INTERRUPTED
    assert store.tools(all_versions=True) == ()
    task = store.task("sum")
    assert task is not None
    assert task.built_at == 0


async def test_a_cancelled_build_is_interrupted(store: Store, sandbox: Sandbox) -> None:
    asked = anyio.Event()

    async def never(_: Prompt) -> str:
        asked.set()
        await anyio.sleep_forever()
        return ""

    fill(store, instances(5))
    async with anyio.create_task_group() as group:
        group.start_soon(make, store, sandbox, FunctionModel(never))
        await asked.wait()
        assert store.builds()[0].state is BuildState.RUNNING
        group.cancel_scope.cancel()
    assert store.builds()[0].state is BuildState.INTERRUPTED


def test_many_problems_are_cut_to_what_can_be_read() -> None:
    problems = [f"problem {number}" for number in range(MAX_PROBLEMS + 3)]
    shown = show_problems(problems)
    assert shown.startswith(f"1.\n{prompts.quoted('problem 0')}\n\n2.\n{prompts.quoted('problem 1')}")
    assert shown.endswith("(and 3 more of the same sort)")
    assert "more" not in show_problems(problems[:MAX_PROBLEMS])
