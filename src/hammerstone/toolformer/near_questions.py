"""Finds texts that are near to a question of an evaluation: no model should be trained on what it is asked later.

A text is near if it has `RUN` words in a row of a question, or one of its sentences of `LEAST` words or more. All
numbers count as the same, since problems are often copied with other numbers.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator

__all__ = ["EvaluationQuestions"]

RUN = 8
LEAST = 5

_SENTENCE_END = re.compile(r"[.!?\n]+(?!\d)")
_NUMBER = re.compile(r"\d[\d.,]*")


class EvaluationQuestions:
    """The questions of a run's evaluation files, as texts are compared with them."""

    def __init__(self, questions: Iterable[str]) -> None:
        self._known = {passage for question in questions for passage in _passages(question)}

    @property
    def digest(self) -> str:
        """A digest of all that texts are compared with; empty if there are no questions."""
        known = "\n".join(sorted(self._known))
        return hashlib.sha256(known.encode()).hexdigest()[:12] if known else ""

    def shared(self, text: str) -> str:
        """The first words that a text shares with a question, numbers as 0; empty if it is not near to any."""
        return next((passage for passage in _passages(text) if passage in self._known), "")


def _passages(text: str) -> Iterator[str]:
    """Passages of a text: two texts are near if they have one in common."""
    sentences = [_NUMBER.sub("0", part) for part in _SENTENCE_END.split(text.casefold())]
    words = [re.findall(r"\w+", sentence) for sentence in sentences]
    yield from (" ".join(own) for own in words if LEAST <= len(own) < RUN)
    every = [word for own in words for word in own]
    yield from (" ".join(every[at : at + RUN]) for at in range(len(every) - RUN + 1))
