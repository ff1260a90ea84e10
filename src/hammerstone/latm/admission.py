"""How an imported tool comes into a home: by the gate that a build has to pass, or it waits for a person."""

from __future__ import annotations

from dataclasses import dataclass, replace

from anyio import to_thread

from hammerstone.latm.descriptions import short_description
from hammerstone.latm.exporting import recheck
from hammerstone.latm.maker.gate import NO_WORDING, foreign_questions, intruders, parser_problem
from hammerstone.latm.maker.verify import check_parser
from hammerstone.latm.records import StoredInstance, StoredTool
from hammerstone.latm.settings import LoopSettings
from hammerstone.latm.store import Store
from hammerstone.latm.tool import Tool
from hammerstone.sandbox.contract import Sandbox
from hammerstone.types import Route

__all__ = ["Admission", "admit"]

SHOWN = 3  # complaints of one kind in the reasons


@dataclass(frozen=True, kw_only=True)
class Admission:
    """The tool as it is stored now, and why it is not live; without reasons it is."""

    stored: StoredTool
    reasons: tuple[str, ...]


async def admit(store: Store, sandbox: Sandbox, tool: Tool) -> Admission:
    """Publish a tool that passes the gate; store any other one as disabled, beside the version that is live.

    Raises `ToolRefusedError`, and stores nothing, if it does not do what its own checks say.
    """
    tool = replace(tool, description=short_description(tool.description))
    await recheck(sandbox, tool)
    instances = await to_thread.run_sync(store.instances, tool.name)
    foreign = await to_thread.run_sync(foreign_questions, store, tool.name)
    reasons = await _examine(sandbox, tool, instances, foreign)
    stored = await to_thread.run_sync(store.keep_tool if reasons else store.publish, tool)
    return Admission(stored=stored, reasons=reasons)


async def _examine(
    sandbox: Sandbox, tool: Tool, instances: tuple[StoredInstance, ...], foreign: tuple[str, ...]
) -> tuple[str, ...]:
    """What the gate finds: on the instances stored here, on other tasks' questions, and on probes."""
    if Route.PARSER not in tool.routes:
        return ("it has no parser, and without a model its other route cannot be tried",)
    if not tool.wording:
        return (NO_WORDING,)
    solved = [(check.question, check.answer) for check in tool.checks if check.parsed]
    if len(dict(solved)) < 2:
        return ("its checks hold only one question: that does not show what its parser reads",)
    findings = await check_parser(sandbox, tool.source, instances)
    problem = parser_problem(findings, "stored", most=LoopSettings().max_refused)
    complaints = await intruders(sandbox, tool.source, solved, foreign)
    return (*([problem] if problem else []), *complaints[:SHOWN])
