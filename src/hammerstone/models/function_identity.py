"""What tells one Python function from another: `FunctionModel(f)` and `FunctionModel(g)` share no stored replies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any, cast
from weakref import WeakKeyDictionary

from hammerstone.digests import sha256

__all__ = ["fingerprint"]

PARTS = 20_000  # a function over a large table is told apart by the first of its parts
DEPTH = 12

_first_seen: WeakKeyDictionary[object, dict[str, str]] = WeakKeyDictionary()


def fingerprint(function: object) -> str:
    """Twelve hexadecimal digits, the same for the same function in a later run.

    They cover its code, constants, defaults, closure, the object that it is a method of, and the globals of its own
    module that the code names. What a file, a library or a server adds cannot be seen. Taken when the function is
    first seen: a list that it writes into does not make it another.
    """
    owner = getattr(function, "__self__", function)
    try:
        known = _first_seen.setdefault(owner, {})
    except TypeError:  # an object that cannot be a key
        known: dict[str, str] = {}
    name = getattr(function, "__qualname__", "")
    if name not in known:
        known[name] = _digest(function)
    return known[name]


def _digest(function: object) -> str:
    parts = islice(_Description().of(function, DEPTH), PARTS)
    return sha256("\0".join(parts))[:12]


@dataclass(kw_only=True)
class _Description:
    """A walk over a value and all that it consists of; what comes a second time is not described again."""

    seen: dict[int, object] = field(default_factory=dict[int, object])  # keeps them alive, so that no id is used twice

    def of(self, value: Any, depth: int) -> Iterator[str]:
        yield type(value).__qualname__
        if value is None or isinstance(value, bool | int | float | complex | str | bytes):
            yield repr(value)
        elif depth > 0 and id(value) not in self.seen:
            self.seen[id(value)] = value
            for part in _parts(value):
                yield from self.of(part, depth - 1)
            yield ")"


def _parts(value: Any) -> list[object]:
    """What makes this value differ from others of its type."""
    match value:
        case list() | tuple():
            return [*cast("list[object]", value)]
        case dict():
            return [*cast("dict[object, object]", value).items()]
        case set() | frozenset():
            return [*sorted(map(repr, cast("set[object]", value)))]
        case CodeType():
            return [value.co_qualname, value.co_code, value.co_names, value.co_varnames, value.co_consts]
        case FunctionType():
            return _function_parts(value)
        case MethodType():
            return [value.__func__, value.__self__]
        case partial():
            return [value.func, value.args, value.keywords]
        case ModuleType() | type():
            return [value.__name__, getattr(value, "__module__", "")]
        case _:
            return [getattr(value, name, None) for name in ("__qualname__", "__self__", "__dict__")]


def _function_parts(function: FunctionType) -> list[object]:
    cells = [each for cell in function.__closure__ or () for each in _content(cell)]
    named = {name: function.__globals__[name] for name in _names(function.__code__) if name in function.__globals__}
    own = {
        name: value
        for name, value in named.items()
        if not isinstance(value, FunctionType) or value.__module__ == function.__module__
    }
    return [function.__code__, function.__defaults__, function.__kwdefaults__, cells, own]


def _content(cell: Any) -> list[object]:
    try:
        return [cell.cell_contents]
    except ValueError:  # a function's own name before it is bound
        return []


def _names(code: CodeType) -> list[str]:
    """The names that the code and the functions inside it read."""
    inner = [name for each in code.co_consts if isinstance(each, CodeType) for name in _names(each)]
    return sorted({*code.co_names, *inner})
