"""Two texts beside each other, with what differs marked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff

__all__ = ["Piece", "halves", "of_sources"]

_PARTS = re.compile(r"\w+|\s+|.", re.DOTALL)
MOST_PARTS = 2_000  # of a text that is compared word by word: the time for that grows with their product


@dataclass(frozen=True)
class Piece:
    """Part of a text; `differs` where the other one has something else."""

    text: str
    differs: bool


def halves(one: str, other: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces, by words. Long ones are compared up to where they differ and from the end, as a whole."""
    first, second = _PARTS.findall(one), _PARTS.findall(other)
    if max(len(first), len(second)) > MOST_PARTS:
        return _by_ends(one, other)
    left: list[Piece] = []
    right: list[Piece] = []
    for tag, i, j, k, n in SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        _add(left, first[i:j], differs=tag != "equal")
        _add(right, second[k:n], differs=tag != "equal")
    return left, right


def _by_ends(one: str, other: str) -> tuple[list[Piece], list[Piece]]:
    shorter = min(len(one), len(other))
    start = next((at for at in range(shorter) if one[at] != other[at]), shorter)
    end = next((at for at in range(shorter - start) if one[-1 - at] != other[-1 - at]), shorter - start)
    return _three(one, start, end), _three(other, start, end)


def _three(text: str, start: int, end: int) -> list[Piece]:
    parts = ((text[:start], False), (text[start : len(text) - end], True), (text[len(text) - end :], False))
    return [Piece(part, differs) for part, differs in parts if part]


def _add(pieces: list[Piece], parts: Sequence[str], *, differs: bool) -> None:
    if parts:
        pieces.append(Piece("".join(parts), differs))


def of_sources(former: str, present: str, names: tuple[str, str]) -> str:
    """A unified diff; empty where nothing differs."""
    lines = [one.splitlines(keepends=True) for one in (former, present)]
    return "".join(unified_diff(lines[0], lines[1], fromfile=names[0], tofile=names[1]))
