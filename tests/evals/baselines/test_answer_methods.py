"""Every way to answer a question: what the model is sent, and what is made of its reply."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from hammerstone.evals.baselines.answer_methods import (
    ChainOfThought,
    Direct,
    Method,
    NoAnswer,
    ProgramOfThought,
    ToolWithParser,
    ToolWithUser,
    worked_examples,
)
from hammerstone.evals.harness.bench_run import BenchRun
from hammerstone.models.model import Prompt
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store
from hammerstone.store.accounts import Bill
from hammerstone.testing import FakeSandbox, ScriptedModel
from hammerstone.tools.tool import Tool
from hammerstone.types import Role

from ...samples.sums import SUM, block, reworded, tool
from ..toys import PRICE, new_bench, paid, samples, user

pytestmark = pytest.mark.anyio

GIVEN = samples()
QUESTION, RIGHT = GIVEN.asked[0].question, GIVEN.asked[0].answer
WORKED = (("What is 1 and 1?", "One and one.\nAnswer: 2"), ("What is 2 and 2?", "Two and two.\nAnswer: 4"))


def replying(store: Store, *replies: str, sandbox: Sandbox | None = None) -> tuple[BenchRun, ScriptedModel]:
    model = ScriptedModel([paid(one) for one in replies], name="user")
    return new_bench(store, sandbox or FakeSandbox({}), {Role.USER: model, Role.SOLVER: model}), model


async def answered(method: Method, question: str = QUESTION) -> str | NoAnswer:
    """The answer of a method that pays for one call."""
    bill = Bill()
    given = await method.answer(question, bill)
    assert (bill.calls, bill.cost_usd) == (1, PRICE)
    return given


def text(prompt: Prompt) -> str:
    (message,) = prompt.messages
    return message.content


# direct


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (RIGHT, RIGHT),
        (f"Answer: {RIGHT}\n", RIGHT),
        (f"\n  {RIGHT}  \n", RIGHT),
        ("not that", "not that"),
        ("two\nlines", "two\nlines"),
        (" \n", NoAnswer.INVALID),
        ("Answer:", NoAnswer.INVALID),
    ],
)
async def test_direct_takes_the_reply_as_the_answer(store: Store, reply: str, answer: str | NoAnswer) -> None:
    bench, _ = replying(store, reply)
    assert await answered(Direct(bench.model(Role.USER), GIVEN.shown)) == answer


async def test_direct_shows_three_solved_questions_and_then_the_one_that_is_asked(store: Store) -> None:
    bench, model = replying(store, RIGHT)
    await answered(Direct(bench.model(Role.USER), GIVEN.shown))
    (prompt,) = model.prompts
    assert text(prompt).count("Question:") == 4
    for one in GIVEN.shown[:3]:
        assert f"Question:\n{one.question}\nAnswer: {one.answer}" in text(prompt)
    assert text(prompt).endswith(f"Question:\n{QUESTION}\nAnswer:")
    assert RIGHT not in text(prompt).partition(QUESTION)[2]
    assert (prompt.temperature, prompt.sample, prompt.max_tokens) == (0.0, 0, 68)  # 64, and four for each token shown


# chain of thought


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (f"I add.\nAnswer: {RIGHT}", RIGHT),
        ("I add.\nAnswer: 0", "0"),
        (f"It is {RIGHT}", NoAnswer.INVALID),
        ("I give up.\nAnswer: UNKNOWN", "UNKNOWN"),
    ],
)
async def test_a_chain_of_thought_ends_with_its_answer(store: Store, reply: str, answer: str | NoAnswer) -> None:
    bench, _ = replying(store, reply)
    assert await answered(ChainOfThought(bench.model(Role.USER), WORKED)) == answer


async def test_a_chain_of_thought_prompt_holds_the_worked_examples(store: Store) -> None:
    bench, model = replying(store, "Answer: 1")
    await answered(ChainOfThought(bench.model(Role.USER), WORKED))
    (prompt,) = model.prompts
    for question, work in WORKED:
        assert f"Question:\n{question}\n\nSolution:\n{work}" in text(prompt)
    assert text(prompt).count("Question:") == 3
    assert text(prompt).rstrip().endswith(f"Question:\n{QUESTION}\n\nSolution:")
    assert prompt.temperature == 0.0


async def test_worked_examples_are_a_models_own_working_of_the_first_three(store: Store) -> None:
    bench, model = replying(store, *(f"By heart.\nAnswer: {number}" for number in range(3)))
    bill = Bill()
    worked = await worked_examples(bench.model(Role.SOLVER), GIVEN.shown, bill)
    assert worked == tuple((one.question, f"By heart.\nAnswer: {number}") for number, one in enumerate(GIVEN.shown[:3]))
    assert [one.question in text(prompt) for one, prompt in zip(GIVEN.shown, model.prompts, strict=False)] == [True] * 3
    assert bill.calls == 3


# program of thought

ADD = "def solve() -> str:\n    return str(sum([7, 512]))"


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (block(ADD), "519"),
        (block("import math\n\ndef solve() -> str:\n    return str(math.factorial(5))"), "120"),
        (block("def solve() -> str:\n    raise ValueError('no idea')"), NoAnswer.FAILED),
        (block("def solve() -> str:\n    return 519"), NoAnswer.FAILED),
        (block("def solve(left: int) -> str:\n    return str(left)"), NoAnswer.FAILED),  # nobody gives it arguments
        (block("import os\n\ndef solve() -> str:\n    return os.getcwd()"), NoAnswer.INVALID),
        (block("def solve() -> str:\n    return open('/etc/passwd').read()"), NoAnswer.INVALID),
        (block("def answer() -> str:\n    return '519'"), NoAnswer.INVALID),
        (block("def solve() -> str:\n    return ("), NoAnswer.INVALID),
        ("The answer is 519.", NoAnswer.INVALID),
    ],
    ids="right library raises number arguments imports opens name syntax prose".split(),
)
async def test_a_program_of_thought_is_checked_and_run_in_the_sandbox(
    store: Store, sandbox: Sandbox, reply: str, answer: str | NoAnswer
) -> None:
    bench, _ = replying(store, reply, sandbox=sandbox)
    method = ProgramOfThought(bench.model(Role.USER), bench.sandbox, GIVEN.shown)
    assert await answered(method, "What is the sum of 7 and 512?") == answer


async def test_a_program_that_the_checks_refuse_is_never_run(store: Store) -> None:
    bench, _ = replying(store, block("import os\n\ndef solve() -> str:\n    return os.getcwd()"))
    fake = FakeSandbox({"solve": lambda: "here"})
    assert await answered(ProgramOfThought(bench.model(Role.USER), fake, GIVEN.shown)) is NoAnswer.INVALID
    assert fake.calls == []


@pytest.mark.parametrize("budget", [None, 90])
async def test_a_program_of_thought_is_given_its_tokens_and_three_solved_questions(
    store: Store, budget: int | None
) -> None:
    bench, model = replying(store, block(ADD))
    method = ProgramOfThought(bench.model(Role.USER), FakeSandbox({}), GIVEN.shown, max_tokens=budget)
    await answered(method)
    (prompt,) = model.prompts
    assert (prompt.max_tokens, prompt.temperature) == (budget or 1_024, 0.0)  # a role has a limit of its own
    assert [one.question in text(prompt) for one in GIVEN.shown] == [True] * 3 + [False] * 2
    assert QUESTION in text(prompt)


# the user route


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ('{"left": 61, "right": 19}', "80"),
        ('{"left": 61, "right": 20}', NoAnswer.UNPROVED),
        ("null", NoAnswer.REFUSED),
        ('{"left": 61}', NoAnswer.INVALID),
        ('{"left": "sixty-one", "right": 19}', NoAnswer.INVALID),
        ("80", NoAnswer.INVALID),
    ],
)
async def test_the_user_writes_the_arguments_and_the_tool_answers(
    store: Store, sandbox: Sandbox, reply: str, answer: str | NoAnswer
) -> None:
    bench, _ = replying(store, reply, sandbox=sandbox)
    assert await answered(ToolWithUser(bench.model(Role.USER), sandbox, tool()), reworded(15)) == answer


async def test_a_question_that_the_user_refuses_is_not_put_to_the_tool(store: Store) -> None:
    bench, _ = replying(store, "null")
    fake = FakeSandbox({"solve": lambda **_: "80"})
    assert await answered(ToolWithUser(bench.model(Role.USER), fake, tool())) is NoAnswer.REFUSED
    assert fake.calls == []


async def test_the_user_is_shown_the_tools_demonstrations(store: Store, sandbox: Sandbox) -> None:
    bench, model = replying(store, "null", sandbox=sandbox)
    await answered(ToolWithUser(bench.model(Role.USER), sandbox, tool()))
    for one in tool().demonstrations:
        assert one.question in text(model.prompts[0])
        assert json.dumps(one.arguments) in text(model.prompts[0])


async def test_a_tool_that_raises_gives_the_user_no_answer(store: Store, sandbox: Sandbox) -> None:
    bench, _ = replying(store, '{"left": 61, "right": 19}', sandbox=sandbox)
    broken = replace(tool(), source=SUM.replace("return str(left + right)", "raise ValueError('no')"))
    assert await answered(ToolWithUser(bench.model(Role.USER), sandbox, broken), reworded(15)) is NoAnswer.FAILED


# the parser route


@pytest.mark.parametrize(
    ("question", "answer"),
    [(QUESTION, RIGHT), (reworded(15), NoAnswer.UNPARSED), (QUESTION.replace("sum", "product"), NoAnswer.UNPARSED)],
)
async def test_the_parser_answers_what_it_can_reproduce_and_pays_nothing(
    sandbox: Sandbox, question: str, answer: str | NoAnswer
) -> None:
    bill = Bill()
    assert await ToolWithParser(sandbox, tool()).answer(question, bill) == answer
    assert bill == Bill()


async def test_a_lax_parsers_tool_is_wrong_and_not_silent(sandbox: Sandbox) -> None:
    """The round trip is what a parser is trusted for: one that carries words through unread must show as wrong."""
    parse_any = SUM.replace("What is the sum of", r"What is the \\w+ of")
    assert await ToolWithParser(sandbox, lax_tool()).answer("What is the product of 3 and 4?", Bill()) == "7"
    unread = await ToolWithParser(sandbox, tool(source=parse_any)).answer("What is the product of 3 and 4?", Bill())
    assert unread is NoAnswer.UNPARSED


def lax_tool() -> Tool:
    source = """
import re

def solve(left: int, right: int, kind: str) -> str:
    return str(left + right)

def parse(question: str) -> dict | None:
    match = re.fullmatch(r"What is the (\\w+) of (\\d+) and (\\d+)\\?", question)
    return {"left": int(match[2]), "right": int(match[3]), "kind": match[1]} if match else None

def unparse(left: int, right: int, kind: str) -> str:
    return f"What is the {kind} of {left} and {right}?"
"""
    return replace(tool(), source=source)


async def test_a_careful_user_is_right_by_every_method(store: Store, sandbox: Sandbox) -> None:
    """Held against each other: the same questions, the same model, five ways."""
    bench = new_bench(store, sandbox, {Role.USER: user()})
    model = bench.model(Role.USER)
    methods: list[Method] = [
        Direct(model, GIVEN.shown),
        ChainOfThought(model, await worked_examples(model, GIVEN.shown, Bill())),
        ProgramOfThought(model, sandbox, GIVEN.shown),
        ToolWithUser(model, sandbox, tool()),
        ToolWithParser(sandbox, tool()),
    ]
    assert len({method.name for method in methods}) == 5
    for method in methods:
        assert [await method.answer(one.question, Bill()) for one in GIVEN.asked] == [one.answer for one in GIVEN.asked]
