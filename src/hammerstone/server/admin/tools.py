"""Tools: listed, shown, brought into another state, published, exported and imported."""

from __future__ import annotations

from dataclasses import dataclass, replace

from anyio import to_thread

from hammerstone.admin.publishing import Published, publish
from hammerstone.admin.tools import ListedTool, ShownTool, ToolSummary, find_tool, listed, shown, summary
from hammerstone.builder import admit
from hammerstone.life import approved_state
from hammerstone.server.admin.actions import Action, AdminRequest, Body
from hammerstone.store import ToolState
from hammerstone.tools import package_document, tool_of_document
from hammerstone.types import JSON

__all__ = ["ACTIONS"]


class OneVersion(Body):
    """Which version: by default the live one, or else the newest."""

    version: int | None = None


class Quarantine(OneVersion):
    """`reason` says what is wrong with it."""

    reason: str


class Receivers(OneVersion):
    """The tenants that get it; `["all"]` is every other one."""

    to: list[str]


@dataclass(frozen=True, kw_only=True)
class Removed:
    name: str
    state: str = "removed"


@dataclass(frozen=True, kw_only=True)
class Imported(ToolSummary):
    """`reasons` say why it is not live; there are none if it is."""

    checks: int
    reasons: tuple[str, ...]


def list_tools(asked: AdminRequest, *, all_versions: bool = False) -> list[ListedTool]:
    """The tools, with their routes and how often each was used."""
    return list(listed(asked.store, all_versions=all_versions))


def show_tool(asked: AdminRequest, name: str, *, version: int | None = None) -> ShownTool:
    """A tool's source, checks and provenance; how often it was wrong, and its states with reasons."""
    return shown(asked.store, name, version)


def approve_tool(asked: AdminRequest, name: str, *, body: OneVersion) -> ToolSummary:
    """Let a tool that passed the gate and waits for approval come into shadow, or into service."""
    return summary(asked.store.approve(name, body.version, approved_state(asked.settings.life)))


def enable_tool(asked: AdminRequest, name: str, *, body: OneVersion) -> ToolSummary:
    """Put a disabled tool, or an earlier version, into service."""
    return summary(asked.store.set_tool_state(name, body.version, ToolState.LIVE))


def disable_tool(asked: AdminRequest, name: str) -> ToolSummary:
    """Take a tool out of service, and keep it. No other is built in its place."""
    return summary(asked.store.set_tool_state(name, None, ToolState.DISABLED))


def quarantine_tool(asked: AdminRequest, name: str, *, body: Quarantine) -> ToolSummary:
    """Take a tool out of service because it is wrong. The reason is noted in the log, too."""
    noted = replace(asked, act=replace(asked.act, about=f"{asked.act.about}: {body.reason}"))
    return summary(noted.store.quarantine(name, body.version, body.reason))


def roll_back_tool(asked: AdminRequest, name: str, *, body: OneVersion) -> ToolSummary:
    """Put the version that was live before into service again, in place of the present one."""
    return summary(asked.store.roll_back(name, body.version))


def publish_tool(asked: AdminRequest, name: str, *, body: Receivers) -> list[Published]:
    """Give a tool to other tenants, where it comes into shadow. No question that it was built from crosses."""
    asked.check_all()
    return publish(asked.stores, asked.tenant, name, body.version, body.to)


def remove_tool(asked: AdminRequest, name: str) -> Removed:
    """Delete all versions of a tool. Its task's instances stay, and a new tool may be built from them."""
    asked.store.remove_tool(name)
    return Removed(name=name)


def export_tool(asked: AdminRequest, name: str, *, version: int | None = None) -> dict[str, JSON]:
    """A tool as a document that `POST /admin/tools` and `hammerstone tools import` take."""
    tool = find_tool(asked.store, name, version)
    return package_document(tool.tool, tool.version)


async def import_tool(asked: AdminRequest, *, body: dict[str, JSON]) -> Imported:
    """Check an exported tool as a build is checked. What passes is live; anything else waits, disabled."""
    store = await to_thread.run_sync(lambda: asked.store)  # which there has to be
    loop = await asked.tenants.of(asked.tenant)
    build = loop.settings.build
    tool = tool_of_document(body, "the body", imports=build.imports)
    admission = await admit(store, loop.sandbox, tool, build)
    stored = vars(summary(admission.stored))
    return Imported(**stored, checks=len(tool.checks), reasons=admission.reasons)


ACTIONS = (
    Action("GET", "/tools", list_tools),
    Action("POST", "/tools", import_tool),
    Action("GET", "/tools/{name}", show_tool),
    Action("DELETE", "/tools/{name}", remove_tool),
    Action("GET", "/tools/{name}/package", export_tool),
    Action("POST", "/tools/{name}/approve", approve_tool),
    Action("POST", "/tools/{name}/enable", enable_tool),
    Action("POST", "/tools/{name}/disable", disable_tool),
    Action("POST", "/tools/{name}/quarantine", quarantine_tool),
    Action("POST", "/tools/{name}/rollback", roll_back_tool),
    Action("POST", "/tools/{name}/publish", publish_tool),
)
