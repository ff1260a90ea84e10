"""Labels that contradict: each other, where one file answers a question twice, and a tool, where one was corrected."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from anyio import to_thread

from hammerstone.concurrency import map_concurrently
from hammerstone.faults import contained
from hammerstone.requests.comparison import agree
from hammerstone.sandbox.contract import Sandbox
from hammerstone.store import Store
from hammerstone.store.records import StoredInstance, StoredTool, ToolState
from hammerstone.tools import parser
from hammerstone.types import Instance, Route

__all__ = ["Conflict", "Contradiction", "consistent", "contradictions", "take"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """Two of the given instances, by their numbers from 1, that answer one question differently."""

    question: str
    numbers: tuple[int, int]
    answers: tuple[str, str]

    def __str__(self) -> str:
        first, second = self.numbers
        one, other = self.answers
        return f"{first} and {second} answer one question differently, {one!r} and {other!r}: neither is used"


@dataclass(frozen=True, kw_only=True)
class Contradiction:
    """What a tool answers where the label says something else."""

    instance: StoredInstance
    answer: str

    def __str__(self) -> str:
        label, question = self.instance.answer, self.instance.question
        return f"it answers {self.answer!r} where the label was corrected to {label!r}, for {question!r}"


async def take(instances: Sequence[Instance], name: str, *, store: Store, sandbox: Sandbox) -> None:
    """Store what the caller gives under a task, correct what is there, and disable a live tool that contradicts it."""
    usable, conflicts = consistent(instances)
    for conflict in conflicts:
        _log.warning("of the instances of %s, %s", name, conflict)
    changed = [
        await to_thread.run_sync(lambda i=number, one=given: store.add_instance(name, one, request_id=f"{name}-{i}"))
        for number, given in enumerate(usable, 1)
    ]
    corrected = [one for one in changed if one is not None and one.former_answer is not None]
    tool = await to_thread.run_sync(store.tool, name)
    if corrected and tool is not None and tool.state is ToolState.LIVE:
        wrong = await contained(contradictions(sandbox, tool, corrected), lambda _: [])
        if wrong:
            await to_thread.run_sync(store.set_tool_state, name, tool.version, ToolState.DISABLED)
            _log.warning("version %d of the tool %s is disabled: %s", tool.version, name, wrong[0])


def consistent(instances: Sequence[Instance]) -> tuple[list[Instance], list[Conflict]]:
    """The instances whose question has one answer among them, and the conflicts. Nobody can say which is right."""
    first: dict[str, int] = {}
    conflicts: dict[str, Conflict] = {}
    for number, one in enumerate(instances, 1):
        there = first.setdefault(one.question, number)
        before = instances[there - 1]
        if not agree(one.answer, before.answer):
            conflict = Conflict(question=one.question, numbers=(there, number), answers=(before.answer, one.answer))
            conflicts.setdefault(one.question, conflict)
    return [one for one in instances if one.question not in conflicts], list(conflicts.values())


async def contradictions(
    sandbox: Sandbox, stored: StoredTool, instances: Sequence[StoredInstance]
) -> list[Contradiction]:
    """Where the tool answers otherwise than these labels: by its parser, or in what it was checked on."""
    checked = {one.question: one.answer for one in stored.tool.checks}

    async def says(question: str) -> str | None:
        if Route.PARSER not in stored.tool.routes:
            return checked.get(question)
        return (await parser.answer(sandbox, stored.tool.source, question))[1]

    answers = await map_concurrently(lambda one: says(one.question), instances)
    return [
        Contradiction(instance=one, answer=given)
        for one, given in zip(instances, answers, strict=True)
        if given is not None and not agree(given, one.answer)
    ]
