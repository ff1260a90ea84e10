"""The typed signature of a generated function: what arguments it takes, as text, as JSON Schema, and as a check."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from textwrap import indent
from typing import Any

from hammerstone.tools.annotations import Annotations, SignatureError, constants, default_value
from hammerstone.tools.arguments import ArgumentsError, fit_arguments
from hammerstone.tools.fitting import JsonType, TooManyStepsError, TypeWalk
from hammerstone.tools.json_types import NULL, ObjectKind, union
from hammerstone.tools.source import SourceError, parse_module
from hammerstone.types import JSON

__all__ = ["ArgumentsError", "Parameter", "Signature", "SignatureError", "read_signature", "signature_of"]

MAX_DOCSTRING_CHARS = 8_000  # the user model reads it with every question
_MAX_TEXT_CHARS = 10_000
_MAX_PARAMETERS = 64
_MAX_SHOWN = 80  # characters of a name in a message


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A parameter. `default` is a JSON value, and has no meaning if the parameter is `required`."""

    name: str
    kind: JsonType
    required: bool
    default: JSON = None

    @property
    def is_converted(self) -> bool:
        """Whether the default, written as an argument, would be passed as another value: an integer for a `float`."""
        return not self.required and repr(self.passed) != repr(self.default)

    @property
    def passed(self) -> JSON:
        """The default as its type takes it; one that its type does not take is left to Python."""
        try:
            fitted = TypeWalk(explains=False).attempt(self.kind, self.default)
        except TooManyStepsError:
            return self.default
        return self.default if fitted is None else fitted[1]


@dataclass(frozen=True, kw_only=True)
class Signature:
    """A signature. `text` is the `def` line without the colon, with the module's own type names written out."""

    function: str
    text: str
    fields: tuple[Parameter, ...]
    returns: str
    docstring: str = ""

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.fields)

    @property
    def manual(self) -> str:
        """The signature and docstring, as they stand in the source: what a caller has to know."""
        docstring = indent(f'"""{self.docstring}"""', "    ") if self.docstring else "    ..."
        return f"{self.text}:\n{docstring}"

    @cached_property
    def arguments(self) -> ObjectKind:
        """The type of the arguments object."""
        return ObjectKind(
            fields={one.name: one.kind for one in self.fields},
            required=frozenset(one.name for one in self.fields if one.required),
            converted={one.name: one.passed for one in self.fields if one.is_converted},
        )

    @property
    def schema(self) -> dict[str, Any]:
        """JSON Schema of the arguments object."""
        schema = self.arguments.schema()
        for one in self.fields:
            if not one.required:
                schema["properties"][one.name]["default"] = one.default
        return schema

    def validate(self, arguments: Mapping[str, JSON]) -> dict[str, JSON]:
        """The arguments as they are to be passed: an integer for a `float` becomes one, also in lists, dicts, defaults.

        Raises `ArgumentsError` unless the JSON values fit: no missing, no unknown, no other type, no NaN, and not
        more of anything than a question can hold.
        """
        return fit_arguments(self.arguments, arguments)


@lru_cache(maxsize=512)
def read_signature(source: str, function: str = "solve") -> Signature:
    """The signature of a top-level function of a module; raises `SignatureError`."""
    try:
        tree = parse_module(source)
    except SourceError as error:
        raise SignatureError(str(error)) from None
    return signature_of(tree, function)


def signature_of(tree: ast.Module, function: str = "solve") -> Signature:
    """The signature from the syntax tree; raises `SignatureError`."""
    node = next((one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == function), None)
    if node is None:
        raise SignatureError(f"there is no top-level function `{function}`")
    try:
        return _signature(node, Annotations(constants(tree)))
    except SignatureError:
        raise
    except Exception as error:  # whatever Python raises when it writes out what a model wrote
        raise SignatureError(f"the signature of `{function}` cannot be read: {error}") from None


def _signature(node: ast.FunctionDef, annotations: Annotations) -> Signature:
    returns = _return_annotation(node, annotations)
    spec = node.args
    plain = zip(spec.args, [None] * (len(spec.args) - len(spec.defaults)) + list(spec.defaults), strict=True)
    keyword = zip(spec.kwonlyargs, spec.kw_defaults, strict=True)
    read = [_parameter(arg, default, node.name, annotations) for arg, default in (*plain, *keyword)]
    texts = [text for _, text in read]
    if spec.kwonlyargs:
        texts.insert(len(spec.args), "*")
    signature = Signature(
        function=node.name,
        text=f"def {node.name}({', '.join(texts)}) -> {returns}",
        fields=tuple(parameter for parameter, _ in read),
        returns=returns,
        docstring=ast.get_docstring(node) or "",
    )
    _check_lengths(signature)
    return signature


def _return_annotation(node: ast.FunctionDef, annotations: Annotations) -> str:
    spec = node.args
    if spec.posonlyargs or spec.vararg or spec.kwarg:
        raise SignatureError(f"`{node.name}` may only have named parameters: no `/`, no `*args`, no `**kwargs`")
    if len(spec.args) + len(spec.kwonlyargs) > _MAX_PARAMETERS:
        raise SignatureError(f"`{node.name}` has more than {_MAX_PARAMETERS} parameters")
    if node.returns is None:
        raise SignatureError(f"`{node.name}` needs a return annotation")
    return ast.unparse(annotations.written_out(node.returns, f"the return annotation of `{node.name}`"))


def _parameter(
    arg: ast.arg, default: ast.expr | None, function: str, annotations: Annotations
) -> tuple[Parameter, str]:
    """A parameter, and its text in the signature."""
    where = f"parameter `{arg.arg[:_MAX_SHOWN]}` of `{function}`"
    if arg.annotation is None:
        raise SignatureError(f"{where} needs a type annotation")
    written = annotations.written_out(arg.annotation, where)
    kind = annotations.kind(written, arg.annotation, where)
    text = f"{arg.arg}: {ast.unparse(written)}"
    if default is None:
        return Parameter(name=arg.arg, kind=kind, required=True), text
    default = annotations.default(default)
    value = default_value(default)
    if value is None and not kind.takes(None):  # `b: str = None` means that None may be given
        kind = union(kind, NULL)
    return Parameter(name=arg.arg, kind=kind, required=False, default=value), f"{text}={ast.unparse(default)}"


def _check_lengths(signature: Signature) -> None:
    for name, text, most in (
        ("signature", signature.text, _MAX_TEXT_CHARS),
        ("docstring", signature.docstring, MAX_DOCSTRING_CHARS),
    ):
        if len(text) > most:
            raise SignatureError(
                f"the {name} of `{signature.function}` has {len(text):,} characters; at most {most:,} are allowed"
            )
