"""Finds the parsers that are worth asking, by an index of character n-grams over the wording of the live tools.

A tool's *wording* is the set of n-grams that all of its task's instances share: what is left when values, names and
numbers fall away. Part of the rule by which a parser may answer is that the question holds `SHARE` of them. The index
only computes that rule for all tools at once, so a shortlist gives the same answer as trying every tool.

Where a task's instances are phrased in several ways they share little or nothing: then each phrasing has a wording of
its own (`forms`). A tool without any is never asked, unless its chats have a frame that distinguishes them.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from hammerstone.requests import normalise

__all__ = [
    "GRAM_CHARS",
    "LEAST_WORDING",
    "SHARE",
    "Shortlist",
    "forms",
    "grams",
    "holds_wording",
    "likeness",
    "phrased_alike",
    "wording",
]

GRAM_CHARS = 5
SHARE = 0.9
MAX_WORDING = 400  # enough to tell thousands of tasks apart; keeps tools and the index small
MAX_FORMS = 40
ALIKE = 0.25  # of the n-grams of a question or of a group: what is left when values and names fall away
LEAST_WORDING = 10  # n-grams: two words or three
_MOST_GROUPS = 200  # a question that is like none of so many is left out, so that the time is bounded

T = TypeVar("T")


def grams(text: str) -> frozenset[str]:
    """The character n-grams of a normalised text."""
    text = normalise(text)
    return frozenset(text[i : i + GRAM_CHARS] for i in range(max(1, len(text) - GRAM_CHARS + 1)))


def likeness(example: str, asked: frozenset[str]) -> float:
    """The share of an example's n-grams, from 0 to 1, that are among those of the question that is asked."""
    own = grams(example)
    return len(own & asked) / len(own)


def wording(questions: Sequence[str]) -> tuple[str, ...]:
    """The n-grams common to all questions, sorted; empty when they share none."""
    common = frozenset[str].intersection(*map(grams, questions)) if questions else frozenset[str]()
    return _bounded(common)


def _bounded(common: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(common)[:: max(1, math.ceil(len(common) / MAX_WORDING))])


def forms(questions: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The n-grams that the questions of one phrasing share, for each phrasing with two questions or more."""
    return tuple(_bounded(common) for common, members in _grouped(questions) if len(members) > 1)[:MAX_FORMS]


def phrased_alike(questions: Sequence[str]) -> list[list[int]]:
    """The numbers of the questions of each phrasing, phrasings of a single question included."""
    return [members for _, members in _grouped(questions)]


def _grouped(questions: Sequence[str]) -> list[tuple[frozenset[str], list[int]]]:
    """For each phrasing, its common n-grams and the numbers of its questions.

    Greedy, in the order given: a question joins the group that it shares most with, if that is as much as `ALIKE` of
    the group or of itself. What all questions share is not enough then, and each group has its own.
    """
    groups: list[tuple[frozenset[str], list[int]]] = []
    for number, question in enumerate(questions):
        own = grams(question)
        shared = [len(own & common) for common, _ in groups]
        best = max(range(len(groups)), key=shared.__getitem__, default=None)
        if best is not None and shared[best] >= max(LEAST_WORDING, ALIKE * min(len(own), len(groups[best][0]))):
            groups[best] = groups[best][0] & own, [*groups[best][1], number]
        elif len(groups) < _MOST_GROUPS:
            groups.append((own, [number]))
    return groups


def holds_wording(question: str, required: Sequence[str]) -> bool:
    """Whether `question` holds at least `SHARE` of the n-grams `required`, and there are any: the rule itself."""
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
