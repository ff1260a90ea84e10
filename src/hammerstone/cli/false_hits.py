"""How often tools were wrong, as the commands show it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hammerstone.cli.tables import show_table
from hammerstone.formatting import percent
from hammerstone.life import false_hit_rate, together

if TYPE_CHECKING:
    from hammerstone.store import Tally, ToolRow

__all__ = ["compared", "show_tools"]


def compared(tally: Tally) -> str:
    """What comparisons with the upstream say, in a line."""
    if not tally.compared:
        return "never with an upstream's answers"
    rate = false_hit_rate(tally)
    share = percent(tally.false_hits, tally.compared)
    counts = f"{tally.compared} answers with an upstream's, {tally.disagreed} disagreed"
    bound = f"at most {percent(rate.upper)} (with {100 * rate.confidence:.0f} % confidence)"
    return f"{counts}; false-hit rate {share}, {bound}"


def show_tools(rows: Sequence[ToolRow]) -> None:
    """A table of all versions that have served or were compared, and of all together."""
    used = [row for row in rows if row.served or row.tally.compared]
    if not used:
        return
    shown = [_line(row.tool, str(row.version), row.state, row.served, row.tally, row.corrected) for row in used]
    served, corrected = sum(row.served for row in used), sum(row.corrected for row in used)
    shown.append(_line("all tools", "", "", served, together(row.tally for row in used), corrected))
    columns = (
        "tool…",
        "#version",
        "state",
        "#served",
        "#compared",
        "#disagreed",
        "#false hits",
        "#at most",
        "#corrected",
    )
    caption = (
        "at most: the upper bound of the false-hit rate, which holds with 95 % confidence however often it is looked at"
    )
    show_table("Tools", columns, shown, caption=caption)


def _line(tool: str, version: str, state: str, served: int, tally: Tally, corrected: int) -> tuple[str, ...]:
    bound = percent(false_hit_rate(tally).upper) if tally.compared else "-"
    counts = (served, tally.compared, tally.disagreed)
    return (tool, version, state, *map(str, counts), percent(tally.false_hits, tally.compared), bound, str(corrected))
