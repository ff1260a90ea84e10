"""How many instances, retries and tries: the numbers of the closed loop, with their sources."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

__all__ = ["ALLOWED_IMPORTS", "MAKER_TEMPERATURE", "USER_TEMPERATURE", "LoopSettings", "Numbers", "RecipeChoice"]

MAKER_TEMPERATURE = 0.3  # LATM, section 4.1: "temperature of 0.3" for the maker
USER_TEMPERATURE = 0.0  # LATM, section 4.1: 0 for everything that is asked once

ALLOWED_IMPORTS = frozenset(
    """abc array base64 binascii bisect calendar cmath collections configparser contextlib copy csv dataclasses
    datetime decimal difflib enum fractions functools hashlib heapq html io ipaddress itertools json math numbers
    operator re statistics string struct textwrap types typing unicodedata urllib.parse uuid xml zoneinfo
    __future__""".split()
)
"""Modules and packages of the standard library that a tool may import. No `random`, no `time`, no `os`."""

RecipeChoice = Literal["module", "latm", "auto"]


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """Instances that a recipe shows to the maker, checks its code on, and holds back for the gate; and retries."""

    shown: int
    verified: int
    held_out: int
    retries: int

    @property
    def needed(self) -> int:
        return self.shown + self.verified + self.held_out


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """Every number of the loop.

    `more` instances must come in after a failed build before the next. A parser may refuse `max_refused` of the
    instances and still go live; it may never be wrong. `concurrency` requests are under way at a time.
    `imports` are the modules that generated code may import: `xml` allows all of a package, `urllib.parse` only that
    part.
    `background` lets builds run beside the stream; without it a request that completes a task waits for its tool,
    which makes a replayed stream repeat exactly.
    """

    recipe: RecipeChoice = "auto"
    module: Numbers = field(default_factory=lambda: Numbers(shown=8, verified=2, held_out=2, retries=3))
    # LATM, section 4.1: 3 training and 3 validation samples, at most 3 retries. The held-out gate is ours.
    latm: Numbers = field(default_factory=lambda: Numbers(shown=3, verified=3, held_out=2, retries=3))
    more: int = 4
    max_refused: float = 0.25
    demonstrations: int = 4
    concurrency: int = 8
    background: bool = True
    imports: frozenset[str] = ALLOWED_IMPORTS

    @property
    def needed(self) -> int:
        """Instances before a build starts: those of the recipe that is tried first."""
        return (self.latm if self.recipe == "latm" else self.module).needed
