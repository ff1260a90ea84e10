"""What generated code could reach beyond its imports: other modules, frames, code, names put together.

Of an allowed module only what it makes public can be used, and of the modules that it has itself imported
(`statistics.random`, `enum.sys`) only those that are allowed. Like all of `code_checks`, this is no security boundary:
a text put together while the code runs can still name what it likes.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from types import ModuleType

from hammerstone.tools.code_names import (
    INSIDE,
    allows,
    dotted,
    found,
    is_dunder,
    is_module,
    leads,
    listed,
    origins,
)

__all__ = ["own", "reaching"]

_BUILT_IN_BY_NAME = frozenset({"delattr", "getattr", "hasattr", "setattr"})
_BY_NAME = _BUILT_IN_BY_NAME | {"operator.attrgetter", "operator.methodcaller"}
_OF_TEXT_OR_CODE = frozenset(
    """functools.singledispatch functools.singledispatchmethod functools.update_wrapper string.Formatter types.CodeType
    types.FunctionType types.LambdaType typing.ForwardRef typing.get_type_hints""".split()
)
_WRAPS = "functools.wraps"
_MATCH_ARGS = "__match_args__"
_LISTED = _BY_NAME | _OF_TEXT_OR_CODE | {_WRAPS}

_COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def reaching(tree: ast.Module, imports: frozenset[str]) -> Iterator[str]:
    """Sentences on each use of something that leads out of the module, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=names) if allows(imports, module):
                for alias in names:
                    yield from _step(node.lineno, module, alias.name, imports)
            case ast.MatchClass(kwd_attrs=names):
                yield from (_attribute(node.lineno, name) for name in names if leads(name))
            case ast.Attribute(attr=name) if leads(name):
                yield _attribute(node.lineno, name)
            case ast.keyword(arg=str(name)) | ast.AnnAssign(target=ast.Name(id=name)) if _is_inside(name):
                yield _attribute(node.lineno, name)
            case ast.Constant(value=str(text)):
                yield from _text(node.lineno, text)
            case _:
                continue
    yield from _match_args(tree)
    yield from _by_name(tree, imports)
    yield from _members(tree, imports)


def _is_inside(name: str) -> bool:
    """Whether this name of a field or of a class's argument becomes that of an attribute that leads out."""
    return name in INSIDE and name != _MATCH_ARGS


def _attribute(line: int, name: str) -> str:
    return f"line {line}: the attribute `{name}` is not allowed"


def _text(line: int, text: str) -> Iterator[str]:
    """Texts name attributes for `str.format`, `type`, `namedtuple` and whatever else makes one of a text."""
    for name in re.findall(r"\w+", text) if "_" in text else ():
        if name in INSIDE:
            yield f"line {line}: the text `{name}` is not allowed: it names an attribute"


def _match_args(tree: ast.Module) -> Iterator[str]:
    """Report `__match_args__`, which names the attributes that a class pattern reads, unless its names stand there."""
    plain: set[int] = set()
    for node in ast.walk(tree):
        match node:
            case (
                ast.Assign(targets=[ast.Name() as target], value=ast.Tuple(elts=names))
                | ast.AnnAssign(target=ast.Name() as target, value=ast.Tuple(elts=names))
            ) if all(_is_harmless(name) for name in names):
                plain.add(id(target))
            case _:
                continue
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.FunctionDef(name=name) | ast.keyword(arg=name):
                bound = name
            case ast.alias(name=name, asname=other):
                bound = other or name
            case _:
                continue
        if bound == _MATCH_ARGS and id(node) not in plain:
            yield f"line {node.lineno}: `{_MATCH_ARGS}` is not allowed, except as a tuple of names written out"


def _by_name(tree: ast.Module, imports: frozenset[str]) -> Iterator[str]:
    """`getattr` and its like, unless the name of the attribute stands there and is a harmless one."""
    known = origins(tree)
    calls = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                written = known.get(name, name)
            case ast.Attribute():
                written = dotted(node, known)
            case _:
                continue
        meant = listed(written, _LISTED, imports)
        call = calls.get(id(node))
        if meant in _OF_TEXT_OR_CODE:
            yield f"line {node.lineno}: `{written}` is not allowed: it makes code or attributes of text"
        elif meant in _BY_NAME and not (call and _is_plain(call, meant)):
            yield f"line {node.lineno}: `{written}` is only allowed with the attribute's name written out"
        elif meant == _WRAPS and not (call and _is_only_function(call)):
            yield f"line {node.lineno}: `{written}` is only allowed with one argument, the function"


