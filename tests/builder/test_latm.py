"""The paper's recipe: the maker writes a function, then only calls; the harness compares."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hammerstone.models.model import Model
from hammerstone.prompts import quoted
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store
from hammerstone.store.records import Build, BuildState
from hammerstone.testing import ScriptedModel
from hammerstone.types import Route

from ..samples.sums import SETTINGS, SUM, block, instances
from ..samples.sums import user as a_user
from .bench import (
    SOLVE_ALONE,
    arguments,
    attempts,
    each_time_another,
    fill,
    number_of,
    relabeled,
    said,
    saying,
    split_of,
    stages,
)
from .bench import make as make_by

pytestmark = pytest.mark.anyio

LATM = replace(SETTINGS, build=replace(SETTINGS.build, recipe="latm"))
WRONG = SOLVE_ALONE.replace("left + right", "left - right")


async def make(store: Store, sandbox: Sandbox, maker: ScriptedModel, *, solver: Model | None = None) -> Build:
    return await make_by(store, sandbox, maker, user=a_user(), solver=solver, settings=LATM)


class Parts:
    """The instances as the maker gets them, and the arguments that are right for them."""

    def __init__(self, store: Store) -> None:
        split = split_of(store, LATM)
        self.shown, self.verified = split.shown, split.verified
        self.for_shown, self.for_verified = arguments(split.shown), arguments(split.verified)
        self.for_both = arguments(split.shown + split.verified)


@pytest.fixture
def parts(store: Store) -> Parts:
    fill(store, instances(5))
    return Parts(store)


def proposal(parts: Parts, source: str = SOLVE_ALONE) -> str:
    return f"{block(source)}\n{parts.for_shown}"


async def test_an_attempt_says_where_it_ended(store: Store, sandbox: Sandbox, parts: Parts) -> None:
    """Code without arguments, a rule broken, wrong answers: each is another stage."""
    replies = [block(SOLVE_ALONE), proposal(parts, "x = ("), proposal(parts, WRONG)]
    build = await make(store, sandbox, ScriptedModel(replies))
    assert build.state is BuildState.FAILED
    assert [stage for _, _, stage in stages(store)] == ["reply", "checks", "verify"]


async def test_a_function_and_calls_that_are_right_at_once_go_live_by_the_user_route(
    store: Store, sandbox: Sandbox, parts: Parts
) -> None:
    maker = ScriptedModel([proposal(parts), parts.for_verified])
    build = await make(store, sandbox, maker)
    assert build.state is BuildState.LIVE
    assert build.tool is not None
    assert build.tool.routes == (Route.USER,)
    assert [one.question for one in build.tool.demonstrations] == [one.question for one in parts.shown + parts.verified]
    assert not any(one.parsed for one in build.tool.checks)
    assert (build.tool.provenance.recipe, build.tool.provenance.attempts) == ("latm", 2)
    assert stages(store) == [("latm", 1, "passed"), ("latm", 1, "passed")]


async def test_the_further_questions_are_asked_without_their_answers(
    store: Store, sandbox: Sandbox, parts: Parts
) -> None:
    maker = ScriptedModel([proposal(parts), parts.for_verified])
    await make(store, sandbox, maker)
    assert all(f"{quoted(one.question)}\nAnswer" in said(maker.prompts[0]) for one in parts.shown)
    (further,) = parts.verified
    assert further.question in said(maker.prompts[1])
    assert quoted(further.answer) not in said(maker.prompts[1])


async def test_the_function_is_repaired_when_it_is_wrong(store: Store, sandbox: Sandbox, parts: Parts) -> None:
    maker = ScriptedModel([proposal(parts, WRONG), proposal(parts), parts.for_verified])
    build = await make(store, sandbox, maker)
    assert build.state is BuildState.LIVE
    assert build.tool is not None
    assert build.tool.source == SOLVE_ALONE + "\n"
    told = said(maker.prompts[1])
    assert "The fault may be in the function or in the arguments" in told
    assert f"Stored answer: {parts.shown[0].answer}" in told


async def test_the_calls_alone_are_repaired_when_only_they_are_wrong(
    store: Store, sandbox: Sandbox, parts: Parts
) -> None:
    wrong_calls = f"{block(SOLVE_ALONE)}\n{arguments(parts.shown, off_by=1)}"
    maker = ScriptedModel([wrong_calls, parts.for_shown, parts.for_verified])
    build = await make(store, sandbox, maker)
    assert build.state is BuildState.LIVE
    assert [one.stage for one in attempts(store)] == ["verify", "passed", "passed"]
    assert {one.source for one in attempts(store)} == {SOLVE_ALONE + "\n"}


@pytest.mark.parametrize(
    ("calls", "problem"),
    [
        ('```json\n[{"left": 1, "right": 2}]\n```', "the ```json block must be a list of 3 arguments objects"),
        ('```json\n{"left": 1, "right": 2}\n```', "the ```json block must be a list of 3 arguments objects"),
        ("```json\n[1, 2, 3]\n```", "the ```json block must be a list of 3 arguments objects"),
        ("There is nothing to say about arguments.", "there is no ```json block with the arguments"),
        ('```json\n[{"left": "1"}, {}, {"left": 1, "right": 2}]\n```', "arguments 1 do not fit `solve`: left: "),
    ],
)
async def test_calls_that_cannot_be_made_go_back_to_the_maker(
    store: Store, sandbox: Sandbox, parts: Parts, calls: str, problem: str
) -> None:
    maker = ScriptedModel([f"{block(SOLVE_ALONE)}\n{calls}", parts.for_shown, parts.for_verified])
    build = await make(store, sandbox, maker)
    assert build.state is BuildState.LIVE
    assert problem in said(maker.prompts[1])


async def test_a_module_with_a_parser_is_refused(store: Store, sandbox: Sandbox, parts: Parts) -> None:
    maker = ScriptedModel([proposal(parts, SUM), proposal(parts), parts.for_verified])
    build = await make(store, sandbox, maker)
    assert build.state is BuildState.LIVE
    assert "there must be no `parse` and no `unparse`" in said(maker.prompts[1])


async def test_it_is_the_harness_that_compares(store: Store, sandbox: Sandbox, parts: Parts) -> None:
    boasting = f"All three agree, I have checked them.\n{proposal(parts, WRONG)}"
    build = await make(store, sandbox, ScriptedModel([boasting] * 3))
    assert build.state is BuildState.FAILED
    assert build.reason.startswith("latm: no function agreed with the shown instances; at last: solve returned ")
    assert [one.stage for one in attempts(store)] == ["verify"] * 3


async def test_a_repair_during_verification_is_checked_on_every_instance_so_far(
    store: Store, sandbox: Sandbox, parts: Parts
) -> None:
    (further,) = parts.verified
    limited = SOLVE_ALONE.replace("left + right", f"left + right if str(left + right) != '{further.answer}' else 0")
    maker = ScriptedModel([proposal(parts, limited), parts.for_verified, f"{block(SOLVE_ALONE)}\n{parts.for_both}"])
    build = await make(store, sandbox, maker)
    assert build.state is BuildState.LIVE
    assert build.tool is not None
    assert len(build.tool.checks) == 4
    assert "for each of these 4 questions" in said(maker.prompts[2])


async def test_a_function_that_is_changed_on_the_way_is_checked_again_on_the_shown_instances(
    store: Store, sandbox: Sandbox, parts: Parts
) -> None:
    (further,) = parts.verified
    only_that = SOLVE_ALONE.replace("str(left + right)", f"'{further.answer}'")
    changed = f"{block(only_that)}\n{parts.for_verified}"
    maker = ScriptedModel([proposal(parts), changed, f"{block(SOLVE_ALONE)}\n{parts.for_both}"])
    build = await make(store, sandbox, maker)
    assert build.state is BuildState.LIVE
    assert build.tool is not None
    assert build.tool.source == SOLVE_ALONE + "\n"
    assert [one.stage for one in attempts(store)] == ["passed", "verify", "passed"]


async def test_verification_that_never_passes_fails_the_build(store: Store, sandbox: Sandbox, parts: Parts) -> None:
    wrong = arguments(parts.shown + parts.verified, off_by=1)
    maker = ScriptedModel([proposal(parts), '```json\n[{"left": 1}]\n```', wrong, wrong])
    build = await make(store, sandbox, maker)
    assert (build.state, maker.unused) == (BuildState.FAILED, 0)
    assert build.reason.startswith("latm: verification failed; at last: solve returned ")


async def test_a_solvers_wrong_label_is_corrected_and_not_held_against_later_replies(
    store: Store, sandbox: Sandbox
) -> None:
    fill(store, relabeled(0, "999"))
    parts = Parts(store)
    assert 0 in [number_of(one) for one in parts.shown]
    wrong_then_right = [arguments(parts.verified, off_by=1), parts.for_both]
    maker = ScriptedModel([proposal(parts), *wrong_then_right])
    build = await make(store, sandbox, maker, solver=saying("7"))
    assert build.state is BuildState.LIVE
    assert "999" not in said(maker.prompts[2])
    assert store.instances("sum")[0].answer == "7"


async def test_an_open_difference_that_a_repair_does_not_remove_keeps_the_tool_back(
    store: Store, sandbox: Sandbox
) -> None:
    fill(store, relabeled(0, "999"))
    parts = Parts(store)
    maker = ScriptedModel([proposal(parts), parts.for_shown, parts.for_verified])
    build = await make(store, sandbox, maker, solver=each_time_another())
    assert (build.state, maker.unused) == (BuildState.NEEDS_REVIEW, 0)
    assert build.disagreement is not None
    assert (build.disagreement.stored, build.disagreement.tool) == ("999", "7")


async def test_a_difference_that_a_later_repair_removes_does_not_keep_the_tool_back(
    store: Store, sandbox: Sandbox
) -> None:
    fill(store, relabeled(0, "999"))
    parts = Parts(store)
    fits = SOLVE_ALONE.replace("str(left + right)", '"999" if left == 3 else str(left + right)')
    maker = ScriptedModel([proposal(parts), f"{block(fits)}\n{parts.for_shown}", parts.for_verified])
    build = await make(store, sandbox, maker, solver=each_time_another())
    assert (build.state, build.disagreement) == (BuildState.LIVE, None)


async def test_a_repair_that_makes_it_worse_does_not_lose_what_had_one_open_difference(
    store: Store, sandbox: Sandbox
) -> None:
    fill(store, relabeled(0, "999"))
    parts = Parts(store)
    worse = proposal(parts, WRONG)
    maker = ScriptedModel([proposal(parts), worse, worse, parts.for_verified])
    build = await make(store, sandbox, maker)
    assert build.state is BuildState.NEEDS_REVIEW
    assert build.tool is not None
    assert build.tool.source == SOLVE_ALONE + "\n"


async def test_an_open_difference_does_not_excuse_further_ones_in_verification(store: Store, sandbox: Sandbox) -> None:
    fill(store, relabeled(0, "999"))
    parts = Parts(store)
    wrong = arguments(parts.shown + parts.verified, off_by=1)
    wrong_at_first = arguments(parts.verified, off_by=1)
    maker = ScriptedModel([proposal(parts), parts.for_shown, wrong_at_first, wrong, wrong])
    build = await make(store, sandbox, maker)
    assert build.state is BuildState.FAILED
    assert build.reason.startswith("latm: verification failed")
