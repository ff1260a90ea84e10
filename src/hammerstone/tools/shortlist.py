"""Which parsers are worth asking: an index of character n-grams over the wording of the live tools.

A tool's *wording* is the set of n-grams that all of its task's instances share: what is left when values, names and
numbers fall away. Part of the rule by which a parser may answer is that the question holds `SHARE` of them. The index
only computes that rule for all tools at once, so a shortlist gives the same answer as trying every tool.

Where a task's instances share nothing there is no wording, and no question holds it: such a tool's parser is never
asked.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from hammerstone.requests.comparison import normalise

__all__ = ["SHARE", "N", "Shortlist", "grams", "holds_wording", "wording"]

N = 5
SHARE = 0.9
MAX_WORDING = 400  # enough to tell thousands of tasks apart; keeps tools and the index small

T = TypeVar("T")


def grams(text: str) -> frozenset[str]:
    """The character n-grams of a normalised text."""
    text = normalise(text)
    return frozenset(text[i : i + N] for i in range(max(1, len(text) - N + 1)))


def wording(questions: Sequence[str]) -> tuple[str, ...]:
    """The n-grams common to all questions, sorted; empty when they share none."""
    common = frozenset[str].intersection(*map(grams, questions)) if questions else frozenset[str]()
    return tuple(sorted(common)[:: max(1, math.ceil(len(common) / MAX_WORDING))])


def holds_wording(question: str, required: Sequence[str]) -> bool:
    """The rule itself: `question` holds at least `SHARE` of the n-grams `required`, and there are some."""
    return bool(required) and len(grams(question).intersection(required)) >= SHARE * len(required)


class Shortlist(Generic[T]):
    """An inverted index from n-gram to tools. Built once for each set of live tools.

    N-grams that the same tools require are counted together: wording that a thousand tools share costs one pass over
    them, not one for each of its n-grams.
    """

    def __init__(self, wordings: Iterable[tuple[T, Sequence[str]]]) -> None:
        self._items: list[T] = []
        self._needed: list[float] = []
        postings: defaultdict[str, list[int]] = defaultdict(list)
        for item, required in wordings:
            if not required:
                continue
            for gram in required:
                postings[gram].append(len(self._items))
            self._items.append(item)
            self._needed.append(SHARE * len(required))
        groups: dict[tuple[int, ...], int] = {}  # tools that require an n-gram -> number of their group
        self._group = {gram: groups.setdefault(tuple(numbers), len(groups)) for gram, numbers in postings.items()}
        self._members = list(groups)

    def candidates(self, question: str) -> list[T]:
        """The tools whose wording the question holds, in the order given to the index."""
        shared = Counter(self._group[gram] for gram in grams(question) if gram in self._group)
        held = [0] * len(self._items)
        for group, count in shared.items():
            for number in self._members[group]:
                held[number] += count
        return [item for item, got, needed in zip(self._items, held, self._needed, strict=True) if got >= needed]
