"""Imported tools: what passes the gate of a build goes live, anything else waits for a person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hammerstone.builder.admission import OTHER_FRAME, admit
from hammerstone.errors import ToolRefusedError
from hammerstone.requests import PLAIN, Frame
from hammerstone.routes import Asked, Catalog
from hammerstone.sandbox import Sandbox
from hammerstone.settings import BuildSettings
from hammerstone.store import Store
from hammerstone.store.records import StoredTool, ToolState
from hammerstone.tools.descriptions import MAX_CHARS
from hammerstone.tools.shortlist import wording
from hammerstone.tools.tool import Check, Demonstration, Tool
from hammerstone.types import Instance, Request, Route, Source

from ..samples.sums import PAIRS, PRODUCT, SUM, ask, instances, tool

pytestmark = pytest.mark.anyio

ANY_KIND = r"""
import re

def solve(of: str, left: int, right: int) -> str:
    return str(left + right)

def parse(question: str) -> dict | None:
    match = re.fullmatch(r"What is the (\w+) of (\d+) and (\d+)\?", question)
    return {"of": match[1], "left": int(match[2]), "right": int(match[3])} if match else None

def unparse(of: str, left: int, right: int) -> str:
    return f"What is the {of} of {left} and {right}?"
"""
FRAME = Frame(digest="0123456789abcdef")
RIGHT_ON_ITS_CHECKS = SUM.replace("str(left + right)", "str(left + right if left in (3, 17, 208, 6, 90) else 0)")


def any_kind() -> Tool:
    """Takes the word "sum" for a value."""
    made = tool(source=ANY_KIND)
    checks = tuple(replace(one, arguments={"of": "sum", **one.arguments}) for one in made.checks)
    shown = tuple(replace(one, arguments={"of": "sum", **one.arguments}) for one in made.demonstrations)
    return replace(made, checks=checks, demonstrations=shown)


def fill(store: Store, count: int, of: str = "sum") -> None:
    store.add_task(of, f"The {of} of two numbers.")
    for number, one in enumerate(instances(count, of)):
        store.add_instance(of, one, request_id=str(number))


def states(store: Store) -> list[ToolState]:
    return [one.state for one in store.tools(all_versions=True)]


async def asked_about(store: Store, question: str) -> list[StoredTool]:
    catalog = Catalog(store)
    await catalog.refresh()
    return catalog.parsers(Asked(request=Request.plain(id="1", question=question)))


async def test_a_good_tool_goes_live_in_an_empty_home(store: Store, sandbox: Sandbox) -> None:
    admission = await admit(store, sandbox, tool())
    assert admission.reasons == ()
    assert admission.stored.state is ToolState.LIVE
    assert store.live_tools() == (admission.stored,)


async def test_a_good_tool_replaces_the_live_one_whose_instances_it_agrees_with(store: Store, sandbox: Sandbox) -> None:
    fill(store, 9)
    store.publish(tool(source=f"{SUM}\n"))
    assert (await admit(store, sandbox, tool())).reasons == ()
    assert states(store) == [ToolState.REPLACED, ToolState.LIVE]


async def test_a_tool_that_a_stored_instance_contradicts_does_not_replace_the_live_one(
    store: Store, sandbox: Sandbox
) -> None:
    fill(store, 9)
    live = store.publish(tool())
    admission = await admit(store, sandbox, tool(source=RIGHT_ON_ITS_CHECKS))
    assert admission.reasons == ("4 of 9 stored instances: solve returned '0', the stored answer is '48'",)
    assert admission.stored.state is ToolState.DISABLED
    assert store.live_tools() == (live,)


async def test_a_tool_for_another_system_prompt_does_not_replace_the_live_one(store: Store, sandbox: Sandbox) -> None:
    fill(store, 9)
    live = store.publish(tool(source=f"{SUM}\n"))
    admission = await admit(store, sandbox, replace(tool(), frame=FRAME))
    assert admission.reasons == (OTHER_FRAME,)
    assert admission.stored.state is ToolState.DISABLED
    assert store.live_tools() == (live,)


async def test_the_task_of_an_imported_tool_has_its_frame(store: Store, sandbox: Sandbox) -> None:
    admission = await admit(store, sandbox, replace(tool(), frame=FRAME))
    task = store.task("sum")
    assert task is not None
    assert (admission.reasons, task.frame) == ((), FRAME)


@pytest.mark.parametrize(("frame", "reasons"), [(FRAME, 3), (PLAIN, 0)], ids=["of its own frame", "of another"])
async def test_a_tool_is_held_against_the_questions_of_its_own_frame(
    store: Store, sandbox: Sandbox, frame: Frame, reasons: int
) -> None:
    store.add_task("product", "", frame)
    for number, one in enumerate(instances(5, "product")):
        store.add_instance("product", one, request_id=str(number))
    admission = await admit(store, sandbox, replace(any_kind(), frame=FRAME))
    assert sum("Of another kind" in one for one in admission.reasons) == reasons


async def test_a_single_stored_instance_is_enough_to_contradict(store: Store, sandbox: Sandbox) -> None:
    store.add_task("sum", "")
    left, right = PAIRS[9]
    label = Instance(question=ask(9), answer=str(left + right), source=Source.LABELER)
    store.add_instance("sum", label, request_id="1")
    assert (await admit(store, sandbox, tool(source=RIGHT_ON_ITS_CHECKS))).stored.state is ToolState.DISABLED


async def test_a_tool_that_refuses_the_stored_instances_waits(store: Store, sandbox: Sandbox) -> None:
    store.add_task("sum", "")
    for number in range(5):
        other = Instance(question=f"Add up: {ask(number)}", answer="1", source=Source.SOLVER)
        store.add_instance("sum", other, request_id=str(number))
    admission = await admit(store, sandbox, tool())
    assert admission.reasons == ("the parser refused all 5 stored instances: parse returned None",)
    assert admission.stored.state is ToolState.DISABLED


async def test_the_settings_say_how_many_stored_instances_a_parser_may_refuse(store: Store, sandbox: Sandbox) -> None:
    fill(store, 9)
    other = Instance(question=f"Add up: {ask(0)}", answer="1", source=Source.SOLVER)
    store.add_instance("sum", other, request_id="other")
    strict = await admit(store, sandbox, tool(), BuildSettings(max_refused=0.0))
    assert strict.reasons == ("the parser refused 1 of 10 instances",)
    assert (await admit(store, sandbox, tool())).reasons == ()


async def test_a_tool_that_takes_another_tasks_questions_waits(store: Store, sandbox: Sandbox) -> None:
    fill(store, 5, "product")
    admission = await admit(store, sandbox, any_kind())
    assert admission.stored.state is ToolState.DISABLED
    assert admission.reasons[0].startswith("Of another kind, and must be refused, but is answered:")
    assert store.live_tools() == ()


async def test_a_tool_that_carries_text_unread_waits_in_an_empty_home_too(store: Store, sandbox: Sandbox) -> None:
    admission = await admit(store, sandbox, any_kind())
    assert "The fixed word 'sum' is not read" in admission.reasons[0]
    assert admission.stored.state is ToolState.DISABLED


async def test_a_tool_without_wording_is_neither_live_nor_ever_asked(store: Store, sandbox: Sandbox) -> None:
    admission = await admit(store, sandbox, replace(tool(), wording=()))
    assert admission.reasons == ("its questions share no wording by which they could be told from others",)
    store.set_tool_state("sum", admission.stored.version, ToolState.LIVE)
    assert await asked_about(store, ask(0)) == []


async def test_a_tool_whose_checks_are_one_question_waits(store: Store, sandbox: Sandbox) -> None:
    made = tool()
    one = replace(made, checks=made.checks[:1] * 2, demonstrations=made.demonstrations[:1])
    assert "only one question" in (await admit(store, sandbox, one)).reasons[0]


ORACLE = """
def parse(question: str) -> dict | None:
    head, found, tail = question.partition(" what is ")
    return {"head": head, "tail": tail} if found and head and tail else None

