"""Improves tools: questions that one refused, and that have been answered since, are its next version's material.

What a dozen instances do not show, the first version refuses for ever. So a build is due again when refused questions
have gathered, each time more of them; and at once where the first version refuses some of the instances that it was
built from. The new version must answer all that the former one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hammerstone.builder.splits import Split, independent, most_varied
from hammerstone.builder.verify import Verdict, check_parser
from hammerstone.sandbox import Sandbox
from hammerstone.settings import BuildSettings, ImproveSettings
from hammerstone.store import Build, BuildState, Store, StoredInstance, StoredTool, Task, ToolState
from hammerstone.types import Source

__all__ = [
    "Material",
    "improvement_due",
    "refusals_needed",
    "replacement_due",
    "since_quarantine",
    "sorted_by",
    "split_for_improvement",
]

HELD_OUT_EVERY = 4  # of the instances that the present version answers: they are seen by the gate alone


@dataclass(frozen=True, kw_only=True)
class Material:
    """The material of a next version: instances that the `present` tool refuses, and those that it answers."""

    present: StoredTool
    refused: tuple[StoredInstance, ...]
    answered: tuple[StoredInstance, ...]


def improvement_due(store: Store, task: Task, settings: ImproveSettings) -> tuple[bool, str]:
    """Whether enough refusals have come in since the last build; or why the task is not improved any more."""
    if not settings.after:
        return False, ""
    builds = [one for one in store.builds(task.name) if one.state is not BuildState.RUNNING]
    last = _improvements(builds)[: settings.give_up]
    if len(last) == settings.give_up and not any(one.gained for one in last):
        return False, f"the last {settings.give_up} builds added nothing"
    return task.instances - task.built_at >= _needed(builds, settings), ""


def refusals_needed(store: Store, task: Task, settings: ImproveSettings) -> float:
    """The number of its instances that a tool must refuse for its next improvement."""
    return _needed(store.builds(task.name), settings)


def replacement_due(store: Store, task: Task, tool: StoredTool, settings: BuildSettings) -> bool:
    """Whether a tool that was found wrong is to be built anew.

    If a label was corrected, it is, from all instances at once. Otherwise it is when enough have come in since: the
    older ones may follow a rule that no longer holds. Spellings of one question count once.
    """
    corrected = not task.built_at
    if task.instances < (settings.needed if corrected else task.built_at + settings.more):
        return False
    material = store.instances(task.name) if corrected else since_quarantine(store, task, tool)
    return len(independent(material)) >= settings.needed


def since_quarantine(store: Store, task: Task, tool: StoredTool) -> tuple[StoredInstance, ...]:
    """The instances that are newer than the last finding that this version is wrong."""
    found = [one for one in store.changes(task.name) if one.version == tool.version]
    since = next((one.when for one in reversed(found) if one.after is ToolState.QUARANTINED), "")
    return tuple(one for one in store.instances(task.name) if one.created >= since)


def _needed(builds: Sequence[Build], settings: ImproveSettings) -> float:
    return min(settings.after * settings.growth ** len(_improvements(builds)), settings.most)


def _improvements(builds: Sequence[Build]) -> list[Build]:
    ended = (one for one in builds if one.state not in {BuildState.RUNNING, BuildState.INTERRUPTED})
    return [one for one in ended if one.improves is not None]


async def sorted_by(sandbox: Sandbox, present: StoredTool, instances: Sequence[StoredInstance]) -> Material:
    """The instances that the tool's parser does not answer, and those that it answers as they are labeled.

    One that it answers otherwise is neither: a build cannot say who is right.
    """
    findings = await check_parser(sandbox, present.tool.source, instances)
    return Material(
        present=present,
        refused=tuple(one.instance for one in findings if one.verdict in {Verdict.REFUSED, Verdict.FAILED}),
        answered=tuple(one.instance for one in findings if one.verdict is Verdict.AGREES),
    )


def split_for_improvement(material: Material, *, most_chars: int) -> Split:
    """Show the refused instances, the most different first, up to `most_chars` characters of questions and answers.

    What the tool answers now, its own checks included, is verified, and a part of it held out for the gate.
    """
    refused, answered = material.refused, material.answered
    shown: list[StoredInstance] = []
    left = most_chars
    for one in most_varied(refused, len(refused)):
        left -= len(one.question) + len(one.answer)
        if left < 0 and shown:
            break
        shown.append(one)
    rest = [one for one in refused if one not in shown]
    known = {one.question for one in (*refused, *answered)}
    checks = [
        StoredInstance(id=-number, request_id="", question=check.question, answer=check.answer, source=Source.CALLER)
        for number, check in enumerate(material.present.tool.checks, 1)
        if check.parsed and check.question not in known
    ]
    old = [*answered, *checks]
    held_out = old[::HELD_OUT_EVERY]
    verified = [one for number, one in enumerate(old) if number % HELD_OUT_EVERY]
    return Split(
        shown=tuple(shown),
        verified=(*verified, *rest),
        held_out=tuple(held_out),
        kept=frozenset(one.question for one in old),
    )
