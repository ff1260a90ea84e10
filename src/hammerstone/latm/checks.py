"""Static checks of made source, before any of it runs.

They are no security boundary (the sandbox is): they give the maker a quick, exact reason, and keep out what could
make a tool's answer depend on anything but its arguments. Everything is read from the syntax tree.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from hammerstone.latm.signature import SignatureError, read_signature

__all__ = ["ALLOWED_IMPORTS", "MAX_SOURCE_CHARS", "check_source"]

MAX_SOURCE_CHARS = 64_000

ALLOWED_IMPORTS = frozenset(
    """abc array base64 binascii bisect calendar cmath collections configparser contextlib copy csv dataclasses
    datetime decimal difflib enum fractions functools hashlib heapq html io ipaddress itertools json math numbers
    operator re statistics string struct textwrap types typing unicodedata urllib uuid xml zoneinfo
    __future__""".split()
)
"""Top-level packages of the standard library that a tool may import. No `random`, no `time`, no `os`."""

_FORBIDDEN_NAMES = frozenset(
    """__builtins__ __import__ __loader__ __spec__ breakpoint compile delattr eval exec exit globals help input
    locals open quit setattr vars""".split()
)
_IMPURE_ATTRIBUTES = frozenset({"now", "today", "utcnow", "uuid1", "uuid4", "getnode", "urlopen"})
_PURE_CALLS = frozenset(
    """bool bytes dict divmod enumerate float frozenset int len list map max min namedtuple ord chr range reversed
    round set sorted str sum tuple zip abs compile maketrans join split splitlines format lower upper strip items
    keys values fromkeys Decimal Fraction date timedelta product permutations combinations chain Counter
    defaultdict OrderedDict accumulate escape NamedTuple TypedDict TypeVar""".split()
)


def check_source(
    source: str, *, imports: frozenset[str] = ALLOWED_IMPORTS, parser: bool | None = None
) -> tuple[str, ...]:
    """Why this source is refused, each reason in a sentence for the maker; empty when it may run.

    `parser` demands (True), allows (None) or forbids (False) the pair `parse` and `unparse`.
    """
    if len(source) > MAX_SOURCE_CHARS:
        return (f"the source has {len(source):,} characters; at most {MAX_SOURCE_CHARS:,} are allowed",)
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        return (f"the source is not valid Python 3.11: {error}" + (f" (line {line})" if line else ""),)
    reasons = (
        *_top_level(tree),
        *_imports(tree, imports),
        *_forbidden(tree),
        *_undefined(tree),
        *_entry(source),
        *_parser(source, tree, parser),
    )
    return tuple(dict.fromkeys(reasons))


def _top_level(tree: ast.Module) -> Iterator[str]:
    seen: set[str] = set()
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                if name in seen:
                    yield f"line {node.lineno}: `{name}` is defined twice"
                seen.add(name)
            case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
                continue
            case ast.Assign(value=value):
                yield from _pure(value)
            case ast.AnnAssign(value=value):
                yield from _pure(value) if value else ()
            case _:
                kind = type(node).__name__
                yield f"line {node.lineno}: at top level only imports, constants, functions and classes, not {kind}"


def _pure(value: ast.expr) -> Iterator[str]:
    for node in ast.walk(value):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(id=name) | ast.Attribute(attr=name) if name in _PURE_CALLS:
                    continue
                case _:
                    yield f"line {node.lineno}: `{ast.unparse(node.func)}(...)` may not be called at top level"


def _imports(tree: ast.Module, allowed: frozenset[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module=module, level=level):
                modules = ["." * level + (module or "")]
            case _:
                continue
        for module in modules:
            if module.split(".")[0] not in allowed:
                yield f"line {node.lineno}: `{module}` may not be imported (allowed: {', '.join(sorted(allowed))})"


def _forbidden(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) if name in _FORBIDDEN_NAMES:
                yield f"line {node.lineno}: `{name}` is not allowed"
            case ast.Attribute(attr=name) if name.startswith("__") and name.endswith("__") and name != "__init__":
                yield f"line {node.lineno}: the attribute `{name}` is not allowed"
            case ast.Attribute(attr=name) if name in _IMPURE_ATTRIBUTES:
                yield f"line {node.lineno}: `.{name}` is not allowed: a tool must give the same answer tomorrow"
            case ast.Global():
                yield f"line {node.lineno}: `global` is not allowed: a call may not leave anything behind"
            case ast.AsyncFunctionDef() | ast.Await():
                yield f"line {node.lineno}: asynchronous code is not allowed"
            case _:
                continue


def _undefined(tree: ast.Module) -> Iterator[str]:
    # pyflakes knows Python's scopes; it is imported late because only makings and imports need it.
    from pyflakes import messages
    from pyflakes.checker import Checker

    for message in Checker(tree, filename="tool").messages:
        if isinstance(message, messages.UndefinedName | messages.UndefinedLocal):
            yield f"line {message.lineno}: undefined name `{message.message_args[0]}`"


def _entry(source: str) -> Iterator[str]:
    try:
        signature = read_signature(source)
    except SignatureError as error:
        yield str(error)
        return
    if not signature.parameters:
        yield "`solve` takes no arguments: it cannot answer different questions"
    if signature.returns != "str":
        yield "`solve` must be annotated `-> str`: it returns the answer in the task's own format"


def _parser(source: str, tree: ast.Module, wanted: bool | None) -> Iterator[str]:
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)} & {"parse", "unparse"}
    if wanted is False and defined:
        yield "there must be no `parse` and no `unparse`"
    if wanted and not defined:
        yield "`parse` and `unparse` are missing"
    if len(defined) == 1:
        yield f"`{defined.pop()}` stands alone: `parse` and `unparse` go together"
    if len(defined) == 2:
        yield from _parser_signatures(source)


def _parser_signatures(source: str) -> Iterator[str]:
    try:
        parse, unparse, solve = (read_signature(source, name) for name in ("parse", "unparse", "solve"))
    except SignatureError as error:
        if "`solve`" not in str(error):
            yield str(error)
        return
    if [kind for _, kind, _ in parse.fields] != [str] or parse.parameters != ("question",):
        yield "`parse` must take exactly `question: str`"
    if set(unparse.parameters) != set(solve.parameters):
        yield "`unparse` must take the same parameters as `solve`"
    if unparse.returns != "str":
        yield "`unparse` must be annotated `-> str`"
