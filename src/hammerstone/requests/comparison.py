"""When two texts are the same: for counting and finding, and for answers.

Neither is what a tool is given or what the round-trip guard compares: there every character counts.
"""

from __future__ import annotations

import unicodedata

__all__ = ["agree", "normalise"]


def agree(given: str, stored: str) -> bool:
    """Whether two answers are the same: equal but for outer white space."""
    return given.strip() == stored.strip()


def normalise(text: str) -> str:
    """Text as n-grams and counts see it: composed (NFC), with one kind of line end, without outer white space."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()
