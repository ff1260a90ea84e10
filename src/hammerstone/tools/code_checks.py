"""Static checks of generated source, before any of it runs.

They are no security boundary (the sandbox is): they give the maker a quick, exact reason, and keep out what would
plainly make a tool's answer depend on anything but its arguments. Everything is read from the syntax tree.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from hammerstone.settings import ALLOWED_IMPORTS
from hammerstone.tools.code_names import allows, dotted, listed, origins
from hammerstone.tools.code_reach import own, reaching
from hammerstone.tools.signature import SignatureError, signature_of
from hammerstone.tools.source import SourceError, parse_module

__all__ = ["check_source"]

# The maker reads them all, and for each of 30,000 faults there would be one.
_MAX_REASONS = 40
_MAX_REASON_CHARS = 2_000

_FORBIDDEN_NAMES = frozenset(
    """__annotations__ __build_class__ __builtins__ __file__ __import__ __loader__ __spec__ breakpoint compile eval exec
    exit globals hash help id input open quit vars""".split()
)
_IMPURE = frozenset(
    """datetime.date.today datetime.datetime.now datetime.datetime.today datetime.datetime.utcnow io.FileIO io.open
    io.open_code uuid.getnode uuid.uuid1 uuid.uuid4""".split()
)
_IMPURE_METHODS = frozenset({"now", "today", "utcnow"})
_ENTRIES = frozenset({"solve", "parse", "unparse"})


def check_source(
    source: str, *, imports: frozenset[str] = ALLOWED_IMPORTS, parser: bool | None = None
) -> tuple[str, ...]:
    """Why this source is refused, each reason in a sentence for the maker; empty when it may run.

    `parser` demands (True), allows (None) or forbids (False) the pair `parse` and `unparse`.
    """
    try:
        tree = parse_module(source)
    except SourceError as error:
        return (str(error),)
    try:
        return _first(_reasons(tree, imports, parser))
    except RecursionError:
        return ("the source is nested too deeply",)
    except Exception as error:  # whatever Python or pyflakes raises at what a model wrote
        return (f"the source cannot be checked: {error}"[:_MAX_REASON_CHARS],)


def _first(reasons: Iterator[str]) -> tuple[str, ...]:
    """The first reasons, each once."""
    found: dict[str, None] = {}
    for reason in reasons:
        found[reason[:_MAX_REASON_CHARS]] = None
        if len(found) == _MAX_REASONS:
            break
    return tuple(found)


def _reasons(tree: ast.Module, imports: frozenset[str], parser: bool | None) -> Iterator[str]:
    yield from _twice(tree)
    yield from _top_level(tree)
    yield from _imports(tree, imports)
    yield from _forbidden(tree, imports)
    yield from reaching(tree, imports)
    yield from _names(tree)
    yield from _entry(tree)
    yield from _parser(tree, parser)


def _twice(tree: ast.Module) -> Iterator[str]:
    """Report second definitions, which replace the first one unless a decorator such as `overload` does otherwise."""
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    seen: set[str] = set()
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name, decorator_list=several) if several and name not in _ENTRIES:
                continue
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                if name in seen:
                    yield f"line {node.lineno}: `{name}` is defined twice"
                seen.add(name)
            case _:
                yield from _bound_otherwise(node, defined)


def _bound_otherwise(node: ast.stmt, defined: set[str]) -> Iterator[str]:
    """Report what binds an entry function's name at top level, other than its `def`."""
    walrus = [one.target for one in ast.walk(node) if isinstance(one, ast.NamedExpr)]  # also in a comprehension
    for part in (*own(node), *walrus):
        match part:
            case ast.Name(id=name, ctx=ast.Store()) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                bound = name
            case ast.alias(name=name, asname=other) if (other or name) in defined:  # `from urllib import parse` is fine
                bound = other or name
            case _:
                continue
        if bound in _ENTRIES:
            yield f"line {part.lineno}: `{bound}` must be written with `def`, once"


def _top_level(tree: ast.Module) -> Iterator[str]:
    constants = _assigned(tree.body)
    for node in tree.body:
        yield from _statement(node, constants)


def _statement(node: ast.stmt, constants: set[str], *, looped: bool = False) -> Iterator[str]:
    """Allow definitions, and statements that only compute constants, such as a loop that fills a table."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.ClassDef():
            return
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign() | ast.Delete() | ast.Assert() | ast.Pass():
            return
        case ast.Expr(value=ast.Constant()):
            return
        case ast.Expr(value=ast.Call(func=ast.Attribute() as method)) if _root(method) in constants:
            return
        case ast.For(body=body, orelse=[]):
            for one in body:
                yield from _statement(one, constants, looped=True)
        case ast.If(body=body, orelse=orelse) if looped:
            for one in [*body, *orelse]:
                yield from _statement(one, constants, looped=True)
        case ast.Continue() | ast.Break():
            return
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"))):
            yield f'line {node.lineno}: no `if __name__ == "__main__":` block: only the functions are called'
        case ast.Expr():
            yield f"line {node.lineno}: `{ast.unparse(node)[:60]}` at top level only has a side effect"
        case _:
            kind = type(node).__name__
            yield f"line {node.lineno}: at top level only imports, constants, functions and classes, not {kind}"


def _assigned(body: Iterable[ast.stmt]) -> set[str]:
    """The names that the assignments among these statements bind, also by taking apart a tuple."""
    targets: list[ast.expr] = []
    for node in body:
        match node:
            case ast.Assign(targets=several):
                targets += several
            case ast.AnnAssign(target=target):
                targets.append(target)
            case _:
                continue
    stored = (name for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))
    return {name.id for name in stored if isinstance(name.ctx, ast.Store)}


def _root(node: ast.expr) -> str:
    """`_TABLE` of `_TABLE["a"].setdefault(key, []).append`."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value) | ast.Subscript(value=value) | ast.Call(func=value):
            return _root(value)
        case _:
            return ""


