"""The states of a tool, and the moves between them: by the gate, by approval, and by comparisons.

gated ─► shadow ─► live ─► replaced            forwards: approval, agreement, a later version
            ▲        │
            └────────┴──► quarantined          a false hit that is confirmed, a correction, a person
"""

from __future__ import annotations

from hammerstone.life.false_hits import false_hit_rate
from hammerstone.settings import LifeSettings
from hammerstone.store import Move, MoveRule, StoredTool, ToolState
from hammerstone.tools import Tool
from hammerstone.types import Route

__all__ = ["after_comparison", "approved_state", "cannot_be_watched", "first_state"]


def first_state(tool: Tool, settings: LifeSettings) -> ToolState:
    """The state of a tool that has passed the gate, where an upstream answers beside it."""
    waits = settings.approval == "manual" or cannot_be_watched(tool, settings)
    return ToolState.GATED if waits else approved_state(settings)


def cannot_be_watched(tool: Tool, settings: LifeSettings) -> bool:
    """Whether a tool has to be in shadow first and would never leave it: nothing is compared without a parser."""
    return approved_state(settings) is ToolState.SHADOW and Route.PARSER not in tool.routes


def approved_state(settings: LifeSettings) -> ToolState:
    """The state of a tool with a parser that has passed the gate and needs no approval any more."""
    is_watched = settings.shadow > 0 or settings.max_false_hit_rate is not None
    return ToolState.SHADOW if is_watched else ToolState.LIVE


def after_comparison(settings: LifeSettings) -> MoveRule:
    """The rule that `Store.add_comparison` applies after each comparison: whether the tool's state changes.

    A tool in shadow goes live when it agreed often enough in a row and the bound of its false-hit rate is low enough. A
    live one whose bound is too high comes back into shadow; without a parser it waits for a person instead.
    """

    def rule(tool: StoredTool) -> Move | None:
        rate = false_hit_rate(tool.tally, settings.confidence)
        most = 1.0 if settings.max_false_hit_rate is None else settings.max_false_hit_rate
        is_bounded = rate.upper <= most
        if tool.state is ToolState.SHADOW and tool.tally.in_a_row >= settings.shadow and is_bounded:
            agreed = f"it agreed with the upstream {tool.tally.in_a_row} times in a row"
            return Move(to=ToolState.LIVE, reason=f"{agreed}; {rate}")
        if tool.state is ToolState.LIVE and not is_bounded:
            to = ToolState.SHADOW if Route.PARSER in tool.tool.routes else ToolState.GATED
            return Move(to=to, reason=f"{rate}, above {100 * most:.3g} %")
        return None

    return rule
