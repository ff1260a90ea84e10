"""The check of arguments that an exported tool carries: hammerstone's own code, with the types of this tool.

A second implementation would answer otherwise somewhere: where an integer stands for a `float`, in a `Literal`, with a
`bool` for an `int`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import ModuleType
from typing import cast

from hammerstone.tools import arguments, fitting, json_types
from hammerstone.tools.json_types import ObjectKind
from hammerstone.tools.signature import SignatureError, read_signature
from hammerstone.tools.source import MAX_INTEGER_BITS

__all__ = ["guard_source"]

_CONSTANTS = ("ANY", "BOOLEAN", "INTEGER", "NULL", "STRING")
_NOT_ITS_OWN = re.compile(r"^(?:from (?:__future__|hammerstone\S*) import .*|__all__ = \[[^\]]*\])\n", re.MULTILINE)

_TITLE = f"""\
# How hammerstone checks the arguments of a call: its own modules, put into one, and at the end the types of this tool.

from __future__ import annotations

from typing import Any

JSON = Any
MAX_INTEGER_BITS = {MAX_INTEGER_BITS}

"""


def guard_source(source: str) -> str:
    """A module with `fit_arguments` and `ARGUMENTS`, the type of `solve`'s arguments; none for a broken source."""
    try:
        taken = read_signature(source).arguments
    except SignatureError:
        taken = ObjectKind(fields={}, required=frozenset())
    own = "\n\n".join(_own_code(module) for module in (fitting, json_types, arguments))
    return f"{_TITLE}{own}\n\nARGUMENTS = {_written(taken)}\n"


def _own_code(module: ModuleType) -> str:
    return _NOT_ITS_OWN.sub("", inspect.getsource(module))


def _written(value: object) -> str:
    """A value of `json_types` as the expression that makes it."""
    constant = next((name for name in _CONSTANTS if getattr(json_types, name) == value), None)
    if constant is not None:
        return constant
    if is_dataclass(value):
        given = (f"{one.name}={_written(getattr(value, one.name))}" for one in fields(value))
        return f"{type(value).__name__}({', '.join(given)})"
    match value:
        case tuple():
            return f"({''.join(f'{_written(one)}, ' for one in cast('tuple[object, ...]', value))})"
        case Mapping():
            items = cast("Mapping[str, object]", value).items()
            return f"{{{', '.join(f'{name!r}: {_written(one)}' for name, one in items)}}}"
        case frozenset():
            return f"frozenset({sorted(cast('frozenset[str]', value))!r})"
        case _:
            return repr(value)
