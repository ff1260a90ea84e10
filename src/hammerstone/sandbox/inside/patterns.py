"""Regular expressions that a program compiles whatever it is asked, found by running it without a question.

Compiling them is most of what a call would cost. So a process of the program that is asked nothing says which they
are, and its worker compiles them, into the cache of `re`, before it forks for any call. They come out of generated
code, so they are no more to be trusted than its source: the worker bounds their number and size.

Part of the programs inside the sandbox (see `template`), so it imports only the standard library.
"""

from __future__ import annotations

import _ast
import re

TYPE_CHECKING = False  # as in `typing`, which no worker needs
if TYPE_CHECKING:
    import typing

__all__ = ["compile_patterns", "patterns_of"]

MAX_PATTERNS = 200
MAX_CHARS = 20_000  # of one of them
HARMLESS = int(re.ASCII | re.IGNORECASE | re.LOCALE | re.MULTILINE | re.DOTALL | re.UNICODE | re.VERBOSE)  # no DEBUG
ONLY_SYNTAX = 0x400  # `ast.PyCF_ONLY_AST`
FUNCTIONS = frozenset("compile match fullmatch search split sub subn findall finditer".split())
FLAGGED = {"compile": 1, "match": 2, "fullmatch": 2, "search": 2, "findall": 2, "finditer": 2}  # where flags stand


def patterns_of(source: str, names: dict[str, object]) -> list[tuple[str, int]]:
    """Pattern and flags of all that the module has compiled, of what it asks `re` for by constants, and of its texts.

    `names` are the module's globals.
    """
    for node in walk(compile(source, "<tool>", "exec", ONLY_SYNTAX, dont_inherit=True)):
        if isinstance(node, _ast.Call) and isinstance(node.func, _ast.Attribute) and node.func.attr in FUNCTIONS:
            try_to_compile(node, names)
    for text in list(names.values()):
        if isinstance(text, str) and len(text) <= MAX_CHARS and "re" in names:
            compile_one(text, 0)
    cache: dict[tuple[type, object, int], object] = vars(re)["_cache"]
    return [(key[1], int(key[2])) for key in cache if isinstance(key[1], str)][:MAX_PATTERNS]


def walk(node: object) -> typing.Iterator[_ast.AST]:
    """All nodes below this one."""
    todo = [node]
    while todo:
        node = todo.pop()
        if isinstance(node, _ast.AST):
            yield node
            todo += [getattr(node, name, None) for name in node._fields]
        elif isinstance(node, list):
            todo += node  # pyright: ignore[reportUnknownVariableType]


def try_to_compile(call: _ast.Call, names: dict[str, object]) -> None:
    """Compile the call's pattern with its flags, if they depend on nothing but the module."""
    try:
        function = call.func
        if not isinstance(function, _ast.Attribute) or not call.args or evaluated(function.value, names) is not re:
            return
        flags: object = 0
        place = FLAGGED.get(function.attr)
        if place is not None and len(call.args) > place:
            flags = evaluated(call.args[place], names)
        for word in call.keywords:
            flags = evaluated(word.value, names) if word.arg == "flags" else flags
        compile_one(evaluated(call.args[0], names), flags)
    except Exception:
        return


def evaluated(node: _ast.expr, names: dict[str, object]) -> object:
    return eval(compile(_ast.Expression(node), "<tool>", "eval"), names)  # noqa: S307 - in the process of a call


def compile_one(pattern: object, flags: object) -> None:
    if isinstance(pattern, str) and isinstance(flags, int):
        try:
            re.compile(pattern, flags)
        except (re.error, ValueError, OverflowError, RecursionError, MemoryError):
            return


def compile_patterns(patterns: list[object]) -> None:
    """Fill the cache of `re`, in the worker."""
    for pattern in patterns[:MAX_PATTERNS]:
        match pattern:
            case [str(text), int(flags)] if len(text) <= MAX_CHARS and not flags & ~HARMLESS:
                compile_one(text, flags)
            case _:
                continue
