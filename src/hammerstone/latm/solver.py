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

_ANSWER = re.compile(r"^[ \t>*_#]*answer[ \t]*:[ \t*_]*(.*)\Z", re.IGNORECASE | re.DOTALL | re.MULTILINE)


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
    """What follows the last `Answer:` at the start of a line; `None` if there is none, or it says UNKNOWN."""
    starts = [match.start() for match in re.finditer(r"^[ \t>*_#]*answer[ \t]*:", text, re.IGNORECASE | re.MULTILINE)]
    if not starts:
        return None
    match = _ANSWER.match(text[starts[-1] :])
    answer = (match[1] if match else "").strip().strip("*").strip("`").strip()
    return None if answer in {"", "UNKNOWN"} else answer


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
