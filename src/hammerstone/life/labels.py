"""Labels that contradict: an earlier one of the same file, and a tool, where one was corrected."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from anyio import to_thread

from hammerstone.concurrency import map_concurrently
from hammerstone.faults import contained
from hammerstone.requests import agree, normalise, same_label
from hammerstone.routes import Asked, ToolParserRoute, text_of
from hammerstone.sandbox import Sandbox
from hammerstone.store import Actor, Store, StoredInstance, StoredTool, ToolState
from hammerstone.types import Instance, Route

__all__ = ["Conflict", "Contradiction", "contradictions", "latest", "take"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """Two of the given instances, by their numbers from 1, that answer one question differently: the later one wins."""

    question: str
    numbers: tuple[int, int]
    answers: tuple[str, str]

    def __str__(self) -> str:
        earlier, later = self.numbers
        former, answer = self.answers
        return (
            f"instances {earlier} and {later} answer the same question with {former!r} and {answer!r}; "
            "the later answer is used"
        )


@dataclass(frozen=True, kw_only=True)
class Contradiction:
    """A tool's answer that contradicts a label."""

    instance: StoredInstance
    answer: str

    def __str__(self) -> str:
        label, question = self.instance.answer, self.instance.question
        return f"it answers {self.answer!r} where a person's label is {label!r}, for {question!r}"


async def take(instances: Sequence[Instance], name: str, *, store: Store, sandbox: Sandbox) -> None:
    """Store what the caller gives, correct what is there, and quarantine a live tool that contradicts any of it."""
    usable, conflicts = latest(instances)
    for conflict in conflicts:
        _log.warning("%s: %s", name, conflict)
    live = await to_thread.run_sync(store.tool, name)
    corrected = [*usable, *_respelled(usable, await to_thread.run_sync(store.instances, name))]
    changed = [
        await to_thread.run_sync(lambda i=number, one=given: store.add_instance(name, one, request_id=f"{name}-{i}"))
        for number, given in enumerate(corrected, 1)
    ]
    if live is not None and live.state is ToolState.LIVE:
        await _hold(live, [one for one in changed if one is not None], store=store, sandbox=sandbox)


def _respelled(given: Sequence[Instance], stored: Sequence[StoredInstance]) -> list[Instance]:
    """The labels that are given for other spellings of stored questions, as labels of the stored spellings."""
    labels = {normalise(one.question): one for one in given}
    themselves = {one.question for one in given}
    return [
        replace(label, question=one.question)
        for one in stored
        if one.question not in themselves
        and (label := labels.get(normalise(one.question))) is not None
        and not same_label(one.answer, label.answer)
    ]


async def _hold(tool: StoredTool, labeled: Sequence[StoredInstance], *, store: Store, sandbox: Sandbox) -> None:
    """Hold a tool that was live to new labels. The store has compared its checks; now its parser runs."""
    wrong = await contained(contradictions(sandbox, tool, labeled), lambda _: [])

    def quarantine() -> str:
        now = store.tool(tool.task, tool.version)
        if wrong and now is not None and now.state is ToolState.LIVE:
            store.quarantine(tool.task, tool.version, str(wrong[0]), who=Actor.CORRECTION)
        last = [one for one in store.changes(tool.task) if one.version == tool.version][-1]
        return last.reason if last.after is ToolState.QUARANTINED else ""

    reason = await to_thread.run_sync(quarantine)
    if reason:
        _log.warning("version %d of the tool %s is quarantined: %s", tool.version, tool.task, reason)


def latest(instances: Sequence[Instance]) -> tuple[list[Instance], list[Conflict]]:
    """Each question with its last label, where it first stood, and which instances that overrules.

    A label holds for all spellings that `normalise` makes one. Labels that differ only as JSON or as a number are one
    label, and no conflict.
    """
    last = {normalise(one.question): number for number, one in enumerate(instances)}
    usable: dict[str, Instance] = {}
    conflicts: list[Conflict] = []
    for number, one in enumerate(instances):
        later = last[normalise(one.question)]
        label = instances[later].answer
        if same_label(one.answer, label):
            usable[one.question] = one
        else:
            usable[one.question] = replace(one, answer=label)
            conflicts.append(
                Conflict(question=one.question, numbers=(number + 1, later + 1), answers=(one.answer, label))
            )
    return list(usable.values()), conflicts


async def contradictions(
    sandbox: Sandbox, stored: StoredTool, instances: Sequence[StoredInstance]
) -> list[Contradiction]:
    """Where the tool contradicts these labels: by its parser, or in its checks."""
    checked = {one.question: one.answer for one in stored.tool.checks}

    async def says(question: str) -> str | None:
        if Route.PARSER not in stored.tool.routes:
            return checked.get(question)
        return text_of(await ToolParserRoute(sandbox, stored.tool.source).attempt(Asked.of(question)))

    answers = await map_concurrently(lambda one: says(one.question), instances)
    return [
        Contradiction(instance=one, answer=given)
        for one, given in zip(instances, answers, strict=True)
        if given is not None and not agree(given, one.answer)
    ]