def _imports(tree: ast.Module, allowed: frozenset[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module=module, level=level, names=names):
                package = "." * level + (module or "")
                modules = [package] if allows(allowed, package) else [f"{package}.{alias.name}" for alias in names]
                if names[0].name == "*":
                    yield f"line {node.lineno}: `from {package} import *` is not allowed: import the names one by one"
            case _:
                continue
        for name in modules:
            if not allows(allowed, name):
                yield f"line {node.lineno}: `{name}` may not be imported (allowed: {', '.join(sorted(allowed))})"


def _forbidden(tree: ast.Module, imports: frozenset[str]) -> Iterator[str]:
    known = origins(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Name() | ast.Attribute() if listed(dotted(node, known), _IMPURE, imports) in _IMPURE:
                yield _impure(node)
            case ast.Call(func=ast.Attribute(attr=name) as method) if name in _IMPURE_METHODS:
                yield _impure(method)
            case ast.Global():
                yield f"line {node.lineno}: `global` is not allowed: a call may not leave anything behind"
            case ast.AsyncFunctionDef() | ast.Await():
                yield f"line {node.lineno}: asynchronous code is not allowed"
            case _:
                continue


def _impure(node: ast.expr) -> str:
    return f"line {node.lineno}: `{ast.unparse(node)}` is not allowed: a tool must give the same answer tomorrow"


def _names(tree: ast.Module) -> Iterator[str]:
    """Report undefined names and built-in functions that are not allowed; a variable called `id` is neither."""
    # pyflakes knows Python's scopes; it is imported late because only builds and imports need it.
    from pyflakes import messages
    from pyflakes.checker import Binding, Builtin, Checker

    class Scopes(Checker):
        def addBinding(self, node: ast.AST, value: Binding) -> None:  # noqa: N802 - pyflakes' own name
            if not (isinstance(value, Builtin) and value.name in _FORBIDDEN_NAMES):
                super().addBinding(node, value)

        def TRY(self, node: ast.AST) -> None:  # noqa: N802 - pyflakes' own name
            self.handleChildren(node)  # an `except NameError` excuses nothing here

        def differentForks(self, lnode: ast.AST, rnode: ast.AST) -> bool:  # noqa: ARG002, N802 - pyflakes' own
            return True  # it serves messages on redefinitions, and takes seconds where a `match` has many cases

    hashing = _lines_of_hash_methods(tree)
    for message in Scopes(tree, filename="tool", withDoctest=False).messages:
        if not isinstance(message, messages.UndefinedName | messages.UndefinedLocal):
            continue
        name = message.message_args[0]
        if name not in _FORBIDDEN_NAMES:
            yield f"line {message.lineno}: undefined name `{name}`"
        elif name != "hash" or message.lineno not in hashing:
            because = ": its value is another one in the next process" if name in {"hash", "id"} else ""
            yield f"line {message.lineno}: `{name}` is not allowed{because}"


def _lines_of_hash_methods(tree: ast.Module) -> set[int]:
    """Lines of `__hash__` methods, which may use `hash`: it only orders sets, which is checked by running."""
    methods = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "__hash__"]
    return {line for node in methods for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)}


def _entry(tree: ast.Module) -> Iterator[str]:
    try:
        signature = signature_of(tree)
    except SignatureError as error:
        yield str(error)
        return
    if not signature.parameters:
        yield "`solve` takes no arguments: it cannot answer different questions"
    if signature.returns != "str":
        yield "`solve` must be annotated `-> str`: it returns the answer in the task's own format"


def _parser(tree: ast.Module, wanted: bool | None) -> Iterator[str]:
    """Check `parse` and `unparse`. Only their parameters' names matter, so their annotations are not read."""
    entries = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in _ENTRIES}
    pair = sorted(entries.keys() & {"parse", "unparse"})
    if wanted is False and pair:
        yield "there must be no `parse` and no `unparse`"
    if wanted and not pair:
        yield "`parse` and `unparse` are missing"
    if len(pair) == 1:
        yield f"`{pair[0]}` stands alone: `parse` and `unparse` go together"
    if len(entries) == len(_ENTRIES):
        if _parameters(entries["parse"]) != ["question"]:
            yield "`parse` must take exactly `question: str`"
        if sorted(_parameters(entries["unparse"])) != sorted(_parameters(entries["solve"])):
            yield "`unparse` must take the same parameters as `solve`"


def _parameters(node: ast.FunctionDef) -> list[str]:
    """The parameters by name; one that cannot be given by name appears as it is written."""
    spec = node.args
    other = [f"{arg.arg}, /" for arg in spec.posonlyargs]
    other += [f"*{arg.arg}" for arg in (spec.vararg, spec.kwarg) if arg]
    return [arg.arg for arg in (*spec.args, *spec.kwonlyargs)] + other