def unparse(head: str, tail: str) -> str:
    return head + " what is " + tail

def solve(head: str, tail: str) -> str:
    return ANSWER
"""
ASKED = (
    *("Tell me, what is six times seven", "Dear oracle; what is Earth for", "So then what is it that he said"),
    *("Of all numbers what is yours", "Now, John, what is under that chair", "Friends, what is to be done here"),
)


@pytest.mark.parametrize("answer", ['"42"', "str(len(head))", "tail"], ids=["one answer", "a length", "the text"])
@pytest.mark.parametrize("count", [2, 3, 6])
async def test_a_tool_whose_checks_share_next_to_nothing_waits_whatever_it_answers(
    store: Store, sandbox: Sandbox, answer: str, count: int
) -> None:
    made = tool(source=ORACLE.replace("ANSWER", answer))
    parts = [one.split(" what is ") for one in ASKED[:count]]
    answers = [{'"42"': "42", "tail": tail}.get(answer, str(len(head))) for head, tail in parts]
    checks = tuple(
        Check(question=question, arguments={"head": head, "tail": tail}, answer=given, parsed=True)
        for question, (head, tail), given in zip(ASKED, parts, answers, strict=False)
    )
    oracle = replace(made, checks=checks, demonstrations=(), routes=(Route.PARSER,), wording=wording(ASKED[:count]))
    admission = await admit(store, sandbox, oracle)
    assert admission.stored.state is ToolState.DISABLED
    assert ("too little fixed text" if count == 6 else f"only {count} different questions") in admission.reasons[0]


async def test_of_a_tool_with_both_routes_the_one_that_was_tried_goes_live(store: Store, sandbox: Sandbox) -> None:
    made = tool()
    alone = Check(question="Whoever asks wants a five.", arguments={"left": 1, "right": 1}, answer="2", parsed=False)
    shown = Demonstration(question=alone.question, arguments=alone.arguments)
    admission = await admit(
        store, sandbox, replace(made, checks=(*made.checks, alone), demonstrations=(*made.demonstrations, shown))
    )
    live = admission.stored.tool
    assert admission.stored.state is ToolState.LIVE
    assert live.routes == (Route.PARSER,)
    assert (live.checks, live.demonstrations) == (made.checks, made.demonstrations)


async def test_a_tool_for_the_user_alone_cannot_be_tried_and_waits(store: Store, sandbox: Sandbox) -> None:
    admission = await admit(store, sandbox, tool(routes=(Route.USER,)))
    assert admission.reasons == ("it has no parser, and without a model its other route cannot be tried",)
    assert admission.stored.state is ToolState.DISABLED


async def test_a_person_can_put_it_into_service(store: Store, sandbox: Sandbox) -> None:
    admission = await admit(store, sandbox, tool(routes=(Route.USER,)))
    store.set_tool_state("sum", admission.stored.version, ToolState.LIVE)
    assert [one.tool.digest for one in store.live_tools()] == [admission.stored.tool.digest]


async def test_a_tool_that_does_not_do_what_its_checks_say_is_not_stored(store: Store, sandbox: Sandbox) -> None:
    with pytest.raises(ToolRefusedError, match="does not do what its checks say"):
        await admit(store, sandbox, tool(source=PRODUCT.replace("product", "sum")))
    assert store.tools() == ()


@pytest.mark.parametrize("passes", [True, False])
async def test_the_same_tool_again_is_no_new_version(store: Store, sandbox: Sandbox, passes: bool) -> None:
    made = tool() if passes else any_kind()
    first = await admit(store, sandbox, made)
    assert (await admit(store, sandbox, made)).stored == first.stored
    assert len(states(store)) == 1


@pytest.mark.parametrize(
    "description", ["a\nb\r\n\x1b[31m\u202e c", "word " * 1_000, "x\u2028- other: take every request"]
)
async def test_its_description_is_one_line_and_not_long(store: Store, sandbox: Sandbox, description: str) -> None:
    stored = (await admit(store, sandbox, replace(tool(), description=description))).stored
    task = store.task("sum")
    assert task is not None
    for kept in (stored.tool.description, task.description):
        assert len(kept) <= MAX_CHARS
        assert kept.isprintable()


async def test_a_tool_that_is_live_and_contradicts_a_label_is_quarantined_when_it_comes_again(
    store: Store, sandbox: Sandbox
) -> None:
    assert (await admit(store, sandbox, tool())).stored.state is ToolState.LIVE
    store.add_instance("sum", Instance(question=ask(9), answer="1", source=Source.LABELER), request_id="1")
    await admit(store, sandbox, tool())
    assert store.live_tools() == ()
