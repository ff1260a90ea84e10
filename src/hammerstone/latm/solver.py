"""The solver: a strong model answers what no tool serves."""

from __future__ import annotations

import re
from collections import Counter

from hammerstone.latm import prompts
from hammerstone.latm.accounts import AccountedModel, Bill, prompt
from hammerstone.latm.settings import USER_TEMPERATURE
from hammerstone.models.model import Prompt

__all__ = ["SECOND_OPINIONS", "majority", "read_answer", "second_opinion", "solve", "solver_prompt"]

SECOND_OPINIONS = 2  # with the stored answer they make three votes

# `Answer: x`, `**Answer:** x`, `**Answer**: x`, `**Answer: x**`, `> Final answer: x`
_ANSWER = re.compile(
    r"^[ \t>#]*(?:(?:[-*+]|\d+[.)])[ \t]+)?(?P<mark>[*_]{1,3})?(?:the[ \t]+)?(?:final[ \t]+)?answer"
    r"(?P<closed>(?P=mark))?[ \t]*:(?P<after>(?P=mark))?",
    re.IGNORECASE | re.MULTILINE,
)
_WRAPPED = re.compile(r"\A(?P<mark>[*`]{1,3})(?P<inside>(?:(?!(?P=mark)).)+)(?P=mark)\Z", re.DOTALL)
_FENCED = re.compile(r"\A(?P<fence>`{3,})[^\n`]*\n(?P<inside>.*?)\n?[ \t]*(?P=fence)", re.DOTALL)


async def solve(model: AccountedModel, question: str, bill: Bill, *, sample: int = 0) -> str | None:
    """The answer, or `None` when the model says that it has none or its reply cannot be read (LATM, section 3.2)."""
    asked = solver_prompt(question, sample=sample)
    answer = read_answer(await model.complete(asked, bill))
    if answer is None:
        await model.reject(asked)
    return answer


def solver_prompt(question: str, *, sample: int = 0) -> Prompt:
    """What the solver is asked. `sample` draws another reply for a second opinion."""
    return prompt(prompts.fill("solver", question=question), temperature=USER_TEMPERATURE, sample=sample)


def read_answer(text: str) -> str | None:
    """What follows the last `Answer:` at the start of a line; `None` if there is none, or it says UNKNOWN.

    Bold type, backquotes and fences around it are a chat model's habit and no part of it; quotation marks are.
    """
    matches = list(_ANSWER.finditer(text))
    if not matches:
        return None
    last = matches[-1]
    answer = text[last.end() :].strip()
    if last["mark"] and not last["closed"] and not last["after"]:
        answer = answer.removesuffix(last["mark"])
    if text[: last.start()].count("```") % 2:  # the whole reply stands in a fence
        answer = answer.removesuffix("```").rstrip()
    answer = _unwrapped(answer)
    return None if answer in {"", "UNKNOWN", "UNKNOWN."} else answer


def _unwrapped(answer: str) -> str:
    match = _FENCED.match(answer) or _WRAPPED.match(answer)
    return match["inside"].strip() if match else answer


async def second_opinion(model: AccountedModel, question: str, stored: str, bill: Bill) -> str | None:
    """The answer that at least two of three hold (the stored one and two fresh ones), or `None` without a majority."""
    votes = [stored]
    for sample in range(1, SECOND_OPINIONS + 1):
        answer = await solve(model, question, bill, sample=sample)
        votes += [answer] if answer is not None else []
    return majority(votes)


def majority(votes: list[str]) -> str | None:
    """The answer with at least two votes."""
    answer, count = Counter(votes).most_common(1)[0]
    return answer if count >= 2 else None