def _is_plain(call: ast.Call, meant: str) -> bool:
    names = call.args if meant == "operator.attrgetter" else call.args[:1]
    if meant in _BUILT_IN_BY_NAME:
        names = [] if any(isinstance(one, ast.Starred) for one in names) else call.args[1:2]
    return bool(names) and all(_is_harmless(name) for name in names)


def _is_harmless(name: ast.expr) -> bool:
    match name:
        case ast.Constant(value=str(text)):
            return not any(leads(part) or part.startswith("_") for part in text.split("."))
        case _:
            return False


def _is_only_function(call: ast.Call) -> bool:
    return len(call.args) == 1 and not isinstance(call.args[0], ast.Starred) and not call.keywords


def _members(tree: ast.Module, imports: frozenset[str]) -> Iterator[str]:
    """Follow every chain of attributes that starts at an import, as long as it leads through modules."""
    known = origins(tree)
    above = {id(node.value): node for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for name in _loads(tree, frozenset()):
        meant, node = known.get(name.id, ""), name
        while is_module(meant, imports) and id(node) in above:
            node = above[id(node)]
            yield from _step(node.lineno, meant, node.attr, imports)
            meant = f"{meant}.{node.attr}"
        if is_module(meant, imports):
            yield f"line {node.lineno}: the module `{meant}` is only allowed in front of one of its names"


def _step(line: int, module: str, name: str, imports: frozenset[str]) -> Iterator[str]:
    """One name of an allowed module: a public one, and no module that is not allowed."""
    member = f"{module}.{name}"
    this = found(member, imports)
    inside = isinstance(this, ModuleType) and this.__name__ != member  # imported by the module, no part of it
    if this is not None and name.startswith("_") and not is_dunder(name) and module != "__future__":
        yield f"line {line}: `{member}` is not allowed: it is no public name"
    elif isinstance(this, ModuleType) and not allows(imports, this.__name__ if inside else member):
        yield f"line {line}: `{member}` is not allowed: it is the module `{this.__name__}`"


def _loads(node: ast.AST, hidden: frozenset[str]) -> Iterator[ast.Name]:
    """The names that are read and that no function around them has as a variable of its own."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in hidden:
        yield node
    inside = _inside(node)
    variables = hidden | _variables(node, inside) if inside else hidden
    within = {id(child) for child in inside}
    for child in ast.iter_child_nodes(node):
        if id(child) not in within and not isinstance(child, ast.comprehension):
            yield from _loads(child, hidden)
    if isinstance(node, _COMPREHENSIONS):
        yield from _loads(node.generators[0].iter, hidden)
    for child in inside:
        yield from _loads(child, variables)


def _inside(node: ast.AST) -> list[ast.AST]:
    """The parts of a function or comprehension that see its variables: no decorator, default or first iterable."""
    match node:
        case ast.FunctionDef(body=body):
            return list(body)
        case ast.Lambda(body=result):
            return [result]
        case ast.ListComp(elt=element) | ast.SetComp(elt=element) | ast.GeneratorExp(elt=element):
            return [element, *_clauses(node.generators)]
        case ast.DictComp(key=key, value=value):
            return [key, value, *_clauses(node.generators)]
        case _:
            return []


def _clauses(generators: list[ast.comprehension]) -> list[ast.AST]:
    parts: list[ast.AST] = [one for clause in generators for one in (clause.target, *clause.ifs)]
    return parts + [clause.iter for clause in generators[1:]]


def _variables(node: ast.AST, inside: list[ast.AST]) -> set[str]:
    """The names that a function binds itself, none of which it or a function in it imports."""
    bound: set[str] = set()
    if isinstance(node, ast.FunctionDef | ast.Lambda):
        bound |= {arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg)}
    every = [part for one in inside for part in own(one)]
    bound |= {part.id for part in every if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    outer = {name for part in every if isinstance(part, ast.Nonlocal) for name in part.names}
    imports = (part for one in inside for part in ast.walk(one) if isinstance(part, ast.Import | ast.ImportFrom))
    imported = {alias.asname or alias.name.partition(".")[0] for part in imports for alias in part.names}
    return bound - outer - imported


def own(node: ast.AST) -> Iterator[ast.AST]:
    """This node and those below it, without inner scopes."""
    yield node
    if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda | _COMPREHENSIONS):
        for child in ast.iter_child_nodes(node):
            yield from own(child)
