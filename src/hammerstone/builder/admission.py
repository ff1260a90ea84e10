"""An imported tool passes the same gate as a build, or it waits for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from anyio import to_thread

from hammerstone.builder.gate import NO_WORDING, foreign_questions, intruders, parser_problem
from hammerstone.builder.probe_drawing import SolvedQuestion
from hammerstone.builder.splits import spelled_alike
from hammerstone.builder.verify import Finding, Verdict, check_arguments, check_parser, contradicted
from hammerstone.errors import ToolRefusedError
from hammerstone.requests import PLAIN
from hammerstone.sandbox import Sandbox
from hammerstone.settings import BuildSettings
from hammerstone.store import Actor, Store, StoredInstance, StoredTool, ToolState
from hammerstone.tools import LEAST_WORDING, Check, Tool, few, read_signature, short_description
from hammerstone.types import Route, Source

__all__ = ["Admission", "admit", "recheck"]

SHOWN = 3  # complaints of one kind in the reasons
LEAST_CHECKS = 5  # different questions: its author chose them, and they decide what counts as its fixed text
OTHER_FRAME = "the task of this name has another system prompt or other turns"


@dataclass(frozen=True, kw_only=True)
class Admission:
    """The tool as it is stored now, and why it is not live; without reasons it is."""

    stored: StoredTool
    reasons: tuple[str, ...]


async def admit(store: Store, sandbox: Sandbox, tool: Tool, settings: BuildSettings | None = None) -> Admission:
    """Publish a tool that passes the gate; store any other one as disabled, beside the version that is live.

    What goes live is what was tried: the parser route alone, with the checks that its parser answered. Raises
    `ToolRefusedError`, and stores nothing, if it does not do what its own checks say.
    """
    tool = replace(tool, description=short_description(tool.description))
    await recheck(sandbox, tool)
    instances = await to_thread.run_sync(store.instances, tool.name)
    foreign = await to_thread.run_sync(foreign_questions, store, tool.name, tool.frame)
    task = await to_thread.run_sync(store.task, tool.name)
    most = (settings or BuildSettings()).max_refused
    reasons = await _examine(sandbox, tool, instances, foreign, most)
    if task is not None and task.frame != tool.frame:
        reasons = (OTHER_FRAME, *reasons)
    if not reasons:
        return Admission(stored=await to_thread.run_sync(store.publish, _as_tried(tool)), reasons=())
    await _quarantine_same(store, sandbox, tool, instances)
    return Admission(stored=await to_thread.run_sync(store.keep_tool, tool), reasons=reasons)


async def _quarantine_same(store: Store, sandbox: Sandbox, tool: Tool, instances: tuple[StoredInstance, ...]) -> None:
    """Quarantine the live version if its source is the same and a person's label contradicts it now."""
    live = await to_thread.run_sync(store.tool, tool.name)
    if live is None or live.state is not ToolState.LIVE or live.tool.source != tool.source:
        return
    wrong = await contradicted(sandbox, tool.source, [one for one in instances if one.source is not Source.SOLVER])
    if wrong:
        reason, who = wrong[0].detail, Actor.CORRECTION
        await to_thread.run_sync(lambda: store.quarantine(tool.name, live.version, reason, who=who))


def _as_tried(tool: Tool) -> Tool:
    """The tool without its user route, and without the demonstrations and checks that only its author vouches for."""
    checks = tuple(one for one in tool.checks if one.parsed)
    known = [(one.question, one.arguments) for one in checks]
    shown = tuple(one for one in tool.demonstrations if (one.question, one.arguments) in known)
    return replace(tool, routes=(Route.PARSER,), users=(), checks=checks, demonstrations=shown)


async def _examine(
    sandbox: Sandbox,
    tool: Tool,
    instances: tuple[StoredInstance, ...],
    foreign: tuple[str, ...],
    most: float,
) -> tuple[str, ...]:
    """The gate's complaints: about the instances stored here, other tasks' questions, and probes."""
    if Route.PARSER not in tool.routes:
        return ("it has no parser, and without a model its other route cannot be tried",)
    if not tool.wordings and tool.frame == PLAIN:
        return (NO_WORDING,)
    solved = [SolvedQuestion(check.question, check.answer) for check in tool.checks if check.parsed]
    problem = _too_little(tool, [one.question for one in solved])
    if problem:
        return (problem,)
    findings = await check_parser(sandbox, tool.source, instances)
    problem = parser_problem(findings, "stored", most=most)
    complaints = await intruders(sandbox, tool.source, solved, foreign)
    return (*([problem] if problem else []), *complaints[:SHOWN])


def _too_little(tool: Tool, questions: Sequence[str]) -> str:
    """Why its checks do not show what its parser reads, or the empty string."""
    count = len({spelled_alike(one) for one in questions})
    if count < LEAST_CHECKS:
        different = "one question" if count == 1 else f"{count} different questions"
        return f"its checks hold only {different}; {LEAST_CHECKS} or more show what its parser reads"
    if any(len(one) < LEAST_WORDING for one in tool.wordings):
        return "its questions share too little fixed text to judge whether its parser reads all of them"
    return ""


async def recheck(sandbox: Sandbox, tool: Tool) -> None:
    """Run every check of an imported tool again, by the routes that it claims.

    Raises `ToolRefusedError` with the first differences, `SandboxError` if the sandbox itself is broken.
    """
    guarded = Route.PARSER in tool.routes
    parsed = [check for check in tool.checks if check.parsed and guarded]
    given = [check for check in tool.checks if not (check.parsed and guarded)]
    signature = read_signature(tool.source)
    arguments = [signature.validate(check.arguments) for check in given]
    findings = [
        *await check_parser(sandbox, tool.source, _instances(parsed)),
        *await check_arguments(sandbox, tool.source, _instances(given), arguments),
    ]
    compared = (_difference(check, found) for check, found in zip([*parsed, *given], findings, strict=True))
    differences = [difference for difference in compared if difference]
    if differences:
        raise ToolRefusedError(
            f"{tool.name} does not do what its checks say: {few(differences)}",
            hint="make it afresh from solved questions with `hammerstone make`",
        )


def _instances(checks: Sequence[Check]) -> list[StoredInstance]:
    return [
        StoredInstance(id=index, request_id="", question=one.question, answer=one.answer, source=Source.CALLER)
        for index, one in enumerate(checks)
    ]


def _difference(check: Check, found: Finding) -> str:
    if found.verdict is not Verdict.AGREES:
        return f"{check.question[:200]!r}: {found.detail}"
    if found.arguments != check.arguments or found.answer != check.answer:
        return f"{check.question[:200]!r}: now {found.answer!r} from {found.arguments}"
    return ""
