"""The dispatcher: which task a request belongs to, asked of a cheap model in one call (LATM, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hammerstone import prompts
from hammerstone.models import NotJSONError, Prompt, json_value
from hammerstone.prompts import quoted
from hammerstone.settings import USER_TEMPERATURE
from hammerstone.store import AccountedModel, Bill, Task
from hammerstone.tools import grams, is_tool_name, likeness, one_line, short_description, tool_name

__all__ = ["KnownTask", "NewTask", "choose_task", "dispatch", "nearest", "read_verdict"]

LISTED = 40  # tasks named in one prompt; beyond that, those whose instances look most like the question
DESCRIBED = 300  # characters of a description
CLIPPED = 6_000  # characters of a question that the dispatcher reads: the kind shows long before that


@dataclass(frozen=True, kw_only=True)
class KnownTask:
    """The request is of a task that exists."""

    name: str


@dataclass(frozen=True, kw_only=True)
class NewTask:
    """The request is of a task that was not seen before."""

    name: str
    description: str


async def dispatch(
    model: AccountedModel, tasks: Sequence[Task], question: str, bill: Bill
) -> KnownTask | NewTask | None:
    """The task of a question, or `None` when two replies in a row cannot be read."""
    return await _verdict("dispatcher", (KnownTask, NewTask), model, tasks, question, bill)


async def choose_task(model: AccountedModel, tasks: Sequence[Task], question: str, bill: Bill) -> str | None:
    """The most specific of several tasks whose parsers all reproduce the question; `None` for none of them."""
    verdict = await _verdict("choose", (KnownTask,), model, tasks, question, bill)
    return verdict.name if verdict is not None else None


async def _verdict(
    template: str,
    accepted: tuple[type[KnownTask | NewTask], ...],
    model: AccountedModel,
    tasks: Sequence[Task],
    question: str,
    bill: Bill,
) -> KnownTask | NewTask | None:
    """The model's verdict, if it is of an accepted kind; else that of a second reply; else `None`."""
    text = prompts.fill(template, tasks=_list(tasks), question=quoted(_clip(question)))
    for sample in range(2):
        asked = Prompt.of(text, temperature=USER_TEMPERATURE, sample=sample)
        verdict = read_verdict(await model.complete(asked, bill), {task.name for task in tasks})
        if isinstance(verdict, accepted):
            return verdict
    return None


def read_verdict(reply: str, known: set[str]) -> KnownTask | NewTask | None:
    """A reply of the dispatcher model; `None` if it is neither a known name nor a new name with a description."""
    try:
        value = json_value(reply)
    except NotJSONError:
        return None
    match value:
        case {"kind": str(name)} if name in known:
            return KnownTask(name=name)
        case {"kind": str(name)} if tool_name(name) in known:
            return KnownTask(name=tool_name(name))
        case {"new": str(name), "description": str(description)} if one_line(description):
            return _new(tool_name(name), short_description(description), known)
        case _:
            return None


def _new(name: str, description: str, known: set[str]) -> KnownTask | NewTask | None:
    if name in known:
        return KnownTask(name=name)
    return NewTask(name=name, description=description) if is_tool_name(name) else None


def nearest(tasks: Sequence[Task], examples: Sequence[str], question: str) -> list[Task]:
    """At most `LISTED` tasks, in their own order: those whose example shares most n-grams with the question."""
    if len(tasks) <= LISTED:
        return list(tasks)
    asked = grams(question)
    scores = [likeness(example, asked) for example in examples]
    best = sorted(range(len(tasks)), key=lambda i: (-scores[i], i))[:LISTED]
    return [tasks[i] for i in sorted(best)]


def _list(tasks: Sequence[Task]) -> str:
    lines = [f"- {task.name}: {short_description(task.description, DESCRIBED)}" for task in tasks]
    return quoted("\n".join(lines)) if lines else "(none yet)"


def _clip(question: str) -> str:
    return question if len(question) <= CLIPPED else f"{question[: CLIPPED - 1000]}\n[...]\n{question[-1000:]}"
