"""Chats through the whole loop: asked as they came, grouped by their frame, answered by tools that read the rest."""

from __future__ import annotations

import pytest

from hammerstone.loop import Hammerstone, Models
from hammerstone.models.model import Prompt
from hammerstone.requests.frame import Form, render
from hammerstone.sandbox.contract import Sandbox
from hammerstone.store import Store
from hammerstone.store.records import Answered
from hammerstone.testing import FunctionModel
from hammerstone.types import Chat, Instance, Message, Request, Route, Source

from ..samples.sums import SETTINGS, SUM, block

pytestmark = pytest.mark.anyio

RULES = "You are a calculator. Answer with the number alone."

DATED = '''
import re

HEAD = "[system]\\nToday is {}. Add what you are given.\\n[user]\\n"

def solve(day: str, left: int, right: int) -> str:
    """The sum of two whole numbers. `day` is the weekday that the chat begins with."""
    return str(left + right)

def parse(question: str) -> dict | None:
    match = re.fullmatch(
        r"\\[system\\]\\nToday is (Monday|Tuesday|Wednesday|Thursday|Friday)\\. "
        r"Add what you are given\\.\\n\\[user\\]\\n"
        r"What is the sum of (\\d+) and (\\d+)\\?", question)
    return {"day": match[1], "left": int(match[2]), "right": int(match[3])} if match else None

def unparse(day: str, left: int, right: int) -> str:
    return HEAD.format(day) + f"What is the sum of {left} and {right}?"
'''


def chat(number: int, system: str = RULES, **others: str) -> Chat:
    question = f"What is the sum of {number * 37 % 89 + 1} and {number * 53 % 71 + 1}?"
    return Chat(messages=(Message(role="system", content=system), Message(role="user", content=question)), **others)


def total(question: str) -> str:
    words = question.removesuffix("?").split()
    return str(int(words[-3]) + int(words[-1]))


def requests(first: int, count: int, system: str = RULES, **others: str) -> list[Request]:
    return [Request(id=f"r{number}", chat=chat(number, system, **others)) for number in range(first, first + count)]


async def run(
    store: Store, sandbox: Sandbox, asked: list[Request], maker: list[str], seen: list[Prompt] | None = None
) -> list[Answered]:
    replies, prompts = iter(maker), [] if seen is None else seen

    def strong(prompt: Prompt) -> str:
        prompts.append(prompt)
        return total(prompt.messages[-1].content)

    def make(prompt: Prompt) -> str:
        prompts.append(prompt)
        return next(replies)

    models = Models(maker=FunctionModel(make, name="maker"), solver=FunctionModel(strong, name="solver"))
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        return [await loop.solve(one) for one in asked]


def letters(answers: list[Answered]) -> str:
    return "".join("P" if one.route is Route.PARSER else "S" for one in answers)


async def test_chats_of_one_frame_are_one_task_whose_tool_reads_the_last_message(
    store: Store, sandbox: Sandbox
) -> None:
    seen: list[Prompt] = []
    answers = await run(store, sandbox, requests(0, 8), [block(SUM)], seen)
    assert letters(answers) == "SSSSSPPP"
    assert [one.answer for one in answers] == [total(one.question) for one in requests(0, 8)]
    assert seen[0].messages == requests(0, 1)[0].chat.messages  # as it came
    (maker,) = (prompt.messages[-1].content for prompt in seen if len(prompt.messages) == 1)
    assert maker.count(RULES) == 1


@pytest.mark.parametrize(
    "other",
    [
        Request(id="x", chat=chat(50, "You are a poet.")),
        Request(id="x", chat=chat(50, model="another")),
        Request.plain(id="x", question=chat(50).messages[-1].content),
    ],
)
async def test_a_tool_answers_no_request_of_another_frame(store: Store, sandbox: Sandbox, other: Request) -> None:
    answers = await run(store, sandbox, [*requests(0, 6), other, *requests(51, 1)], [block(SUM)])
    assert letters(answers) == "SSSSSP" + "S" + "P"


async def test_where_the_system_prompt_varies_the_whole_chat_is_read(store: Store, sandbox: Sandbox) -> None:
    days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"] * 2
    asked = [
        Request(id=f"r{n}", chat=chat(n, f"Today is {day}. Add what you are given.")) for n, day in enumerate(days)
    ]
    answers = await run(store, sandbox, asked, [block(DATED)])
    assert letters(answers) == "SSSSSPPPPP"
    (task,) = store.tasks()
    assert task.frame.form is Form.WHOLE
    assert all(one.correct is None and one.error is None for one in answers)


async def test_a_named_task_takes_the_frame_of_its_first_request_and_no_other_shape(
    store: Store, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    first = Request(id="1", chat=chat(1), task="sums")
    other = Request.plain(id="2", question="What is the sum of 1 and 2?", task="sums")
    await run(store, sandbox, [first, other], [])
    assert [one.question for one in store.instances("sums")] == [first.question]
    assert "request 2 has another shape than the task sums" in caplog.text


async def test_a_tool_is_made_from_solved_chats(store: Store, sandbox: Sandbox) -> None:
    given = [
        Instance(question=one.question, answer=total(one.question), source=Source.CALLER, chat=one.chat)
        for one in requests(0, 5)
    ]
    models = Models(maker=FunctionModel(lambda _: block(SUM), name="maker"))
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        await loop.make(given, name="sums")
        framed = await loop.solve(requests(9, 1)[0])
        plain = await loop.solve(requests(9, 1)[0].question)
    assert (framed.route, framed.answer) == (Route.PARSER, total(requests(9, 1)[0].question))
    assert plain.answer is None


async def test_json_answers_agree_by_their_values(store: Store, sandbox: Sandbox) -> None:
    as_json = SUM.replace("return str(left + right)", "return '{\"sum\": ' + str(left + right) + '}'")
    given = [
        Instance(
            question=one.question, answer=f'{{\n "sum":{total(one.question)}}}', source=Source.CALLER, chat=one.chat
        )
        for one in requests(0, 5)
    ]
    models = Models(maker=FunctionModel(lambda _: block(as_json), name="maker"))
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        build = await loop.make(given, name="sums")
    assert build.tool is not None
    assert Route.PARSER in build.tool.routes


async def test_a_correction_of_a_chats_answer_is_an_instance_of_the_chat(store: Store, sandbox: Sandbox) -> None:
    days = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday"] * 2
    asked = [
        Request(id=f"r{n}", chat=chat(n, f"Today is {day}. Add what you are given.")) for n, day in enumerate(days)
    ]
    await run(store, sandbox, asked, [block(DATED)])
    correction = store.correct("r9", "7")
    (task,) = store.tasks()
    corrected = next(one for one in store.instances(task.name) if one.answer == "7")
    assert corrected.chat == asked[9].chat
    assert corrected.question == render(asked[9].chat.messages)
    assert correction.quarantined
