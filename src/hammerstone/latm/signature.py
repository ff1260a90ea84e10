"""The typed signature of a made function: what arguments it takes, as text, as JSON Schema, and as a check.

Annotations are read from the syntax tree, never evaluated: only JSON types exist here, and the names that a module
gives them at top level (`Pair = tuple[str, str]`), which are put in place of the name.
"""

from __future__ import annotations

import ast
import json
import warnings
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property, lru_cache
from textwrap import indent
from typing import Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from hammerstone.types import JSON

__all__ = ["ArgumentsError", "Signature", "SignatureError", "parse_module", "read_signature"]

_SCALARS: Mapping[str, Any] = {"str": str, "int": int, "float": float, "bool": bool, "any": JSON, "object": JSON}
_LISTS = frozenset({"list", "sequence", "mutablesequence", "collection", "iterable"})
_DICTS = frozenset({"dict", "mapping", "mutablemapping"})
_ALLOWED = "str, int, float, bool, None, list[...], tuple[...], dict[str, ...], Literal[...], and unions of these"
_MAX_DEPTH = 32  # of one annotation
_MAX_EXPANSIONS = 64  # of names in one annotation: aliases of aliases can double with each step


class SignatureError(ValueError):
    """A signature that hammerstone cannot check arguments against; the message is for the maker."""


class ArgumentsError(ValueError):
    """Arguments that do not fit a signature; the message names each one."""


@dataclass(frozen=True, kw_only=True)
class Signature:
    """`text` is the `def` line without the colon, with the module's own type names written out."""

    function: str
    text: str
    fields: tuple[tuple[str, Any, Any], ...]  # name, type, default (... where required)
    returns: str
    docstring: str = ""

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(name for name, _, _ in self.fields)

    @property
    def manual(self) -> str:
        """The signature and docstring, as they stand in the source: what a caller has to know."""
        docstring = indent(f'"""{self.docstring}"""', "    ") if self.docstring else "    ..."
        return f"{self.text}:\n{docstring}"

    @cached_property
    def _model(self) -> type[BaseModel]:
        # Aliases keep parameter names such as `copy` or `_x` from clashing with pydantic's own attributes.
        fields: dict[str, Any] = {
            f"argument_{index}": (kind, _field(name, default))
            for index, (name, kind, default) in enumerate(self.fields)
        }
        return create_model("Arguments", __config__=ConfigDict(strict=True, extra="forbid"), **fields)

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments object."""
        return self._model.model_json_schema(by_alias=True)

    def validate(self, arguments: Mapping[str, JSON]) -> None:
        """Raise `ArgumentsError` unless the JSON values fit: no missing, no unknown, no other type, no NaN."""
        try:
            self._model.model_validate_json(json.dumps(arguments, allow_nan=False))
        except RecursionError:
            raise ArgumentsError("arguments: nested too deeply") from None
        except ValueError as error:
            raise ArgumentsError(_explain(error)) from None


def _field(name: str, default: Any) -> Any:
    return Field(alias=name) if default is ... else Field(default=default, alias=name)


def _explain(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors()[:5])


def parse_module(source: str) -> ast.Module:
    r"""The syntax tree of what Python can compile: its parser alone lets a `return` outside a function through.

    Python's warnings, such as that of `"\d"`, are not for whoever runs hammerstone: they are dropped. Raises
    `SyntaxError`, `ValueError` (a null character, half a surrogate pair), `RecursionError` or `MemoryError`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
        compile(tree, "tool", "exec", dont_inherit=True)
    return tree


