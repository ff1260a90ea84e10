"""One walk over a JSON value and its type together.

It converts where the type asks for that, and ends after a few faults or too many steps. So hostile arguments cost no
more than honest ones of their size. A library that validates unions by trying everything and lists every fault does
not: 15 KB of arguments for a list of a union took all the memory of the host.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from hammerstone.types import JSON

__all__ = ["JsonType", "Place", "TooManyStepsError", "TypeWalk"]

_MAX_FAULTS = 5  # so many are reported
_MAX_STEPS = 500_000  # of one check: more than twice what the largest arguments need

Place = tuple[str | int, ...]  # names and indices that lead to a value


class TooManyStepsError(Exception):
    """Raised when comparing a value with its type takes too long."""


class _EnoughError(Exception):
    """Raised when no further fault is of interest."""


class TypeWalk:
    """The state of one check: its faults so far, and what may still be spent."""

    def __init__(self, *, explains: bool = True, steps: Iterator[int] | None = None) -> None:
        self.faults: list[tuple[Place, str]] = []
        self.converted = 0
        self._explains = explains
        self._steps = iter(range(_MAX_STEPS)) if steps is None else steps

    def step(self) -> None:
        if next(self._steps, None) is None:
            raise TooManyStepsError

    def fault(self, place: Place, message: str) -> JSON:
        self.faults.append((place, message))
        if len(self.faults) == _MAX_FAULTS or not self._explains:
            raise _EnoughError
        return None

    def refuse(self, kind: JsonType, place: Place) -> JSON:
        return self.fault(place, f"Input should be {kind.words}" if self._explains else "")

    def fit(self, kind: JsonType, value: JSON, place: Place) -> JSON:
        """The value as it is to be passed; if it does not fit, `faults` says why."""
        try:
            return kind.fit(value, place, self)
        except _EnoughError:
            return None

    def attempt(self, kind: JsonType, value: JSON) -> tuple[int, JSON] | None:
        """The number of values that had to be converted, and the result; `None` if the value does not fit."""
        walk = TypeWalk(explains=False, steps=self._steps)
        fitted = walk.fit(kind, value, ())
        return None if walk.faults else (walk.converted, fitted)


class JsonType(Protocol):
    """A JSON type."""

    @property
    def words(self) -> str:
        """A description of a fitting value: `a valid string`."""
        ...

    def takes(self, value: JSON) -> bool:
        """Whether the value has this shape, its items aside."""
        ...

    def fit(self, value: JSON, place: Place, walk: TypeWalk) -> JSON: ...

    def schema(self) -> dict[str, Any]: ...
