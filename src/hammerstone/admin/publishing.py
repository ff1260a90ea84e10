"""Publishing a tool to other tenants, by a person. The program crosses, and nothing that anybody has asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hammerstone.admin.tools import find_tool
from hammerstone.errors import HammerstoneError, SettingsError
from hammerstone.store import StoredTool, Stores
from hammerstone.tools import Tool
from hammerstone.types import Route

__all__ = ["EVERYBODY", "Published", "publish"]

EVERYBODY = "all"


@dataclass(frozen=True, kw_only=True)
class Published:
    """What a tenant has of it now, or why it has not."""

    tenant: str
    name: str | None = None
    version: int | None = None
    state: str | None = None
    problem: str = ""


def publish(stores: Stores, source: str, name: str, version: int | None, to: Sequence[str]) -> list[Published]:
    """Give a tool of the tenant `source` to others, or to all (`EVERYBODY`), where it comes into shadow.

    One tenant that it cannot be given to keeps it from no other. Raises `NotFoundError` for a tool that is not there,
    and `SettingsError` for one that cannot answer without the questions of its own tenant.
    """
    tool = find_tool(stores.of(source), name, version)
    copy = _without_questions(tool)
    receivers = [one for one in (stores.tenants() if EVERYBODY in to else to) if one != source]
    if not receivers:
        raise SettingsError("there is no other tenant", hint="name one that has sent a request: its store is made then")
    reason = f"a person published it from another tenant: version {tool.version} of {name}, {tool.tool.digest[:16]}"
    return [_given(stores, one, copy, reason) for one in dict.fromkeys(receivers)]


def _without_questions(stored: StoredTool) -> Tool:
    """The tool without the questions it was built on, shown and checked on: it reads others by its parser alone."""
    tool = stored.tool
    if Route.PARSER not in tool.routes:
        raise SettingsError(
            f"{tool.name} cannot be published: it answers by a model that is shown questions of its own tenant",
            hint="only a tool with a parser can be published",
        )
    made = replace(tool.provenance, instances=())
    return replace(tool, routes=(Route.PARSER,), users=(), checks=(), demonstrations=(), provenance=made)


def _given(stores: Stores, tenant: str, tool: Tool, reason: str) -> Published:
    try:
        given = stores.known(tenant).adopt(tool, reason)
    except HammerstoneError as error:
        return Published(tenant=tenant, problem=f"{error.message} ({error.hint})" if error.hint else error.message)
    return Published(tenant=tenant, name=given.task, version=given.version, state=given.state)
