"""Requests shown whole: each turn below its role and the number of its lines, since a turn may hold what looks like the
next one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.cli.terminal import show_line, show_text, talk
from hammerstone.formatting import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hammerstone.requests import ChatPart

__all__ = ["lines_in", "show_parts"]


def show_parts(parts: Sequence[ChatPart], *, stderr: bool = False) -> None:
    """A question alone stands without a heading."""
    from rich.text import Text

    alone = [part.heading for part in parts] == ["user"]
    for part in parts:
        if not alone:
            heading = Text.assemble((f"{part.heading}:", "bold"), f" {lines_in(part.text)}")
            talk(heading) if stderr else show_line(heading)
        show_text(part.text, stderr=stderr)


def lines_in(text: str) -> str:
    return counted(text.count("\n") + 1, "line")
