"""A stream of word sorting alone, and models that play every role on it, each as good as a test wants it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from hashlib import sha256

from hammerstone.evals.experiments.stream import STREAM_SHARES
from hammerstone.evals.traffic.mixed_traffic import TrafficItem, generate_traffic
from hammerstone.models.model import Prompt
from hammerstone.testing import FunctionModel
from hammerstone.types import Role

from ..samples.sums import block
from .toys import priced

__all__ = ["NAME", "SORTING", "items", "models", "own", "question_of"]

NAME = "word_sorting"
SORTING = r'''
import re

def solve(words: list[str]) -> str:
    """The words in alphabetical order, with single spaces."""
    return " ".join(sorted(words))

def parse(question: str) -> dict | None:
    match = re.fullmatch(r"Sort the following words alphabetically: List: ([a-z'&]+(?: [a-z'&]+)*)", question)
    return {"words": match[1].split(" ")} if match else None

def unparse(words: list[str]) -> str:
    return f"Sort the following words alphabetically: List: {' '.join(words)}"
'''


def items(n: int, seed: int = 0) -> tuple[TrafficItem, ...]:
    return generate_traffic(n, seed, tasks=(NAME,), shares=STREAM_SHARES)


def own(count: int, seed: int = 0) -> tuple[TrafficItem, ...]:
    """Requests in the task's own form alone."""
    return generate_traffic(count, seed, tasks=(NAME,), shares={"own": 1.0})


def question_of(prompt: Prompt) -> str:
    """The question that a prompt of any role but the maker ends with or holds."""
    text = prompt.messages[-1].content
    return re.split(r"\n(?:Question:|Here is a new request:)\s+", text)[-1]


def models(asked: Sequence[TrafficItem], *, solver: Callable[[str], str] | None = None) -> dict[Role, FunctionModel]:
    """A solver that is right (or says what is given), a maker, a dispatcher that knows its task, a user that refuses.

    The cheap model, asked directly, says "no idea".
    """
    answers = {item.request.question: item.request.answer or "" for item in asked}
    tasks = {item.request.question: item.task for item in asked if item.kind != "near-miss"}

    def solve(prompt: Prompt) -> str:
        question = _known(question_of(prompt), answers)
        return f"Answer: {(solver or answers.__getitem__)(question)}"

    def use(prompt: Prompt) -> str:
        return "null" if "null" in prompt.messages[-1].content else "Answer: no idea"

    def dispatch(prompt: Prompt) -> str:
        question = _known(prompt.messages[-1].content, answers)
        name = tasks.get(question) or f"kind_{sha256(question.encode()).hexdigest()[:8]}"
        return json.dumps({"new": name, "description": "A kind of request."})

    return {
        Role.SOLVER: priced(solve, "solver"),
        Role.MAKER: priced(lambda _: block(SORTING), "maker"),
        Role.USER: priced(use, "user"),
        Role.DISPATCHER: priced(dispatch, "dispatcher"),
    }


def _known(text: str, answers: dict[str, str]) -> str:
    """The longest of the questions that a prompt holds."""
    return max((question for question in answers if question in text), key=len)
