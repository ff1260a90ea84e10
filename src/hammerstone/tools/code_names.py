"""What a name in generated code stands for, and which names lead out of its module."""

from __future__ import annotations

import ast
import contextlib
import importlib
import sys
from functools import lru_cache
from types import FunctionType, MethodType, ModuleType

__all__ = ["INSIDE", "allows", "dotted", "found", "is_dunder", "is_module", "leads", "listed", "origins"]

# What objects and operators are made of. Not here: what leads to other classes, frames and code, and `__hash__`.
_HARMLESS_DUNDERS = frozenset(
    f"__{name}__"
    for name in """abs add and bool call class contains delitem doc enter eq exit float floordiv format ge getitem gt
    init int invert iter le len lshift lt members missing mod mul name ne neg new next or pos post_init pow qualname
    radd repr reversed rfloordiv rmod rmul round rshift rsub rtruediv setattr setitem str sub truediv xor""".split()
)
# Frames, and two methods of the standard library: one evaluates text, one reads the names of any module.
_FRAMES = frozenset(
    """_convert_ _evaluate ag_frame cr_frame f_back f_builtins f_globals f_locals gi_code gi_frame tb_frame
    tb_next""".split()
)


def is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def leads(name: str) -> bool:
    """Whether an attribute of this name leads out of the module."""
    return name in _FRAMES or (is_dunder(name) and name not in _HARMLESS_DUNDERS)


INSIDE = (
    frozenset(name for kind in (type, FunctionType, MethodType, ModuleType) for name in dir(kind) if leads(name))
    | _FRAMES
    | {"__builtins__", "__import__", "__match_args__"}
)
"""Such names that objects really have, and so may not stand in a text either: `__bold__` may."""


def origins(tree: ast.Module) -> dict[str, str]:
    """The module, or the member of one, that each imported name stands for."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    root = alias.name.partition(".")[0]
                    known |= {alias.asname: alias.name} if alias.asname else {root: root}
            case ast.ImportFrom(module=str(module), names=names):
                known |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in names}
            case _:
                continue
    return known


def dotted(node: ast.expr, known: dict[str, str]) -> str:
    """`datetime.datetime.now`, if that is what `dt.datetime.now` stands for; empty if it starts at no import."""
    match node:
        case ast.Name(id=name):
            return known.get(name, "")
        case ast.Attribute(value=value, attr=last):
            above = dotted(value, known)
            return above and f"{above}.{last}"
        case _:
            return ""


def listed(name: str, names: frozenset[str], imports: frozenset[str]) -> str:
    """The one of these names that this one stands for: `types.FunctionType` for `dataclasses.FunctionType`."""
    if name in names or not name:
        return name
    this = found(name, imports)
    return next((one for one, that in _objects(names) if this is not None and this == that), "")


@lru_cache
def _objects(names: frozenset[str]) -> tuple[tuple[str, object], ...]:
    return tuple((one, found(one, frozenset({one.partition(".")[0]}))) for one in sorted(names))


def allows(imports: frozenset[str], module: str) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in imports)


def is_module(name: str, imports: frozenset[str]) -> bool:
    return bool(name) and isinstance(found(name, imports), ModuleType)


@lru_cache(maxsize=1_000)
def found(name: str, imports: frozenset[str]) -> object:
    """The object of this name in the standard library, or `None`. Imports nothing that is not allowed."""
    if name.partition(".")[0] not in sys.stdlib_module_names:
        return None
    path, _, last = name.rpartition(".")
    member = getattr(found(path, imports), last, None) if path else None
    if member is None and (allows(imports, name) or any(one.startswith(f"{name}.") for one in imports)):
        with contextlib.suppress(ImportError):
            return importlib.import_module(name)
    return member
