"""Parses the text of a module into its syntax tree, within bounds.

A language model or a stranger wrote the text. Python's own parser and compiler need seconds for some texts of 64,000
characters, and whatever walks a tree needs time and stack for each of its nodes. So size, nesting and the length of
numbers are bounded here, once for everything that reads a tree, and far above what a tool needs: the largest module
that a model has written in our recordings has 2,900 nodes, 30 deep.
"""

from __future__ import annotations

import ast
import re
import warnings

__all__ = ["MAX_INTEGER_BITS", "MAX_SOURCE_CHARS", "SourceError", "parse_module"]

MAX_SOURCE_CHARS = 64_000
MAX_INTEGER_BITS = 14_000  # some 4,200 digits: Python refuses to write more than 4,300
_MAX_MARKS = 4_000
# Python 3.11 parses each `{…}` of an f-string apart, 20,000 of them in seconds; and it keeps every beginning of a
# dotted name in an import, 1 GB for 30,000 dots.
_MARKS = {"opening braces": re.compile("{"), "names after a dot": re.compile(r"\.[\s\\]*[^\W\d]")}
_MAX_NODES = 12_000
_MAX_DEPTH = 200


class SourceError(SyntaxError):
    """Source that cannot be read, for a reason that is written to its maker."""


def parse_module(source: str) -> ast.Module:
    r"""The syntax tree of source that compiles: Python's parser alone lets a `return` outside a function through.

    Python's warnings, such as that of `"\d"`, are not for whoever runs hammerstone: they are dropped. Raises
    `SourceError` and nothing else.
    """
    _check_text(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tree = ast.parse(source)
            _check_tree(tree)
            compile(tree, "tool", "exec", dont_inherit=True)
        except SourceError:
            raise
        except SyntaxError as error:
            line = f" (line {error.lineno})" if error.lineno else ""
            raise SourceError(f"the source is not valid Python 3.11: {error.msg}{line}") from None
        except (RecursionError, MemoryError):
            raise SourceError("the source is nested too deeply") from None
        except Exception as error:  # a null character, half a surrogate pair, or a fault of Python's own parser
            raise SourceError(f"the source is not valid Python 3.11: {error}") from None
    return tree


def _check_text(source: str) -> None:
    if len(source) > MAX_SOURCE_CHARS:
        raise SourceError(f"the source has {len(source):,} characters; at most {MAX_SOURCE_CHARS:,} are allowed")
    for name, mark in _MARKS.items():
        if sum(1 for _ in mark.finditer(source)) > _MAX_MARKS:
            raise SourceError(f"the source has more than {_MAX_MARKS:,} {name}")


def _check_tree(tree: ast.Module) -> None:
    """Walk the tree level by level, so that no nesting can exhaust the stack."""
    level: list[ast.AST] = [tree]
    count = 0
    for _ in range(_MAX_DEPTH):
        count += len(level)
        if count > _MAX_NODES:
            raise SourceError(f"the source has more than {_MAX_NODES:,} names, values and operations")
        for node in level:
            _check_number(node)
        level = [child for node in level for child in ast.iter_child_nodes(node) if not isinstance(child, _SHARED)]
        if not level:
            return
    raise SourceError("the source is nested too deeply")


_SHARED = (ast.expr_context, ast.operator, ast.unaryop, ast.boolop, ast.cmpop)  # by all nodes, without children


def _check_number(node: ast.AST) -> None:
    match node:
        case ast.Constant(value=int() as value) if value.bit_length() > MAX_INTEGER_BITS:
            raise SourceError(f"the source has an integer of {value.bit_length():,} bits (line {node.lineno})")
        case _:
            return
