"""What generated code could reach beyond its imports: other modules, frames, code, names put together.

Of an allowed module only what it makes public can be used, and of the modules that it has itself imported
(`statistics.random`, `enum.sys`) only those that are allowed. Like all of `code_checks`, this is no security boundary.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

__all__ = ["allows", "origins", "reaching"]

# What objects and operators are made of. Not here: what leads to other classes, frames and code, and `__hash__`.
_HARMLESS_DUNDERS = frozenset(
    f"__{name}__"
    for name in """abs add and bool call class contains delitem doc enter eq exit float floordiv format ge getitem gt
    init int invert iter le len lshift lt members missing mod mul name ne neg new next or pos post_init pow qualname
    radd repr reversed rfloordiv rmod rmul round rshift rsub rtruediv setattr setitem str sub truediv xor""".split()
)
_FRAMES = frozenset("ag_frame cr_frame f_back f_builtins f_globals f_locals gi_code gi_frame tb_frame tb_next".split())
_BY_NAME = frozenset({"delattr", "getattr", "hasattr", "operator.attrgetter", "operator.methodcaller", "setattr"})
_OF_TEXT_OR_CODE = frozenset(
    """string.Formatter types.CodeType types.FunctionType types.LambdaType typing.ForwardRef
    typing.get_type_hints""".split()
)


_COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def origins(tree: ast.Module) -> dict[str, str]:
    """The module, or the member of one, that each imported name stands for."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    root = alias.name.partition(".")[0]
                    found |= {alias.asname: alias.name} if alias.asname else {root: root}
            case ast.ImportFrom(module=str(module), names=names):
                found |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in names}
            case _:
                continue
    return found


def reaching(tree: ast.Module, imports: frozenset[str]) -> Iterator[str]:
    """Sentences on each use of something that leads out of the module, with its line."""
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module), names=names) if allows(imports, module):
                for alias in names:
                    yield from _step(node.lineno, module, alias.name, imports)
            case ast.MatchClass(kwd_attrs=names):
                yield from (_attribute(node.lineno, name) for name in names if _leads(name))
            case ast.Attribute(attr=name) if _leads(name):
                yield _attribute(node.lineno, name)
            case _:
                continue
    yield from _by_name(tree)
    yield from _members(tree, imports)


def _leads(name: str) -> bool:
    return name in _FRAMES or (_is_dunder(name) and name not in _HARMLESS_DUNDERS)


def _attribute(line: int, name: str) -> str:
    return f"line {line}: the attribute `{name}` is not allowed"


def _by_name(tree: ast.Module) -> Iterator[str]:
    """`getattr` and its like, unless the name of the attribute stands there and is a harmless one."""
    known = origins(tree)
    plain = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call) and _is_plain(node)}
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                meant = known.get(name, name)
            case ast.Attribute(value=ast.Name(id=root), attr=name):
                meant = f"{known.get(root, root)}.{name}"
            case _:
                continue
        if meant in _OF_TEXT_OR_CODE:
            yield f"line {node.lineno}: `{meant}` is not allowed: it makes code or attributes of text"
        elif meant in _BY_NAME and id(node) not in plain:
            yield f"line {node.lineno}: `{meant}` is only allowed with the attribute's name written out"


def _is_plain(call: ast.Call) -> bool:
    names = call.args[1:2] if isinstance(call.func, ast.Name) and call.func.id in _BY_NAME else call.args[:1]
    match names:
        case [ast.Constant(value=str(text))]:
            return not any(_leads(name) or name.startswith("_") for name in text.split("."))
        case _:
            return False


def _members(tree: ast.Module, imports: frozenset[str]) -> Iterator[str]:
    """Follow every chain of attributes that starts at an import, as long as it leads through modules."""
    known = origins(tree)
    above = {id(node.value): node for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for name in _loads(tree, frozenset()):
        meant, node = known.get(name.id, ""), name
        while _is_module(meant, imports) and id(node) in above:
            node = above[id(node)]
            yield from _step(node.lineno, meant, node.attr, imports)
            meant = f"{meant}.{node.attr}"
        if _is_module(meant, imports):
            yield f"line {node.lineno}: the module `{meant}` is only allowed in front of one of its names"


def _step(line: int, module: str, name: str, imports: frozenset[str]) -> Iterator[str]:
    """One name of an allowed module: a public one, and no module that is not allowed."""
    member = f"{module}.{name}"
    found = _found(member, imports)
    inside = isinstance(found, ModuleType) and found.__name__ != member  # imported by the module, no part of it
    if found is not None and name.startswith("_") and not _is_dunder(name) and module != "__future__":
        yield f"line {line}: `{member}` is not allowed: it is no public name"
    elif isinstance(found, ModuleType) and not allows(imports, found.__name__ if inside else member):
        yield f"line {line}: `{member}` is not allowed: it is the module `{found.__name__}`"


def allows(imports: frozenset[str], module: str) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in imports)


def _is_module(name: str, imports: frozenset[str]) -> bool:
    return bool(name) and isinstance(_found(name, imports), ModuleType)


def _found(name: str, imports: frozenset[str]) -> object:
    """The object of this name in the standard library, or `None`. Imports nothing that is not allowed."""
    if name.partition(".")[0] not in sys.stdlib_module_names:
        return None
    if allows(imports, name) or any(one.startswith(f"{name}.") for one in imports):
        with contextlib.suppress(ImportError):
            return importlib.import_module(name)
    path, _, last = name.rpartition(".")
    return getattr(_found(path, imports), last, None) if path else None


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
    """The names that a function binds itself, other than by imports."""
    found: set[str] = set()
    if isinstance(node, ast.FunctionDef | ast.Lambda):
        found |= {arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg)}
    own = [part for one in inside for part in _own(one)]
    found |= {part.id for part in own if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    imported = (alias for part in own if isinstance(part, ast.Import | ast.ImportFrom) for alias in part.names)
    return found - {alias.asname or alias.name.partition(".")[0] for alias in imported}


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """This node and those below it, without inner scopes."""
    yield node
    if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Lambda | _COMPREHENSIONS):
        for child in ast.iter_child_nodes(node):
            yield from _own(child)
