"""Tools as those who look after them see them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from hammerstone.errors import NotFoundError
from hammerstone.life import false_hit_rate
from hammerstone.store import Change, Store, StoredTool, Tally, ToolRow
from hammerstone.types import JSON

__all__ = [
    "FalseHitSummary",
    "ListedTool",
    "ShownTool",
    "ToolFigures",
    "ToolSummary",
    "figures",
    "find_tool",
    "listed",
    "rates",
    "shown",
    "summary",
]


@dataclass(frozen=True, kw_only=True)
class ToolSummary:
    """One version of a tool."""

    name: str
    version: int
    state: str
    routes: tuple[str, ...]
    description: str
    digest: str
    created: str


@dataclass(frozen=True, kw_only=True)
class ListedTool(ToolSummary):
    """`answers` counts those of all versions."""

    answers: int


@dataclass(frozen=True, kw_only=True)
class FalseHitSummary:
    """How answers compared with the upstream's: the rate of false hits, `None` before the first comparison, and its
    upper bound, which holds with the probability `confidence` however often it is looked at."""

    compared: int
    disagreed: int
    false_hits: int
    false_hit_rate: float | None
    upper_bound: float
    confidence: float


@dataclass(frozen=True, kw_only=True)
class ToolFigures(FalseHitSummary):
    """What one version has served, and how many of its answers somebody corrected."""

    served: int
    corrected: int


@dataclass(frozen=True, kw_only=True)
class ShownTool(ToolSummary, ToolFigures):
    """All of one version. `content` is the tool itself: source, checks, demonstrations, provenance."""

    changes: tuple[Change, ...]
    content: JSON


def find_tool(store: Store, name: str, version: int | None = None) -> StoredTool:
    """One version, by default the live one or else the newest. Raises `NotFoundError`, `ToolRefusedError`."""
    tool = store.tool(name, version)
    if tool is None:
        which = name if version is None else f"{name} version {version}"
        raise NotFoundError(f"there is no tool {which}", hint="`hammerstone tools list --all` lists them")
    return tool


def summary(tool: StoredTool) -> ToolSummary:
    return ToolSummary(
        name=tool.task,
        version=tool.version,
        state=tool.state,
        routes=tool.tool.routes,
        description=tool.tool.description,
        digest=tool.tool.digest,
        created=tool.created,
    )


def listed(store: Store, *, all_versions: bool = False) -> tuple[ListedTool, ...]:
    """Tools by name: each current version, or all versions."""
    used: dict[str, int] = {}
    for row in store.routes():
        if row.tool is not None:
            used[row.tool] = used.get(row.tool, 0) + row.requests
    tools = store.tools(all_versions=all_versions)
    return tuple(ListedTool(**vars(summary(one)), answers=used.get(one.task, 0)) for one in tools)


def shown(store: Store, name: str, version: int | None = None) -> ShownTool:
    """Raises `NotFoundError`, `ToolRefusedError`."""
    tool = find_tool(store, name, version)
    row = next(one for one in store.tool_rows() if (one.tool, one.version) == (tool.task, tool.version))
    changes = tuple(one for one in store.changes(tool.task) if one.version == tool.version)
    content = json.loads(tool.tool.to_json())
    return ShownTool(**asdict(summary(tool)), **asdict(figures(row)), changes=changes, content=content)


def rates(tally: Tally) -> FalseHitSummary:
    rate = false_hit_rate(tally)
    return FalseHitSummary(
        compared=tally.compared,
        disagreed=tally.disagreed,
        false_hits=tally.false_hits,
        false_hit_rate=rate.rate,
        upper_bound=rate.upper,
        confidence=rate.confidence,
    )


def figures(row: ToolRow) -> ToolFigures:
    return ToolFigures(**asdict(rates(row.tally)), served=row.served, corrected=row.corrected)
