"""The solver: a strong model answers what no tool serves."""

from __future__ import annotations

import re

from hammerstone import prompts
from hammerstone.models import LONGEST_REPLY, Prompt
from hammerstone.requests import agree, load_json
from hammerstone.settings import USER_TEMPERATURE
from hammerstone.store import AccountedModel, Bill
from hammerstone.templates import nonce
from hammerstone.types import JSON, Chat

__all__ = ["SECOND_OPINIONS", "chat_prompt", "majority", "read_answer", "second_opinion", "solve", "solver_prompt"]

SECOND_OPINIONS = 2  # with the stored answer they make three votes

# `Answer: x`, `**Answer:** x`, `**Answer**: x`, `**Answer: x**`, `> Final answer: x`; a full-width colon, too
_ANSWER = re.compile(
    r"^[ \t>#]*(?:(?:[-*+]|\d+[.)])[ \t]+)?(?P<mark>[*_]{1,3})?(?:the[ \t]+)?(?:final[ \t]+)?answer"
    r"(?P<closed>(?P=mark))?[ \t]*[:\uff1a](?P<after>(?P=mark))?[ \t]*(?P<below>\r?\n)?",
    re.IGNORECASE | re.MULTILINE,
)
_EMPTY_LINES = re.compile(r"(?:[ \t]*\r?\n)+")


async def solve(model: AccountedModel, chat: Chat, bill: Bill, *, sample: int = 0) -> str | None:
    """The answer, or `None` when the model says that it has none or its reply cannot be read (LATM, section 3.2).

    A chat is asked as it came, and the whole reply is its answer, unless it asks for JSON and the reply is none. A
    question alone comes with a prompt of our own.
    """
    if not chat.plain:
        reply = await model.complete(chat_prompt(chat, sample=sample), bill)
        return reply if reply.strip() and _has_form(reply, chat.response_format) else None
    question = chat.messages[-1].content
    return read_answer(await model.complete(solver_prompt(question, sample=sample), bill), question)


def chat_prompt(chat: Chat, *, sample: int = 0) -> Prompt:
    """The request as it came. `sample` draws another reply for a second opinion."""
    return Prompt(
        messages=chat.messages,
        temperature=USER_TEMPERATURE,
        sample=sample,
        response_format=chat.response_format,
        requested_model=chat.model,
    )


def solver_prompt(question: str, *, sample: int = 0) -> Prompt:
    """The solver's prompt. `sample` draws another reply for a second opinion."""
    text = prompts.fill("solver", nonce=_nonce(question), question=question)
    return Prompt.of(text, temperature=USER_TEMPERATURE, sample=sample)


def read_answer(reply: str, question: str) -> str | None:
    """The answer in a reply to `solver_prompt(question)`, character by character; `None` if there is none.

    It stands between the markers that the prompt asks for. A model that ignores them may write `Answer:` instead,
    which is read only where it can be read in one way.
    """
    if len(reply) > LONGEST_REPLY:
        return None
    digits = _nonce(question)
    answer = _between_markers(reply, digits) if f"answer-{digits}>" in reply else _after_label(reply)
    return answer if answer.strip() else None


def _has_form(reply: str, response_format: JSON) -> bool:
    """Whether the reply is JSON where that is asked for. The provider is responsible for a schema."""
    kind = response_format.get("type") if isinstance(response_format, dict) else None
    if kind not in ("json_object", "json_schema"):
        return True
    try:
        value = load_json(reply)
    except (ValueError, RecursionError):
        return False
    return kind == "json_schema" or isinstance(value, dict)


def _nonce(question: str) -> str:
    return nonce(question, digits=8)


def _between_markers(reply: str, digits: str) -> str:
    """The text between the last opening marker and the one closing marker after it."""
    marks = re.compile(
        rf"^[ \t]*<answer-{digits}>(?P<opens>(?:[ \t]*\r?\n)?)"
        rf"|(?P<closes>(?:\n[ \t]*)?</answer-{digits}>[ \t]*\r?$)"
        rf"|^[ \t]*<no-answer-{digits}>[ \t]*\r?$",
        re.MULTILINE,
    )
    opened: re.Match[str] | None = None
    answer = ""
    for mark in marks.finditer(reply):
        if mark["opens"] is not None:
            opened, answer = mark, ""
        elif mark["closes"] is not None and opened is not None:
            opened, answer = None, _between(reply, opened, mark)
        else:
            opened, answer = None, ""  # no answer after all, or a second end, which makes the first one doubtful
    return answer


def _between(reply: str, opened: re.Match[str], closed: re.Match[str]) -> str:
    """The text without the line breaks that belong to the markers."""
    answer = reply[opened.end() : closed.start()]
    windows = opened["opens"].endswith("\r\n") and closed["closes"].startswith("\n")
    return answer.removesuffix("\r") if windows else answer


def _after_label(reply: str) -> str:
    """The text after the only `Answer:` at the start of a line, or after the one that the reply begins with."""
    labels = list(_ANSWER.finditer(reply))
    if not labels:
        return ""
    label, begins = labels[0], not reply[: labels[0].start()].strip()
    if len(labels) > 1 and not begins:
        return ""
    answer = reply[label.end() :].rstrip()
    if label["mark"] and not label["closed"] and not label["after"]:  # bold around both, or no bold at all
        answer = answer.removesuffix(label["mark"]) if answer.endswith(label["mark"]) else ""
    if label["below"] and (empty := _EMPTY_LINES.match(answer)):
        answer = answer[empty.end() :]
    return "" if _may_hold_talk(answer, begins=begins, below=bool(label["below"])) else answer


def _may_hold_talk(answer: str, *, begins: bool, below: bool) -> bool:
    """Whether the later lines of `answer` may be remarks of the model. The less the form sets the answer apart, the
    less is taken for it: one line beside its label, since a remark may follow on the next one; below its label, all of
    a reply that is nothing else, or what comes after other text up to an empty line.
    """
    lines = answer.split("\n")
    return len(lines) > 1 if not below else not begins and any(not line.strip() for line in lines)


async def second_opinion(model: AccountedModel, chat: Chat, stored: str, bill: Bill, *, first: int = 0) -> str | None:
    """The answer that at least two of three hold (the stored one and two fresh ones), or `None` without a majority.

    `first` is the draw that gave the stored one.
    """
    votes = [stored]
    for sample in range(first + 1, first + 1 + SECOND_OPINIONS):
        answer = await solve(model, chat, bill, sample=sample)
        votes += [answer] if answer is not None else []
    return majority(votes)


def majority(votes: list[str]) -> str | None:
    """The first answer that at least two votes agree on."""
    return next((vote for vote in votes if sum(agree(vote, other) for other in votes) >= 2), None)
