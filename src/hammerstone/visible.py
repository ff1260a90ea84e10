r"""Text that somebody else wrote, so that a person sees every character of it.

A terminal, a browser and an editor obey some characters (escape sequences, bidirectional marks) and draw nothing for
others (zero-width and format characters); lone surrogates cannot be encoded. Each of these is written as Python writes
it in a string: `\x1b`, `\u202e`, `\udc80`. Letters of every script, combining marks, spaces and emoji stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from unicodedata import category

__all__ = ["pieces", "seen", "visible", "visible_json"]

LINES = "\n\t"  # what a block of text may hold and a name may not
JOINER, KEYCAP = "\u200d", "\u20e3"
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # control, format, surrogate, private, unassigned, separators
_BLANK = re.compile(  # letters and marks by their category, but Unicode says that they are not drawn
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_UNUSUAL = re.compile("[^ -~\xa0-\xac\xae-\u034e\u0400-\u052f\u4e00-\u9fff\uac00-\ud7a3]")  # the others are all seen


def visible(text: str, *, lines: bool = False) -> str:
    """The text with every character that would not be seen as an escape; `lines` keeps line breaks and tabs."""
    return _escaped(text, LINES if lines else "", _escape)


def visible_json(document: str) -> str:
    """The same JSON value, with every character that would not be seen as an escape of JSON's."""
    return _escaped(document, LINES, _json_escape)


def seen(value: object, *, lines: bool = False) -> object:
    """What a template puts into a page: text as `visible` shows it, anything else (markup too) as it is.

    A browser would obey bidirectional marks, and drop what cannot be seen.
    """
    return visible(value, lines=lines) if isinstance(value, str) and not hasattr(value, "__html__") else value


def pieces(text: str, *, lines: bool = False) -> Iterator[tuple[str, bool]]:
    """The text in pieces, each with whether it is an escape."""
    start, kept = 0, LINES if lines else ""
    for found in _UNUSUAL.finditer(text):
        if _is_unseen(found, kept):
            if start < found.start():
                yield text[start : found.start()], False
            yield _escape(found[0]), True
            start = found.end()
    if start < len(text):
        yield text[start:], False


def _escaped(text: str, kept: str, escape: Callable[[str], str]) -> str:
    return _UNUSUAL.sub(lambda found: escape(found[0]) if _is_unseen(found, kept) else found[0], text)


def _escape(char: str) -> str:
    return char.encode("unicode_escape").decode()


def _json_escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _is_unseen(found: re.Match[str], kept: str) -> bool:
    char = found[0]
    if char in kept or (category(char) not in _UNSEEN and not _BLANK.match(char)):
        return False
    return not _is_of_an_emoji(found.string, found.start())


def _is_of_an_emoji(text: str, at: int) -> bool:
    """Whether this character asks for colour, or joins two pictures into one."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if text[at] in "\ufe0e\ufe0f":
        return after == KEYCAP or _is_symbol(before)
    return text[at] == JOINER and _is_symbol(after) and (before == "\ufe0f" or _is_symbol(before))


def _is_symbol(char: str) -> bool:
    return char > "~" and category(char).startswith("S")
