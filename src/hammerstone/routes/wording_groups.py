"""Groups of texts that are worded alike, found one text at a time.

What the questions of a kind have in common is the text around their values. A group's *core* is the set of character
n-grams that nearly all of its members hold, and a text joins only if it holds all of it but a few: a word that is
missing, replaced or put in between ("in *descending* order") makes another group. Two groups for one kind cost a
second build; two kinds in one group may have no tool that is right for both.

What goes unseen is a sentence added where texts differ anyway, and another number: runs of digits count as one digit.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hammerstone.tools import GRAM_CHARS, LEAST_WORDING, grams

__all__ = ["YOUNG", "WordingGroup", "WordingGroups"]

YOUNG = 8  # members from which on a core is known well enough to be held to
MAX_GROUPS = 500  # the oldest group of the fewest members makes room
COUNTED = 100  # members whose n-grams are counted: more would not change the core
CORE = 0.9  # share of the members that hold an n-gram of the core
MISSING = GRAM_CHARS - 2  # n-grams of the core: one fewer than a word put in between destroys
ALIKE = 0.5  # of the n-grams of the shorter of two texts
BEGINNING = 20  # characters: questions that begin alike need share less
ALIKE_AFTER = 0.15
FIXED = 20  # n-grams of a known core: less is a phrase that kinds share ("Answer with one word.") …
COVERED = 0.5  # … where it is not this share of the text ("What is 17 plus 4?")
SAMPLED = 24  # n-grams of a known core in the index
HEAD, TAIL = 1_400, 600  # characters of a long text that are looked at

_DIGITS = re.compile(r"\d+")
_SENTENCE_END = re.compile(r"""(?:[.?!:]["')\]]*\s|[。？！：])\s*""")  # noqa: RUF001 - these end sentences, too
CLOSING = 80  # characters of a last sentence that may say how to answer, which many kinds have in common


@dataclass(kw_only=True, eq=False)
class WordingGroup:
    """Texts worded alike. `first` is the beginning of the first one, and `core` the n-grams that most of them hold."""

    number: int
    first: str
    core: frozenset[str] = frozenset()
    members: int = 0
    counts: Counter[str] = field(default_factory=Counter[str], repr=False)

    @property
    def is_young(self) -> bool:
        return self.members < YOUNG

    def add(self, own: frozenset[str]) -> bool:
        """Add a member, and return whether the core may have changed by it."""
        self.members += 1
        if self.members > COUNTED:
            return False
        self.counts.update(own)
        return self.is_young or self.members % YOUNG == 0

    def renewed(self) -> frozenset[str]:
        """The core of the members that were counted."""
        needed = self.members if self.is_young and self.members < YOUNG / 2 else CORE * self.members
        return frozenset(gram for gram, count in self.counts.items() if count >= needed)


class WordingGroups:
    """Groups of texts worded alike, in memory for `MAX_GROUPS` groups, however many texts come.

    `alike` is the share of n-grams by which a text joins a group whose core is not known yet, and `alike_after` that
    by which it joins if it begins as the group's first text does.
    """

    def __init__(self, *, alike: float = ALIKE, alike_after: float = ALIKE_AFTER) -> None:
        self._alike = alike
        self._alike_after = alike_after
        self._groups: dict[int, WordingGroup] = {}
        self._young = _Index()
        self._known = _Index()
        self._last = 0

    def __iter__(self) -> Iterator[WordingGroup]:
        return iter(self._groups.values())

    def __len__(self) -> int:
        return len(self._groups)

    def add(self, text: str) -> WordingGroup:
        """The group of a text, which becomes a member: one that is there, or a new one."""
        masked = _masked(text)
        own = grams(masked)
        group = self._best(own, masked) or self._new(own, masked)
        if group.add(own):
            self._set_core(group, group.renewed())
        return group

    def find(self, text: str) -> WordingGroup | None:
        """The group of a text, if there is one. Nothing is learned from it."""
        masked = _masked(text)
        return self._best(grams(masked), masked)

    def _best(self, own: frozenset[str], masked: str) -> WordingGroup | None:
        """The group that shares most with the text, of those that take it."""
        taking = {one.number: len(one.core) for one in self._candidates(own) if len(one.core - own) <= MISSING}
        asked = _asked(own, masked)
        for number, shared in self._young.shared(asked).items():
            if self._is_like(self._groups[number], asked, shared, masked):
                taking[number] = shared
        return self._groups[max(taking, key=lambda one: (taking[one], -one))] if taking else None

    def _candidates(self, own: frozenset[str]) -> list[WordingGroup]:
        """The groups of a known core that may take the text: it holds nearly all of a sample of it."""
        held = self._known.shared(own)
        groups = [self._groups[number] for number in held]
        known = [one for one in groups if len(one.core) >= min(FIXED, COVERED * len(own))]
        return [one for one in known if held[one.number] >= min(SAMPLED, len(one.core)) - MISSING]

    def _is_like(self, group: WordingGroup, own: frozenset[str], shared: int, masked: str) -> bool:
        alike = self._alike_after if masked[:BEGINNING] == group.first[:BEGINNING] else self._alike
        return shared >= max(LEAST_WORDING, alike * min(len(own), len(group.core)))

    def _new(self, own: frozenset[str], masked: str) -> WordingGroup:
        if len(self._groups) >= MAX_GROUPS:
            self._drop(min(self, key=lambda one: (one.members, one.number)))
        self._last += 1
        group = WordingGroup(number=self._last, first=masked[: 3 * BEGINNING])
        self._groups[group.number] = group
        self._set_core(group, own)
        return group

    def _drop(self, group: WordingGroup) -> None:
        self._set_core(group, frozenset())
        del self._groups[group.number]

    def _set_core(self, group: WordingGroup, core: frozenset[str]) -> None:
        group.core = core
        self._young.put(group.number, core if group.is_young else ())
        self._known.put(group.number, () if group.is_young else _sample(core))


class _Index:
    """An index of the groups by their n-grams."""

    def __init__(self) -> None:
        self._holders: dict[str, set[int]] = {}
        self._held: dict[int, frozenset[str]] = {}

    def put(self, number: int, held: Iterable[str]) -> None:
        """Let the group hold these n-grams, and no others."""
        now, before = frozenset(held), self._held.pop(number, frozenset[str]())
        for gram in before - now:
            self._holders[gram].discard(number)
            if not self._holders[gram]:
                del self._holders[gram]
        for gram in now - before:
            self._holders.setdefault(gram, set()).add(number)
        if now:
            self._held[number] = now

    def shared(self, own: frozenset[str]) -> Counter[int]:
        """How many of these n-grams each group holds."""
        return Counter(number for gram in own & self._holders.keys() for number in self._holders[gram])


def _sample(core: frozenset[str]) -> list[str]:
    """Some of the core, enough to see which groups may take a text."""
    ordered = sorted(core)
    return ordered[:: max(1, len(ordered) // SAMPLED)][:SAMPLED]


def _asked(own: frozenset[str], masked: str) -> frozenset[str]:
    """The n-grams of a text without a short last sentence ("Answer with the number alone."), if enough are left."""
    text = masked.rstrip()
    ends = list(_SENTENCE_END.finditer(text))
    if not ends or len(text) - ends[-1].end() > CLOSING:
        return own
    left = grams(text[: ends[-1].start() + 1])
    return left if len(left) >= LEAST_WORDING else own


def _masked(text: str) -> str:
    """The text without leading white space, a long one without its middle, and with each run of digits as one zero."""
    if len(text) > HEAD + TAIL:
        text = f"{text[:HEAD]}\n{text[-TAIL:]}"
    return _DIGITS.sub("0", text).lstrip()