@lru_cache(maxsize=4096)
def read_signature(source: str, function: str = "solve") -> Signature:
    """The signature of a top-level function of a module; raises `SignatureError`, or `SyntaxError`."""
    tree = parse_module(source)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return _signature(node, _constants(tree))
    raise SignatureError(f"there is no top-level function `{function}`")


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    """What the module's plain top-level assignments give names to."""
    constants: dict[str, ast.expr] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                constants[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                constants[name] = value
            case _:
                continue
    return constants


def _signature(node: ast.FunctionDef, constants: Mapping[str, ast.expr]) -> Signature:
    spec = deepcopy(node.args)
    if spec.posonlyargs or spec.vararg or spec.kwarg:
        raise SignatureError(f"`{node.name}` may only have named parameters: no `/`, no `*args`, no `**kwargs`")
    if node.returns is None:
        raise SignatureError(f"`{node.name}` needs a return annotation")
    spec.defaults = [_written_out(value, constants) for value in spec.defaults]
    spec.kw_defaults = [value and _written_out(value, constants) for value in spec.kw_defaults]
    plain = list(zip(spec.args, [None] * (len(spec.args) - len(spec.defaults)) + list(spec.defaults), strict=True))
    keyword = list(zip(spec.kwonlyargs, spec.kw_defaults, strict=True))
    fields = tuple(_parameter(arg, value, node.name, constants) for arg, value in plain + keyword)
    returns = ast.unparse(_annotation(node.returns, constants, f"the return annotation of `{node.name}`"))
    return Signature(
        function=node.name,
        text=f"def {node.name}({ast.unparse(spec)}) -> {returns}",
        fields=fields,
        returns=returns,
        docstring=ast.get_docstring(node) or "",
    )


def _parameter(
    arg: ast.arg, value: ast.expr | None, function: str, constants: Mapping[str, ast.expr]
) -> tuple[str, Any, Any]:
    """Name, type and default; writes the annotation of `arg` out."""
    where = f"parameter `{arg.arg}` of `{function}`"
    if arg.annotation is None:
        raise SignatureError(f"{where} needs a type annotation")
    given = ast.unparse(arg.annotation)
    arg.annotation = _annotation(arg.annotation, constants, where)
    try:
        kind = _resolve(arg.annotation)
    except (SignatureError, TypeError):
        raise SignatureError(f"{where}: `{given}` is not a JSON type (allowed: {_ALLOWED})") from None
    default = _default(value)
    return arg.arg, Union[kind, None] if default is None else kind, default  # noqa: UP007 - values, not syntax


def _written_out(value: ast.expr, constants: Mapping[str, ast.expr]) -> ast.expr:
    return constants.get(value.id, value) if isinstance(value, ast.Name) else value


def _default(node: ast.expr | None) -> Any:
    if node is None:
        return ...
    try:
        value = ast.literal_eval(node)
        json.dumps(value, allow_nan=False)
    except (ValueError, TypeError):
        raise SignatureError(f"the default `{ast.unparse(node)}` is not a literal JSON value") from None
    return value


def _annotation(node: ast.expr, constants: Mapping[str, ast.expr], where: str) -> ast.expr:
    try:
        return _Expansion(constants).visit(deepcopy(node))
    except (SyntaxError, ValueError, RecursionError):
        raise SignatureError(f"{where}: `{ast.unparse(node)}` cannot be read") from None


class _Expansion(ast.NodeTransformer):
    """Puts what a name stands for in its place, and an annotation in quotes without them."""

    def __init__(self, constants: Mapping[str, ast.expr]) -> None:
        self._constants = constants
        self._left = _MAX_EXPANSIONS

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._expand(deepcopy(self._constants[node.id])) if node.id in self._constants else node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return self._expand(ast.parse(node.value, mode="eval").body) if isinstance(node.value, str) else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        match _outer(node.value), node.slice:
            case "literal", _:
                return node  # its strings are values
            case "annotated", ast.Tuple(elts=[kind, *_]):
                return self.visit(kind)
            case _:
                return self.generic_visit(node)

    def _expand(self, node: ast.expr) -> ast.AST:
        self._left -= 1
        if self._left < 0:
            raise SignatureError
        return self.visit(node)


def _outer(node: ast.expr) -> str:
    """The last name of `list`, `List` or `typing.List`, in lower case: `typing` names most types a second time."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.lower()
        case _:
            return ""


def _resolve(node: ast.expr, depth: int = 0) -> Any:
    if depth > _MAX_DEPTH:
        raise SignatureError
    match node:
        case ast.Name() | ast.Attribute():
            return _plain(_outer(node))
        case ast.Constant(value=None):
            return None
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return Union[_resolve(left, depth + 1), _resolve(right, depth + 1)]  # noqa: UP007 - values, not syntax
        case ast.Subscript(value=outer, slice=inner):
            return _generic(_outer(outer), inner.elts if isinstance(inner, ast.Tuple) else [inner], depth + 1)
        case _:
            raise SignatureError


def _plain(name: str) -> Any:
    if name in _SCALARS:
        return _SCALARS[name]
    if name in _LISTS or name == "tuple":
        return list[JSON]
    if name in _DICTS:
        return dict[str, JSON]
    raise SignatureError


def _generic(outer: str, parts: list[ast.expr], depth: int) -> Any:
    match outer, parts:
        case "tuple", [item, ast.Constant(value=value)] if value is ...:
            return tuple[_resolve(item, depth), ...]
        case "tuple", _:
            return tuple[tuple(_resolve(part, depth) for part in parts)]
        case "optional", [item]:
            return Union[_resolve(item, depth), None]  # noqa: UP007 - values, not syntax
        case "union", _:
            return Union[tuple(_resolve(part, depth) for part in parts)]  # noqa: UP007 - values, not syntax
        case "literal", _:
            return Literal[tuple(_member(part) for part in parts)]
        case _, [item] if outer in _LISTS:
            return list[_resolve(item, depth)]
        case _, [key, item] if outer in _DICTS:
            return dict[_key(key, depth), _resolve(item, depth)]
        case _:
            raise SignatureError


def _key(node: ast.expr, depth: int) -> Any:
    """JSON's keys are strings: `str`, or a `Literal` of strings."""
    if isinstance(node, ast.Subscript) and _outer(node.value) == "literal":
        members = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if all(isinstance(_member(one), str) for one in members):
            return _resolve(node, depth)
    if _outer(node) == "str":
        return str
    raise SignatureError


def _member(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=None | bool() | int() | str() as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as value)):
            return -value
        case _:
            raise SignatureError
