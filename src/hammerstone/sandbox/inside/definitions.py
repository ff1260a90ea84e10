"""The beginning of a module that its worker can run, because it calls nothing of the module's.

Most tools are imports, constants, regular expressions and functions, and nothing else; to run that anew would be a
third of a call. So the statements up to the first that might do more are run once, in the worker; the rest is run in
the process of each call. What may stand there is listed here, and nothing else may:

- imports of modules that tools may import. What they bind is used in annotations alone, `re` apart;
- functions without decorators;
- values written with literals, operators, comprehensions, and a few functions and methods of the interpreter's own, of
  which none calls what it is given. There is no class, so no object has methods of the module's.

No name is bound with which Python itself does something (`__builtins__`, `__getattr__`).

Part of the programs inside the sandbox (see `template`), so it imports only the standard library.
"""

from __future__ import annotations

import _ast

from hammerstone.sandbox.inside.modules import PRELOADED

__all__ = ["Names", "beginning", "is_definition"]

FUNCTIONS = frozenset("dict enumerate frozenset len list range reversed set str tuple zip".split())
TYPES = FUNCTIONS | frozenset("bool bytes complex float int object type".split())
METHODS = frozenset("casefold format items join keys lower replace split strip title upper values".split())
RE_FUNCTIONS = frozenset(("compile", "escape"))
SYNTAX = (
    *(_ast.Constant, _ast.Name, _ast.Subscript, _ast.Slice, _ast.Starred, _ast.JoinedStr, _ast.FormattedValue),
    *(_ast.Tuple, _ast.List, _ast.Set, _ast.Dict, _ast.BinOp, _ast.UnaryOp, _ast.BoolOp, _ast.Compare, _ast.IfExp),
    *(_ast.ListComp, _ast.SetComp, _ast.DictComp, _ast.GeneratorExp, _ast.comprehension, _ast.keyword),
    *(_ast.operator, _ast.unaryop, _ast.boolop, _ast.cmpop, _ast.expr_context),
)
TYPE_SYNTAX = (
    _ast.Constant,
    _ast.Name,
    _ast.Subscript,
    _ast.Tuple,
    _ast.List,
    _ast.BinOp,
    _ast.BitOr,
    _ast.expr_context,
)
GROWING = (_ast.Pow, _ast.LShift)


class Names:
    """The names that the statements so far have bound: to values of the module's own, and to the module `re`."""

    def __init__(self) -> None:
        self.bound: set[str] = set()
        self.own: set[str] = set()
        self.re: set[str] = set()

    def bind(self, name: str, kind: set[str] | None = None) -> bool:
        """False for a name that means something to Python."""
        self.bound.add(name)
        self.own.discard(name)
        self.re.discard(name)
        if kind is not None:
            kind.add(name)
        return not name.startswith("__")


def beginning(body: list[_ast.stmt]) -> int:
    """The number of statements that a worker may run."""
    names = Names()
    return next((number for number, one in enumerate(body) if not is_definition(one, names)), len(body))


def is_definition(statement: _ast.stmt, names: Names) -> bool:
    """Whether a worker may run the statement. If so, its names are bound."""
    if isinstance(statement, _ast.Import):
        return all(
            one.name in PRELOADED
            and names.bind(one.asname or one.name.partition(".")[0], names.re if one.name == "re" else None)
            for one in statement.names
        )
    if isinstance(statement, _ast.ImportFrom):
        known = not statement.level and (statement.module in PRELOADED or statement.module == "__future__")
        return known and all(one.name != "*" and names.bind(one.asname or one.name) for one in statement.names)
    if isinstance(statement, (_ast.FunctionDef, _ast.AsyncFunctionDef)):
        given = statement.args
        every = (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg)
        return (
            not statement.decorator_list
            and not getattr(statement, "type_params", None)
            and all(is_value(one, names) for one in (*given.defaults, *given.kw_defaults))
            and all(is_annotation(one, names) for one in (statement.returns, *(one.annotation for one in every if one)))
            and names.bind(statement.name, names.own)
        )
    if isinstance(statement, (_ast.Assign, _ast.AnnAssign)):
        targets = statement.targets if isinstance(statement, _ast.Assign) else [statement.target]
        return (
            is_value(statement.value, names)
            and (isinstance(statement, _ast.Assign) or is_annotation(statement.annotation, names))
            and all(isinstance(one, _ast.Name) and names.bind(one.id, names.own) for one in targets)
        )
    return isinstance(statement, _ast.Expr) and isinstance(statement.value, _ast.Constant)


def is_value(expression: _ast.expr | None, names: Names) -> bool:
    """Whether evaluating the expression calls nothing but listed names."""
    nodes = nodes_of(expression)
    inner = {node.id for node in nodes if isinstance(node, _ast.Name) and isinstance(node.ctx, _ast.Store)}
    if inner & (names.bound | TYPES):  # of a comprehension: it would mean something else there
        return False
    functions = [node.func for node in nodes if isinstance(node, _ast.Call)]
    if not all(is_listed(function, names) for function in functions):
        return False
    of_re = [node.value for node in nodes if isinstance(node, _ast.Attribute) and is_re(node, names)]
    known = (names.own | inner | TYPES) - (names.bound - names.own)
    return all(
        (isinstance(node, SYNTAX) and not isinstance(node, GROWING))
        or isinstance(node, _ast.Call)
        or (isinstance(node, _ast.Attribute) and (node in functions or (node.attr.isupper() and is_re(node, names))))
        for node in nodes
    ) and all(node.id in known or node in of_re for node in nodes if isinstance(node, _ast.Name))


def is_annotation(expression: _ast.expr | None, names: Names) -> bool:
    """Whether the expression is written as a type. It becomes no value of the module's own."""
    known = names.bound | TYPES
    return all(
        (isinstance(node, TYPE_SYNTAX) or (isinstance(node, _ast.Attribute) and isinstance(node.value, _ast.Name)))
        and (not isinstance(node, _ast.Name) or node.id in known)
        for node in nodes_of(expression)
    )


def nodes_of(expression: _ast.expr | None) -> list[_ast.AST]:
    """The expression and all that is in it."""
    nodes: list[_ast.AST] = [] if expression is None else [expression]
    for node in nodes:
        for name in node._fields:
            value: object = getattr(node, name, None)
            nodes += [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, _ast.AST)]  # pyright: ignore[reportUnknownVariableType]
    return nodes


def is_listed(function: _ast.expr, names: Names) -> bool:
    if isinstance(function, _ast.Name):
        return function.id in FUNCTIONS - names.bound
    if not isinstance(function, _ast.Attribute):
        return False
    return function.attr in (RE_FUNCTIONS if is_re(function, names) else METHODS)


def is_re(attribute: _ast.Attribute, names: Names) -> bool:
    return isinstance(attribute.value, _ast.Name) and attribute.value.id in names.re
