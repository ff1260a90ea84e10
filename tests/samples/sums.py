"""Two small tasks, tools for them, and models that play the roles."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from hammerstone.models.model import Prompt
from hammerstone.settings import BuildSettings, ImproveSettings, LoopSettings, Numbers, Settings
from hammerstone.testing import FunctionModel
from hammerstone.tools.shortlist import wording
from hammerstone.tools.tool import Check, Demonstration, Provenance, Tool
from hammerstone.types import Instance, Request, Route, Source, Usage

SMALL = Numbers(shown=3, verified=1, held_out=1, retries=2)
SETTINGS = Settings(
    build=BuildSettings(recipe="module", module=SMALL, latm=SMALL, more=2),
    improve=ImproveSettings(after=0),
    loop=LoopSettings(concurrency=1, background=False),
)

SUM = '''
import re

def solve(left: int, right: int) -> str:
    """The sum of two whole numbers, in digits."""
    return str(left + right)

def parse(question: str) -> dict | None:
    match = re.fullmatch(r"What is the sum of (\\d+) and (\\d+)\\?", question)
    return {"left": int(match[1]), "right": int(match[2])} if match else None

def unparse(left: int, right: int) -> str:
    return f"What is the sum of {left} and {right}?"
'''
PRODUCT = SUM.replace("left + right", "left * right").replace("sum", "product")

ONE_OFFS = {"Which city is the capital of France?": "Paris", "How is bread called in German?": "Brot"}
PAIRS = (
    *((3, 4), (17, 5), (208, 31), (6, 66), (90, 12), (41, 7), (8, 512), (73, 38), (2, 9), (54, 1000)),
    *((11, 70), (99, 1), (35, 64), (120, 14), (77, 23), (61, 19)),
)


def ask(number: int, of: str = "sum") -> str:
    """The question of this number, in the task's own form."""
    left, right = PAIRS[number]
    return f"What is the {of} of {left} and {right}?"


def reworded(number: int, of: str = "sum") -> str:
    """The same question in words that no parser here knows."""
    left, right = PAIRS[number]
    return f"Please give me the {of} of these two: {left}, {right}."


def answer(question: str) -> str:
    """The right answer of any question here."""
    if question in ONE_OFFS:
        return ONE_OFFS[question]
    kind, left, right = re.findall(r"sum|product|\d+", question.lower())
    return str(int(left) + int(right) if kind == "sum" else int(left) * int(right))


def instances(count: int, of: str = "sum", source: Source = Source.SOLVER) -> list[Instance]:
    questions = [ask(number, of) for number in range(count)]
    return [Instance(question=one, answer=answer(one), source=source) for one in questions]


def requests(count: int, of: str = "sum", *, start: int = 0, task: str | None = None) -> list[Request]:
    """Requests in the task's own form, with the answers that are right."""
    questions = [ask(number, of) for number in range(start, start + count)]
    return [
        Request.plain(id=f"{of}-{n}", question=one, task=task, answer=answer(one))
        for n, one in enumerate(questions, start)
    ]


def tool(name: str = "sum", source: str = SUM, *, routes: tuple[Route, ...] = (Route.PARSER, Route.USER)) -> Tool:
    """A tool as the maker packages it, for questions of the form of `ask`."""
    of = "product" if "product" in source else "sum"
    questions = [ask(number, of) for number in range(5)]
    arguments = [{"left": left, "right": right} for left, right in PAIRS[:5]]
    pairs = list(zip(questions, arguments, strict=True))
    return Tool(
        name=name,
        description=f"The {of} of two numbers.",
        source=source,
        demonstrations=tuple(Demonstration(question=one, arguments=given) for one, given in pairs[:2]),
        checks=tuple(Check(question=one, arguments=given, answer=answer(one), parsed=True) for one, given in pairs),
        routes=routes,
        wording=wording(questions),
        provenance=Provenance(
            maker="maker",
            recipe="module",
            prompts="1",
            shown=3,
            verified=1,
            held_out=1,
            instances=(),
            attempts=1,
            usage=Usage(),
            cost_usd=None,
            made="2026-01-02T03:04:05+00:00",
        ),
    )


def block(source: str) -> str:
    return f"```python\n{source}\n```"


def asked(prompt: Prompt) -> str:
    """The question that a solver, user or dispatcher prompt is about."""
    text = prompt.messages[-1].content
    blocks = re.findall(r"^<data-(\w+)>\n(.*)\n</data-\1>$", text, re.MULTILINE)
    return blocks[-1][1] if blocks else re.findall(r"Question:\s+(.+)", text)[-1]


def solver() -> FunctionModel:
    return FunctionModel(lambda prompt: f"Answer: {answer(asked(prompt))}", name="solver")


def user() -> FunctionModel:
    """Understands a question in any words, and writes what the demonstrations show."""

    def write(prompt: Prompt) -> str:
        left, right = re.findall(r"\d+", asked(prompt))
        return json.dumps({"left": int(left), "right": int(right)})

    return FunctionModel(write, name="user")


def dispatcher() -> FunctionModel:
    """Sorts by the one word that matters; what holds neither is of a kind of its own."""

    def sort(prompt: Prompt) -> str:
        name = next((one for one in ("sum", "product") if one in asked(prompt)), "other")
        if f"- {name}: " in prompt.messages[-1].content:
            return json.dumps({"kind": name})
        return json.dumps({"new": name, "description": f"The {name} of two numbers."})

    return FunctionModel(sort, name="dispatcher")


def maker(sources: Mapping[str, str] | None = None) -> FunctionModel:
    """Has the right tool for either task at once."""
    tools = sources or {"sum": SUM, "product": PRODUCT}

    def propose(prompt: Prompt) -> str:
        match = re.search(r'of the kind "(\w+)"', prompt.messages[0].content)
        assert match is not None
        return block(tools[match[1]])

    return FunctionModel(propose, name="maker")
