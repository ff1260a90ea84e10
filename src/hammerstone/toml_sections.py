"""A tree of dataclasses read from TOML: a table is a section, a key in it a field.

A section may be any dataclass whose fields have defaults and are numbers, strings, booleans, literals, sets of strings
or sections. Bounds, a pattern and the words for what is expected stand in a field's metadata (`least`, `most`,
`pattern`, `words`), and whether a set of one may be written without brackets (`one`).
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, fields, is_dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from hammerstone.errors import InputError, SettingsError
from hammerstone.text_files import read_text

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["read_sections"]

MAX_CHARS = 1_000_000  # of a file
MAX_SHOWN = 80  # characters of a key in a message

_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string",
    frozenset: "a list of strings",
}

S = TypeVar("S", bound="DataclassInstance")


def read_sections(tree: S, path: Path) -> tuple[S, tuple[str, ...]]:
    """The tree with what the file sets in it, and the dotted keys of that.

    Raises `SettingsError` for a file that cannot be read, and for a key or a value in it that makes no sense.
    """
    found: list[str] = []
    return _read_section(tree, _document(path), _Place(file=str(path)), found), tuple(found)


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A place in a settings file."""

    file: str
    keys: tuple[str, ...] = ()

    def __truediv__(self, key: str) -> _Place:
        return replace(self, keys=(*self.keys, key))

    @property
    def key(self) -> str:
        return ".".join(self.keys)

    def wrong(self, problem: str, hint: str = "") -> SettingsError:
        return SettingsError(f"{self.file}: {self.key[:MAX_SHOWN]} {problem}", hint=hint)


def _document(path: Path) -> dict[str, Any]:
    try:
        text = read_text(path)
        if len(text) > MAX_CHARS:
            raise SettingsError(f"the settings file {path} has more than {MAX_CHARS:,} characters")
        return tomllib.loads(text)
    except OSError as error:
        hint = "after --config name a TOML file that you may read"
        raise SettingsError(f"cannot read the settings file {path}: {error.strerror}", hint=hint) from error
    except InputError as error:
        raise SettingsError(error.message, hint=error.hint) from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(
            f"{path} is not TOML: {str(error)[:200]}", hint='write tables and keys, as in [roles.user] model = "..."'
        ) from error


def _read_section(section: S, table: Mapping[str, Any], place: _Place, found: list[str]) -> S:
    """The section with what a table sets in it; the keys of that are added to `found`."""
    known = {one.name: one for one in fields(section)}
    kinds = get_type_hints(type(section))
    values: dict[str, Any] = {}
    for key, value in table.items():
        here = place / key
        if key not in known:
            raise here.wrong("is not a setting", _nearest(key, place, list(known)))
        former: Any = getattr(section, key)
        if is_dataclass(former) and not isinstance(former, type):
            if not isinstance(value, dict):
                raise here.wrong("must be a table", f"write it as [{here.key}]")
            values[key] = _read_section(former, cast("dict[str, Any]", value), here, found)
        else:
            values[key] = _read_value(known[key], kinds[key], value, here)
            found.append(here.key)
    return replace(section, **values)


def _nearest(key: str, place: _Place, known: list[str]) -> str:
    close = difflib.get_close_matches(key[:MAX_SHOWN], known, n=1, cutoff=0.5)
    if close:
        return f"did you mean {(place / close[0]).key}?"
    return f"there are: {', '.join((place / one).key for one in known)}"


def _read_value(setting: Field[Any], kind: Any, value: object, place: _Place) -> object:
    kind = _without_none(kind)
    if isinstance(value, str) and setting.metadata.get("one"):
        value = [value]
    problem = place.wrong(f"must be {_expected(setting, kind)}", _nearest_choice(kind, value))
    if not _fits(kind, value):
        raise problem
    if isinstance(value, int | float) and not isinstance(value, bool):
        least, most = setting.metadata.get("least"), setting.metadata.get("most")
        if (least is not None and value < least) or (most is not None and value > most):
            raise problem
        return float(value) if kind is float else value
    if value == "" and kind is str and "words" not in setting.metadata:
        raise place.wrong("must not be empty", "leave the key out for its default")
    if isinstance(value, str) and not re.fullmatch(setting.metadata.get("pattern", ".+"), value):
        raise problem
    return frozenset(cast("list[str]", value)) if isinstance(value, list) else value


def _without_none(kind: Any) -> Any:
    """TOML has no null: what may be `None` is left out of the file."""
    if get_origin(kind) is not UnionType:
        return kind
    (one,) = (member for member in get_args(kind) if member is not NoneType)
    return one


def _fits(kind: Any, value: object) -> bool:
    match get_origin(kind) or kind:
        case origin if origin is Literal:
            return value in get_args(kind)
        case origin if origin is frozenset:
            return isinstance(value, list) and all(isinstance(one, str) for one in cast("list[object]", value))
        case origin if origin is float:
            return isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value)
        case origin:
            return type(value) is origin


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond every float
        return False


def _expected(setting: Field[Any], kind: Any) -> str:
    if get_origin(kind) is Literal:
        return f"one of {', '.join(get_args(kind))}"
    words = setting.metadata.get("words") or _WORDS[get_origin(kind) or kind]
    least, most = setting.metadata.get("least"), setting.metadata.get("most")
    if least is not None and most is not None:
        return f"{words} from {least:g} to {most:g}"
    return words if least is None else f"{words} of {least:g} or more"


def _nearest_choice(kind: Any, value: object) -> str:
    if get_origin(kind) is not Literal or not isinstance(value, str):
        return ""
    close = difflib.get_close_matches(value[:MAX_SHOWN], get_args(kind), n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else ""
