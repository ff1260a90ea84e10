"""The JSON types that a parameter may have: what fits them, and their JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

from hammerstone.tools.fitting import JsonType, Place, TypeWalk
from hammerstone.types import JSON

__all__ = [
    "ANY",
    "BOOLEAN",
    "FLOAT",
    "INTEGER",
    "NULL",
    "STRING",
    "DictKind",
    "FloatKind",
    "ListKind",
    "LiteralKind",
    "ObjectKind",
    "ScalarKind",
    "TupleKind",
    "UnionKind",
    "union",
]

_MAX_LISTED = 20  # members of a `Literal` in one message


@dataclass(frozen=True, kw_only=True)
class ScalarKind:
    """A value of exactly these Python types: a `bool` is no `int`. Without a JSON Schema `name`, any value fits."""

    types: frozenset[type]
    words: str
    name: str

    def takes(self, value: JSON) -> bool:
        return not self.name or type(value) in self.types

    def fit(self, value: JSON, place: Place, walk: TypeWalk) -> JSON:
        walk.step()
        return value if self.takes(value) else walk.refuse(self, place)

    def schema(self) -> dict[str, Any]:
        return {"type": self.name} if self.name else {}


STRING = ScalarKind(types=frozenset({str}), words="a valid string", name="string")
INTEGER = ScalarKind(types=frozenset({int}), words="a valid integer", name="integer")
BOOLEAN = ScalarKind(types=frozenset({bool}), words="a valid boolean", name="boolean")
NULL = ScalarKind(types=frozenset({type(None)}), words="null", name="null")
ANY = ScalarKind(types=frozenset(), words="any value", name="")


@dataclass(frozen=True, kw_only=True)
class FloatKind:
    """A float, or an integer that becomes one: JSON's `21` and `21.0` are the same number. An integer without an equal
    float (most of those beyond 2**53) is refused."""

    words: str = "a valid number"

    def takes(self, value: JSON) -> bool:
        return type(value) is float or type(value) is int

    def fit(self, value: JSON, place: Place, walk: TypeWalk) -> JSON:
        walk.step()
        if type(value) is float:
            return value
        if type(value) is not int:
            return walk.refuse(self, place)
        walk.converted += 1
        converted = _as_float(value)
        return walk.fault(place, "No float has exactly this value") if converted is None else converted

    def schema(self) -> dict[str, Any]:
        return {"type": "number"}


FLOAT = FloatKind()


def _as_float(value: int) -> float | None:
    try:
        converted = float(value)
    except OverflowError:
        return None
    return converted if converted == value else None


@dataclass(frozen=True, kw_only=True)
class LiteralKind:
    """One of the listed values, of the same type: `1` is not `True`."""

    values: tuple[str | int | bool | None, ...]

    @cached_property
    def _known(self) -> frozenset[tuple[type, JSON]]:
        return frozenset((type(one), one) for one in self.values)

    @property
    def words(self) -> str:
        shown = [repr(one)[:80] for one in self.values[:_MAX_LISTED]]
        if len(self.values) > _MAX_LISTED:
            return f"{', '.join(shown)} or one of {len(self.values) - _MAX_LISTED} more"
        return " or ".join(part for part in (", ".join(shown[:-1]), shown[-1]) if part)

    def takes(self, value: JSON) -> bool:
        return isinstance(value, str | int | None) and (type(value), value) in self._known

    def fit(self, value: JSON, place: Place, walk: TypeWalk) -> JSON:
        walk.step()
        return value if self.takes(value) else walk.refuse(self, place)

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.values)}


@dataclass(frozen=True, kw_only=True)
class ListKind:
    item: JsonType
    words: str = "a valid array"

    def takes(self, value: JSON) -> bool:
        return isinstance(value, list)

    def fit(self, value: JSON, place: Place, walk: TypeWalk) -> JSON:
        walk.step()
        if not isinstance(value, list):
            return walk.refuse(self, place)
        return [self.item.fit(one, (*place, index), walk) for index, one in enumerate(value)]

    def schema(self) -> dict[str, Any]:
        return {"type": "array", "items": self.item.schema()}


@dataclass(frozen=True, kw_only=True)
class TupleKind:
    """A tuple, for which JSON has an array of exactly these items."""

    items: tuple[JsonType, ...]

    @property
    def words(self) -> str:
        return f"a valid array of {len(self.items)}"

    def takes(self, value: JSON) -> bool:
        return isinstance(value, list) and len(value) == len(self.items)

    def fit(self, value: JSON, place: Place, walk: TypeWalk) -> JSON:
        walk.step()
        if not isinstance(value, list):
            return walk.refuse(self, place)
        if len(value) != len(self.items):
            return walk.fault(place, f"Input should have {len(self.items)} items, not {len(value)}")
        pairs = zip(self.items, value, strict=True)
        return [kind.fit(one, (*place, index), walk) for index, (kind, one) in enumerate(pairs)]

    def schema(self) -> dict[str, Any]:
        count = len(self.items)
        items = [kind.schema() for kind in self.items]
        return {"type": "array", "prefixItems": items, "minItems": count, "maxItems": count}


@dataclass(frozen=True, kw_only=True)
class DictKind:
    """An object whose values have one type. `keys` are those allowed; `None` allows any."""

    item: JsonType
    keys: LiteralKind | None = None
    words: str = "an object"

    def takes(self, value: JSON) -> bool:
        return isinstance(value, dict)

    def fit(self, value: JSON, place: Place, walk: TypeWalk) -> JSON:
        walk.step()
        if not isinstance(value, dict):
            return walk.refuse(self, place)
        return {key: self._fit_item(key, one, (*place, key), walk) for key, one in value.items()}

    def _fit_item(self, key: str, value: JSON, place: Place, walk: TypeWalk) -> JSON:
        if self.keys and not self.keys.takes(key):
            return walk.fault(place, f"The key should be {self.keys.words}")
        return self.item.fit(value, place, walk)

    def schema(self) -> dict[str, Any]:
        keys: dict[str, Any] = {"propertyNames": self.keys.schema()} if self.keys else {}
        return {"type": "object", "additionalProperties": self.item.schema(), **keys}


@dataclass(frozen=True, kw_only=True)
class UnionKind:
    """A union: the first member that takes a value as it is, else the first that takes it at all. In `float | int` an
    integer stays one."""

    members: tuple[JsonType, ...]

    @property
    def words(self) -> str:
        return " or ".join(dict.fromkeys(one.words for one in self.members))[:500]

    def takes(self, value: JSON) -> bool:
        return any(one.takes(value) for one in self.members)

    def fit(self, value: JSON, place: Place, walk: TypeWalk) -> JSON:
        shaped: list[JsonType] = []
        for one in self.members:
            walk.step()
            shaped += [one] if one.takes(value) else []
        if len(shaped) == 1:  # only its own faults explain anything
            return shaped[0].fit(value, place, walk)
        fitting = [found for one in shaped if (found := walk.attempt(one, value))]
        if not fitting:
            return walk.refuse(self, place)
        converted, fitted = min(fitting, key=lambda found: found[0])
        walk.converted += converted
        return fitted

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [one.schema() for one in self.members]}


def union(*members: JsonType) -> JsonType:
    """A union of unions is one union, and a union of literals one literal."""
    flat = list(chain.from_iterable(one.members if isinstance(one, UnionKind) else (one,) for one in members))
    values = tuple(value for one in flat if isinstance(one, LiteralKind) for value in one.values)
    literals = (LiteralKind(values=values),) if values else ()
    kinds = (*literals, *(one for one in flat if not isinstance(one, LiteralKind)))
    return kinds[0] if len(kinds) == 1 else UnionKind(members=kinds)


@dataclass(frozen=True, kw_only=True)
class ObjectKind:
    """The arguments of a call: every required one, and none of another name.

    `converted` are the defaults that Python would pass as another value than the same one given: 21 for a `float`. They
    are filled in, so that leaving one out and writing it are one call.
    """

    fields: Mapping[str, JsonType]
    required: frozenset[str]
    converted: Mapping[str, JSON] = field(default_factory=dict[str, JSON])
    words: str = "an object"

    def takes(self, value: JSON) -> bool:
        return isinstance(value, dict)

    def fit(self, value: JSON, place: Place, walk: TypeWalk) -> JSON:
        if not isinstance(value, dict):
            return walk.refuse(self, place)
        fitted: dict[str, JSON] = {}
        for name, kind in self.fields.items():
            if name in value:
                fitted[name] = kind.fit(value[name], (*place, name), walk)
            elif name in self.required:
                walk.fault((*place, name), "Field required")
        for name in [name for name in value if name not in self.fields]:
            walk.fault((*place, name), "Extra inputs are not permitted")
        given = {name: fitted[name] for name in value if name in fitted}
        return given | {name: default for name, default in self.converted.items() if name not in value}

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {name: kind.schema() for name, kind in self.fields.items()},
            "required": [name for name in self.fields if name in self.required],
            "additionalProperties": False,
        }
