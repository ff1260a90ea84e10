"""Splits instances into those shown to the maker, those that its code is verified on, and those held out."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from hammerstone.requests import same_label
from hammerstone.settings import Numbers
from hammerstone.store import StoredInstance
from hammerstone.tools import grams, phrased_alike
from hammerstone.types import Source

__all__ = ["Split", "independent", "most_varied", "respelled", "spelled_alike", "split_instances"]


@dataclass(frozen=True, kw_only=True)
class Split:
    """Three disjoint parts of a task's instances. `kept` are their questions that the present tool answers."""

    shown: tuple[StoredInstance, ...]
    verified: tuple[StoredInstance, ...]
    held_out: tuple[StoredInstance, ...]
    kept: frozenset[str] = frozenset()

    @property
    def all(self) -> tuple[StoredInstance, ...]:
        return self.shown + self.verified + self.held_out


def independent(instances: Sequence[StoredInstance]) -> tuple[StoredInstance, ...]:
    """One instance of each question, however often it comes with other spaces or in another Unicode form.

    It is the first, unless a spelling that a person or a caller labeled, or corrected, has another label.
    Further spellings of a question say nothing new about its task: they do not count towards a build, are not shown,
    and would not be held out. But their labels are labels: a tool must not contradict them.
    """
    found: dict[str, StoredInstance] = {}
    for one in instances:
        first = found.setdefault(spelled_alike(one.question), one)
        overrules = one.source is not Source.SOLVER and _authority(one) >= _authority(first)
        if overrules and not same_label(first.answer, one.answer):
            found[spelled_alike(one.question)] = one
    return tuple(found.values())


def _authority(one: StoredInstance) -> tuple[bool, bool]:
    """The rank of a label: a person's or a caller's before a solver's, and among those a corrected one first."""
    return one.source is not Source.SOLVER, one.former_answer is not None


def respelled(every: Sequence[StoredInstance], these: Sequence[StoredInstance]) -> tuple[StoredInstance, ...]:
    """The further spellings of these instances' questions among all that are stored."""
    questions = {one.question for one in these}
    alike = {spelled_alike(question) for question in questions}
    return tuple(one for one in every if one.question not in questions and spelled_alike(one.question) in alike)


def spelled_alike(question: str) -> str:
    """The same string for all spellings of a question."""
    text = unicodedata.normalize("NFKC", question)
    seen = "".join(char for char in text if char.isspace() or unicodedata.category(char) not in {"Cc", "Cf"})
    return " ".join(seen.split())


def split_instances(instances: Sequence[StoredInstance], numbers: Numbers, *, spare: bool) -> Split:
    """Show the most varied, and divide the rest in order of arrival.

    With `spare`, instances beyond the numbers are used too: one of each way of phrasing that is not among the most
    varied is shown as well, as far as enough are left; and as checking a parser costs nothing, the others are divided
    between verification and gate as the numbers are. Without it they are left out.
    """
    shown = most_varied(instances, numbers.shown)
    if spare:
        shown += _new_forms(instances, shown, len(instances) - numbers.needed)
    rest = [one for one in instances if one not in shown]
    verified = numbers.verified
    if spare:
        verified = max(verified, len(rest) * numbers.verified // (numbers.verified + numbers.held_out))
    end = None if spare else verified + numbers.held_out
    return Split(shown=shown, verified=tuple(rest[:verified]), held_out=tuple(rest[verified:end]))


def _new_forms(
    instances: Sequence[StoredInstance], shown: Sequence[StoredInstance], most: int
) -> tuple[StoredInstance, ...]:
    """The first instance of each phrasing of which none is shown, at most `most` of them."""
    known = {one.id for one in shown}
    groups = phrased_alike([one.question for one in instances])
    new = [instances[group[0]] for group in groups if known.isdisjoint(instances[k].id for k in group)]
    return tuple(new[: max(0, most)])


def most_varied(instances: Sequence[StoredInstance], count: int) -> tuple[StoredInstance, ...]:
    """`count` instances, each the farthest from those taken before it (greedy k-centre on n-gram distance)."""
    profile = {one.id: grams(one.question) for one in instances}
    left = list(instances)
    taken = [left.pop(0)] if left else []
    nearest = {one.id: _distance(profile[one.id], profile[taken[0].id]) for one in left}
    while left and len(taken) < count:
        farthest = max(left, key=lambda one: nearest[one.id])  # the first of equals: repeatable
        left.remove(farthest)
        taken.append(farthest)
        for one in left:
            nearest[one.id] = min(nearest[one.id], _distance(profile[one.id], profile[farthest.id]))
    return tuple(taken)


def _distance(a: frozenset[str], b: frozenset[str]) -> float:
    return 1 - len(a & b) / (len(a | b) or 1)
