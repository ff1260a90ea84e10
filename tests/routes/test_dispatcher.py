"""The dispatcher: its odd replies, its second try, and which tasks it is told of."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.routes.dispatcher import (
    CLIPPED,
    LISTED,
    KnownTask,
    NewTask,
    choose_task,
    dispatch,
    nearest,
    read_verdict,
)
from hammerstone.store import Store
from hammerstone.store.accounts import AccountedModel, Bill
from hammerstone.store.records import Task
from hammerstone.testing import FunctionModel, ScriptedModel
from hammerstone.tools.tool import is_tool_name, tool_name
from hammerstone.types import Role

KNOWN = {"word_sorting", "dyck", "Old Name"}
SORTING = Task(id=1, name="word_sorting", description="Words are given; sorted words are wanted.")
DYCK = Task(id=2, name="dyck", description="Brackets are given; their end is wanted.")


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ('{"kind": "dyck"}', KnownTask(name="dyck")),
        ('```json\n{"kind": "dyck"}\n```', KnownTask(name="dyck")),
        ('This is about brackets: {"kind": "dyck"}.', KnownTask(name="dyck")),
        ('{"kind": "dyck", "confidence": 0.9}', KnownTask(name="dyck")),
        ('{"kind": "Word Sorting"}', KnownTask(name="word_sorting")),
        ('{"kind": " word-sorting "}', KnownTask(name="word_sorting")),
        ('{"kind": "Old Name"}', KnownTask(name="Old Name")),
        ('{"kind": "dyck", "new": null}', KnownTask(name="dyck")),
        ('{"new": "dyck", "description": "Brackets."}', KnownTask(name="dyck")),
        ('{"new": "Word sorting", "description": "Words."}', KnownTask(name="word_sorting")),
        ('{"new": "date", "description": "Dates."}', NewTask(name="date", description="Dates.")),
        ('{"kind": null, "new": "date", "description": "Dates."}', NewTask(name="date", description="Dates.")),
        (
            '{"new": "Date & Time!", "description": " a\\n b "}',
            NewTask(name=tool_name("Date & Time!"), description="a b"),
        ),
        ('{"new": "8 queens", "description": "d"}', NewTask(name="task_8_queens", description="d")),
        ('{"new": "import", "description": "d"}', NewTask(name="task_import", description="d")),
        ('{"new": "__init__", "description": "d"}', NewTask(name=tool_name("__init__"), description="d")),
        (
            '{"new": "../../etc/passwd", "description": "d"}',
            NewTask(name=tool_name("../../etc/passwd"), description="d"),
        ),
        ('{"new": "größte Zahl", "description": "d"}', NewTask(name="größte_zahl", description="d")),
        ('{"new": "' + "long " * 40 + '", "description": "d"}', NewTask(name=tool_name("long " * 40), description="d")),
    ],
)
def test_a_reply_that_can_be_read_is(reply: str, verdict: KnownTask | NewTask) -> None:
    assert read_verdict(reply, KNOWN) == verdict


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "dyck",
        "null",
        '"dyck"',
        "3",
        "[]",
        "{}",
        '["dyck"]',
        '[{"kind": "dyck"}]',
        '{"kind": null}',
        '{"kind": 1}',
        '{"kind": ["dyck"]}',
        '{"kind": "unknown"}',
        '{"kind": "unknown", "description": "d"}',
        '{"kind": ""}',
        '{"new": "date"}',
        '{"new": "date", "description": ""}',
        '{"new": "date", "description": "  "}',
        '{"new": "date", "description": null}',
        '{"new": "", "description": "d"}',
        '{"new": "!?", "description": "d"}',
        '{"new": 7, "description": "d"}',
        "{'kind': 'dyck'}",
        '{"kind": "dyck"',
    ],
)
def test_a_reply_that_cannot_be_read_is_no_verdict(reply: str) -> None:
    assert read_verdict(reply, KNOWN) is None


@given(st.text(), st.text(min_size=1))
def test_a_new_name_is_always_one_that_a_tool_may_have(name: str, description: str) -> None:
    verdict = read_verdict(json.dumps({"new": name, "description": description}), set())
    assert verdict is None or (isinstance(verdict, NewTask) and is_tool_name(verdict.name))


# asking


@pytest.fixture
def bill() -> Bill:
    return Bill(request_id="r1")


def model_of(store: Store, model: ScriptedModel | FunctionModel) -> AccountedModel:
    return AccountedModel(model, Role.DISPATCHER, store)


@pytest.mark.anyio
async def test_one_reply_that_can_be_read_is_enough(store: Store, bill: Bill) -> None:
    scripted = ScriptedModel(['{"kind": "dyck"}'])
    assert await dispatch(model_of(store, scripted), [SORTING, DYCK], "( (", bill) == KnownTask(name="dyck")
    asked = scripted.prompts[0].messages[0].content
    assert "- word_sorting: Words are given; sorted words are wanted.\n- dyck: " in asked
    assert bill.calls == 1


@pytest.mark.anyio
async def test_a_reply_that_cannot_be_read_is_asked_for_once_more(store: Store, bill: Bill) -> None:
    scripted = ScriptedModel(["I am not sure.", '{"new": "date", "description": "d"}'])
    assert await dispatch(model_of(store, scripted), [], "When?", bill) == NewTask(name="date", description="d")
    assert [prompt.sample for prompt in scripted.prompts] == [0, 1]
    assert "(none yet)" in scripted.prompts[0].messages[0].content


@pytest.mark.anyio
async def test_two_replies_that_cannot_be_read_are_the_end(store: Store, bill: Bill) -> None:
    scripted = ScriptedModel(["What?", "What?"])
    assert await dispatch(model_of(store, scripted), [DYCK], "( (", bill) is None
    assert (scripted.unused, bill.calls) == (0, 2)


@pytest.mark.anyio
async def test_only_the_ends_of_a_very_long_question_are_sent(store: Store, bill: Bill) -> None:
    scripted = ScriptedModel(['{"kind": "dyck"}'])
    await dispatch(model_of(store, scripted), [DYCK], "start " + "x" * 50_000 + " end", bill)
    asked = scripted.prompts[0].messages[0].content
    assert "start xxx" in asked
    assert "xxx end" in asked
    assert len(asked) < CLIPPED + 2_000


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("replies", "chosen"),
    [
        (['{"kind": "dyck"}'], "dyck"),
        (["Hm.", '{"kind": "dyck"}'], "dyck"),
        (['{"kind": null}', '{"kind": null}'], None),
        (['{"new": "other", "description": "d"}', "Neither."], None),
    ],
)
async def test_of_several_tools_one_is_chosen_or_none(
    store: Store, bill: Bill, replies: list[str], chosen: str | None
) -> None:
    assert await choose_task(model_of(store, ScriptedModel(replies)), [SORTING, DYCK], "( (", bill) == chosen


# many tasks


def test_few_tasks_are_all_listed() -> None:
    tasks = [Task(id=i, name=f"t{i}", description="") for i in range(LISTED)]
    assert nearest(tasks, ["x"] * LISTED, "anything") == tasks


def test_of_many_tasks_those_are_listed_whose_example_is_most_like_the_question() -> None:
    tasks = [Task(id=i, name=f"t{i}", description="") for i in range(LISTED * 3)]
    examples = [f"What becomes of thing number {i}?" for i in range(LISTED * 3)]
    examples[77] = "Close the brackets of this sequence: ( ["
    listed = nearest(tasks, examples, "Close the brackets of this sequence: { {")
    assert len(listed) == LISTED
    assert tasks[77] in listed
    assert listed == sorted(listed, key=lambda task: task.id)
