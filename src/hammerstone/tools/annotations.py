"""Annotations and defaults, read from the syntax tree and never evaluated.

Only JSON types exist here, and the names that a module gives them at top level (`Pair = tuple[str, str]`), which are
put in place of the name. Aliases of aliases double with each step, so everything is bounded together.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from itertools import islice
from typing import Any

from hammerstone.tools.fitting import JsonType
from hammerstone.tools.json_types import (
    ANY,
    BOOLEAN,
    FLOAT,
    INTEGER,
    NULL,
    STRING,
    DictKind,
    ListKind,
    LiteralKind,
    TupleKind,
    union,
)
from hammerstone.tools.source import SourceError

__all__ = ["Annotations", "SignatureError", "constants", "default_value"]

_SCALARS: Mapping[str, JsonType] = {
    "str": STRING,
    "int": INTEGER,
    "float": FLOAT,
    "bool": BOOLEAN,
    "any": ANY,
    "object": ANY,
}
_LISTS = frozenset({"list", "sequence", "mutablesequence", "collection", "iterable"})
_DICTS = frozenset({"dict", "mapping", "mutablemapping"})
_ALLOWED = "str, int, float, bool, None, list[...], tuple[...], dict[str, ...], Literal[...], and unions of these"
_MAX_DEPTH = 32  # of one annotation
_MAX_NODES = 4_000  # of the annotations and defaults of one function, names written out
_MAX_QUOTED = 2_000  # characters of an annotation in quotes
_MAX_SHOWN = 200  # characters of source in a message


class SignatureError(SourceError):
    """A signature that hammerstone cannot check arguments against; the message is for the maker."""


def constants(tree: ast.Module) -> dict[str, ast.expr]:
    """The values of the module's plain top-level assignments, by name."""
    found: dict[str, ast.expr] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                found[name] = value
            case _:
                continue
    return found


class Annotations:
    """Reads the annotations and defaults of one function. Raises `SignatureError` with `where` the fault is."""

    def __init__(self, names: Mapping[str, ast.expr]) -> None:
        self._names = names
        self._left = _MAX_NODES

    def written_out(self, node: ast.expr, where: str) -> ast.expr:
        """The annotation with each name replaced by its value, and without quotes around it."""
        try:
            return _Expansion(self._names, self._copy).visit(self._copy(node))
        except Exception:  # whatever Python raises at text in quotes that a model wrote
            raise SignatureError(f"{where}: `{_shown(node)}` cannot be read") from None

    def kind(self, node: ast.expr, given: ast.expr, where: str) -> JsonType:
        """The type that a written-out annotation stands for; `given` is what the source has."""
        try:
            return _resolve(node, 0)
        except SignatureError:
            raise SignatureError(f"{where}: `{_shown(given)}` is not a JSON type (allowed: {_ALLOWED})") from None

    def default(self, node: ast.expr) -> ast.expr:
        """The default, with a name replaced by its value."""
        value = self._names.get(node.id, node) if isinstance(node, ast.Name) else node
        try:
            return self._copy(value)
        except SignatureError:
            raise SignatureError(f"the default `{_shown(node)}` is too long") from None

    def _copy(self, node: ast.expr) -> ast.expr:
        """A copy that may be changed; each of its nodes counts towards the bound."""
        self._left -= sum(1 for _ in islice(ast.walk(node), self._left + 1))
        if self._left < 0:
            raise SignatureError("too long")
        return deepcopy(node)


def default_value(node: ast.expr) -> Any:
    """The JSON value of a default."""
    try:
        return json.loads(json.dumps(ast.literal_eval(node), allow_nan=False))
    except (ValueError, TypeError):
        raise SignatureError(f"the default `{_shown(node)}` is not a literal JSON value") from None


def _shown(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


class _Expansion(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, ast.expr], copy: Callable[[ast.expr], ast.expr]) -> None:
        self._names = names
        self._copy = copy

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self.visit(self._copy(self._names[node.id])) if node.id in self._names else node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if not isinstance(node.value, str):
            return node
        if len(node.value) > _MAX_QUOTED:
            raise SignatureError("too long")
        return self.visit(self._copy(ast.parse(node.value, mode="eval").body))

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        match _outer(node.value), node.slice:
            case "literal", _:
                return node  # its strings are values
            case "annotated", ast.Tuple(elts=[kind, *_]):
                return self.visit(kind)
            case _:
                return self.generic_visit(node)


def _outer(node: ast.expr) -> str:
    """The last name of `list`, `List` or `typing.List`, in lower case: `typing` names most types a second time."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.lower()
        case _:
            return ""


def _resolve(node: ast.expr, depth: int) -> JsonType:
    if depth > _MAX_DEPTH:
        raise SignatureError("nested too deeply")
    match node:
        case ast.Name() | ast.Attribute():
            return _plain(_outer(node))
        case ast.Constant(value=None):
            return NULL
        case ast.BinOp(op=ast.BitOr()):
            return union(*(_resolve(part, depth + 1) for part in _alternatives(node)))
        case ast.Subscript(value=outer, slice=inner):
            return _generic(_outer(outer), inner.elts if isinstance(inner, ast.Tuple) else [inner], depth + 1)
        case _:
            raise SignatureError("no type")


def _alternatives(node: ast.expr) -> list[ast.expr]:
    """`a`, `b` and `c` of `a | b | c`."""
    found: list[ast.expr] = []
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        found.append(node.right)
        node = node.left
    return [node, *reversed(found)]


def _plain(name: str) -> JsonType:
    if name in _SCALARS:
        return _SCALARS[name]
    if name in _LISTS or name == "tuple":
        return ListKind(item=ANY)
    if name in _DICTS:
        return DictKind(item=ANY)
    raise SignatureError("no type")


def _generic(outer: str, parts: list[ast.expr], depth: int) -> JsonType:
    match outer, parts:
        case "tuple", [item, ast.Constant(value=value)] if value is ...:
            return ListKind(item=_resolve(item, depth))
        case "tuple", _:
            return TupleKind(items=tuple(_resolve(part, depth) for part in parts))
        case "optional", [item]:
            return union(_resolve(item, depth), NULL)
        case "union", [_, *_]:
            return union(*(_resolve(part, depth) for part in parts))
        case "literal", [_, *_]:
            return LiteralKind(values=tuple(_member(part) for part in parts))
        case _, [item] if outer in _LISTS:
            return ListKind(item=_resolve(item, depth))
        case _, [key, item] if outer in _DICTS:
            return DictKind(keys=_keys(key), item=_resolve(item, depth))
        case _:
            raise SignatureError("no type")


def _keys(node: ast.expr) -> LiteralKind | None:
    """The type of a dict's keys: `str` or a `Literal` of strings, since JSON's keys are strings."""
    if _outer(node) == "str":
        return None
    if isinstance(node, ast.Subscript) and _outer(node.value) == "literal":
        kind = _resolve(node, 0)
        if isinstance(kind, LiteralKind) and all(isinstance(one, str) for one in kind.values):
            return kind
    raise SignatureError("no key")


def _member(node: ast.expr) -> str | int | bool | None:
    match node:
        case ast.Constant(value=None | bool() | int() | str() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)):
            return -value
        case _:
            raise SignatureError("no member")
