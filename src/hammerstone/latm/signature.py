"""The typed signature of a made function: what arguments it takes, as text, as JSON Schema, and as a check.

Annotations are read from the syntax tree, never evaluated: only the JSON types below exist here.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from textwrap import indent
from typing import Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from hammerstone.types import JSON

__all__ = ["ArgumentsError", "Signature", "SignatureError", "read_signature"]

_SCALARS: Mapping[str, Any] = {"str": str, "int": int, "float": float, "bool": bool, "None": None}
_ALLOWED = "str, int, float, bool, None, list[...], tuple[...], dict[str, ...], Literal[...], and unions of these"


class SignatureError(ValueError):
    """A signature that hammerstone cannot check arguments against; the message is for the maker."""


class ArgumentsError(ValueError):
    """Arguments that do not fit a signature; the message names each one."""


@dataclass(frozen=True, kw_only=True)
class Signature:
    """`text` is the source of the `def` line without the colon."""

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
        """Raise `ArgumentsError` unless the JSON values fit: no missing, no unknown, no other type."""
        try:
            self._model.model_validate_json(json.dumps(arguments))
        except (ValidationError, ValueError) as error:
            raise ArgumentsError(_explain(error)) from None


def _field(name: str, default: Any) -> Any:
    return Field(alias=name) if default is ... else Field(default=default, alias=name)


def _explain(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors()[:5])


@lru_cache(maxsize=4096)
def read_signature(source: str, function: str = "solve") -> Signature:
    """The signature of a top-level function of a module; raises `SignatureError`, or `SyntaxError`."""
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return _signature(node)
    raise SignatureError(f"there is no top-level function `{function}`")


def _signature(node: ast.FunctionDef) -> Signature:
    spec = node.args
    if spec.posonlyargs or spec.vararg or spec.kwarg:
        raise SignatureError(f"`{node.name}` may only have named parameters: no `/`, no `*args`, no `**kwargs`")
    plain = list(zip(spec.args, [None] * (len(spec.args) - len(spec.defaults)) + list(spec.defaults), strict=True))
    keyword = list(zip(spec.kwonlyargs, spec.kw_defaults, strict=True))
    fields = tuple((arg.arg, _type(arg, node.name), _default(value)) for arg, value in plain + keyword)
    if node.returns is None:
        raise SignatureError(f"`{node.name}` needs a return annotation")
    text = f"def {node.name}({ast.unparse(spec)}) -> {ast.unparse(node.returns)}"
    return Signature(
        function=node.name,
        text=text,
        fields=fields,
        returns=ast.unparse(node.returns),
        docstring=ast.get_docstring(node) or "",
    )


def _default(node: ast.expr | None) -> Any:
    if node is None:
        return ...
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise SignatureError(f"the default `{ast.unparse(node)}` is not a literal") from None


def _type(arg: ast.arg, function: str) -> Any:
    if arg.annotation is None:
        raise SignatureError(f"parameter `{arg.arg}` of `{function}` needs a type annotation")
    try:
        return _resolve(arg.annotation)
    except SignatureError:
        given = ast.unparse(arg.annotation)
        message = f"parameter `{arg.arg}` of `{function}`: `{given}` is not a JSON type (allowed: {_ALLOWED})"
        raise SignatureError(message) from None


def _resolve(node: ast.expr) -> Any:
    match node:
        case ast.Name(id=name) if name in _SCALARS:
            return _SCALARS[name]
        case ast.Name(id="list"):
            return list[JSON]
        case ast.Name(id="dict"):
            return dict[str, JSON]
        case ast.Constant(value=None):
            return None
        case ast.Constant(value=str(text)):
            return _resolve(ast.parse(text, mode="eval").body)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return Union[_resolve(left), _resolve(right)]  # noqa: UP007 - the members are values here, not syntax
        case ast.Subscript(value=ast.Name(id=outer) | ast.Attribute(attr=outer), slice=inner):
            return _generic(outer.lower(), inner)
        case _:
            raise SignatureError


def _generic(outer: str, inner: ast.expr) -> Any:
    parts = inner.elts if isinstance(inner, ast.Tuple) else [inner]
    match outer, parts:
        case "list" | "sequence", [item]:
            return list[_resolve(item)]
        case "tuple", [item, ast.Constant(value=value)] if value is ...:
            return tuple[_resolve(item), ...]
        case "tuple", _:
            return tuple[tuple(_resolve(part) for part in parts)]
        case "dict", [ast.Name(id="str"), item]:
            return dict[str, _resolve(item)]
        case "optional", [item]:
            return Union[_resolve(item), None]  # noqa: UP007 - as above
        case "union", _:
            return Union[tuple(_resolve(part) for part in parts)]  # noqa: UP007 - as above
        case "literal", _:
            return Literal[tuple(ast.literal_eval(part) for part in parts)]
        case _:
            raise SignatureError
