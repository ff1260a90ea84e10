"""Static checks: what is refused and with which reason, and above all what is not."""

from __future__ import annotations

import json
import sys

import pytest

from hammerstone.environment import recordings
from hammerstone.models import code_block
from hammerstone.sandbox import Sandbox
from hammerstone.tools.code_checks import check_source
from hammerstone.tools.source import MAX_SOURCE_CHARS

from ..samples.good_modules import GOOD_MODULES, GoodModule

SOLVE = "def solve(a: int) -> str:\n    return str(a)\n"
PAIR = "def parse(question: str) -> dict | None:\n    return None\n\ndef unparse(a: int) -> str:\n    return ''\n"


def with_line(line: str) -> str:
    return f"{line}\n{SOLVE}"


def in_body(statement: str) -> str:
    return f"def solve(a: int) -> str:\n    {statement}\n    return str(a)\n"


def only(reasons: tuple[str, ...]) -> str:
    assert len(reasons) == 1, reasons
    return reasons[0]


@pytest.mark.parametrize("module", GOOD_MODULES.values(), ids=GOOD_MODULES.keys())
def test_a_pure_module_is_not_refused_whatever_its_style(module: GoodModule) -> None:
    assert check_source(module.source) == ()


def test_no_tool_of_the_recorded_demonstration_is_refused() -> None:
    lines = (recordings("demo") / "maker.jsonl").read_text().splitlines()
    sources = {code_block(json.loads(line)["reply"]["text"], "python") for line in lines} - {None}
    assert [reason for source in sources for reason in check_source(source or "")] == []


@pytest.mark.anyio
@pytest.mark.parametrize("module", GOOD_MODULES.values(), ids=GOOD_MODULES.keys())
async def test_the_modules_that_pass_also_run(module: GoodModule, sandbox: Sandbox) -> None:
    outcome = await sandbox.call(module.source, "solve", module.arguments)
    assert (outcome.value, outcome.error) == (module.answer, "")


# syntax and size


@pytest.mark.parametrize(
    "source",
    [
        "def solve(a: int) -> str\n    return ''",
        "def solve(a: int, a: int) -> str:\n    return ''",
        "return 1\n" + SOLVE,
        "break\n" + SOLVE,
        "def solve(a: int) -> str:\nreturn ''",
        "a\0b",
        "x = '\ud800'\n" + SOLVE,
        "Here is the module you asked for.",
    ],
)
def test_what_python_cannot_compile_is_refused(source: str) -> None:
    assert "is not valid Python" in only(check_source(source))


def test_a_syntax_error_is_reported_with_its_line() -> None:
    assert only(check_source("x = 1\ny = = 2\n")).endswith("(line 2)")


def test_a_huge_source_is_refused_before_it_is_read() -> None:
    assert "64,001 characters" in only(check_source("(" * (MAX_SOURCE_CHARS + 1)))


@pytest.mark.parametrize("terms", [400, 2_000, 20_000])  # too much for pyflakes, for the compiler, for both
def test_a_sum_of_too_many_terms_is_a_reason_and_not_a_crash(terms: int) -> None:
    assert only(check_source(f"x = {'1+' * terms}1\n{SOLVE}")) == "the source is nested too deeply"


@pytest.mark.parametrize("source", ["x = " + "-" * 20_000 + "1\n", "(" * 5_000])
def test_a_source_that_is_nested_too_deeply_is_a_reason_and_not_a_crash(source: str) -> None:
    reason = only(check_source(source + SOLVE))
    assert "nested too deeply" in reason or "is not valid Python" in reason


def test_what_python_warns_of_is_no_matter_of_ours() -> None:
    assert check_source(with_line(r'x = "\d" is 1')) == ()


# imports


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("import os", "os"),
        ("import os.path as path", "os.path"),
        ("from os import path", "os.path"),
        ("import random", "random"),
        ("from time import time", "time.time"),
        ("import sys", "sys"),
        ("import subprocess, re", "subprocess"),
        ("import numpy as np", "numpy"),
        ("from . import other", "..other"),
        ("from .other import name", ".other.name"),
        ("import urllib.request", "urllib.request"),
        ("from urllib import request", "urllib.request"),
        ("import urllib", "urllib"),
        ("import regex", "regex"),
        ("import jsonschema", "jsonschema"),
    ],
)
def test_an_import_that_is_not_allowed_is_named(line: str, module: str) -> None:
    assert f"`{module}` may not be imported" in only(check_source(with_line(line)))


def test_an_import_in_a_function_is_an_import_too() -> None:
    assert "`socket` may not be imported" in only(check_source(in_body("import socket")))


@pytest.mark.parametrize(
    "line",
    [
        "from urllib import parse",
        "import urllib.parse",
        "from urllib.parse import quote",
        "import collections.abc",
        "from html.parser import HTMLParser",
        "from __future__ import annotations",
    ],
)
def test_a_part_of_an_allowed_module_may_be_imported(line: str) -> None:
    assert check_source(with_line(line)) == ()


def test_a_star_import_is_refused_since_it_hides_which_names_exist() -> None:
    assert "one by one" in only(check_source(with_line("from math import *")))


def test_the_caller_can_allow_fewer_imports() -> None:
    assert check_source(with_line("import re"), imports=frozenset({"json"})) != ()


# names


@pytest.mark.parametrize(
    "statement",
    [
        "eval('a')",
        "exec('a = 2')",
        "open('file')",
        "input()",
        "compile('a', 'a', 'exec')",
        "__import__('os')",
        "globals()['a'] = 1",
        "vars()",
        "breakpoint()",
        "exit()",
        "hash(a)",
        "id(a)",
        "print(__file__)",
        "__builtins__",
        "f = eval",
        "return (lambda: [eval(str(x)) for x in '1'])()",
    ],
)
def test_a_built_in_function_that_reaches_out_of_the_call_is_refused(statement: str) -> None:
    assert "is not allowed" in only(check_source(in_body(statement)))


def test_the_reason_against_hash_says_why() -> None:
    assert "another one in the next process" in only(check_source(in_body("hash(a)")))


def test_a_built_in_function_is_refused_in_one_function_when_another_has_a_variable_of_that_name() -> None:
    source = in_body("eval = 2") + "\ndef other():\n    return eval('1')\n"
    assert only(check_source(source)) == "line 6: `eval` is not allowed"


@pytest.mark.parametrize("handler", ["except NameError", "except"])
def test_a_handler_excuses_neither_an_undefined_nor_a_forbidden_name(handler: str) -> None:
    source = f"def solve(a: int) -> str:\n    try:\n        return eval(b)\n    {handler}:\n        return ''\n"
    assert check_source(source) == ("line 3: `eval` is not allowed", "line 3: undefined name `b`")


def test_hash_is_allowed_where_a_class_defines_its_own_and_nowhere_else() -> None:
    source = (
        "class C:\n    def __hash__(self):\n        return hash(1)\n\n    def other(self):\n        return hash(2)\n"
    )
    assert only(check_source(source + SOLVE)).startswith("line 6: `hash`")


@pytest.mark.parametrize(
    "statement", ["return lenght(a)", "a = [x for y in 'ab']", "def inner():\n        return missing"]
)
def test_an_undefined_name_is_refused(statement: str) -> None:
    assert "undefined name" in only(check_source(in_body(statement)))


def test_a_name_that_is_defined_further_down_is_defined() -> None:
    assert check_source(in_body("later()") + "def later():\n    return None\n") == ()


# purity


@pytest.mark.parametrize(
    ("imports", "expression"),
    [
        ("import datetime", "datetime.datetime.now()"),
        ("import datetime as dt", "dt.date.today()"),
        ("from datetime import datetime as when", "when.utcnow()"),
        ("from datetime import date", "date.today().year"),
        ("from datetime import date", "date(2024, 1, 1).today()"),
        ("from datetime import datetime", "list(map(datetime.now, [None]))"),
        ("import uuid", "uuid.uuid4()"),
        ("from uuid import uuid1", "uuid1()"),
        ("from uuid import getnode as number", "number()"),
        ("import io", "io.open('/etc/hostname')"),
        ("from io import FileIO", "FileIO('/etc/hostname')"),
    ],
)
def test_what_is_another_value_tomorrow_is_refused(imports: str, expression: str) -> None:
    inside = check_source(f"{imports}\n{in_body(f'b = {expression}')}")
    above = check_source(f"{imports}\nB = {expression}\n{SOLVE}")
    assert "the same answer tomorrow" in only(inside)
    assert "the same answer tomorrow" in only(above)


def test_a_field_or_a_name_called_today_is_not_the_clock() -> None:
    assert check_source("def solve(today: str, now: str) -> str:\n    return today.strip() + now\n") == ()
    assert check_source(in_body("a = a.today if hasattr(a, 'today') else a")) == ()


@pytest.mark.parametrize(
    "expression",
    [
        "().__class__.__bases__",
        "str.__subclasses__()",
        "solve.__globals__",
        "solve.__code__",
        "object.__hash__(a)",
        "a.__dict__",
        "a.__reduce__()",
    ],
)
def test_an_attribute_that_leads_out_of_the_module_is_refused(expression: str) -> None:
    assert "the attribute `__" in only(check_source(in_body(f"b = {expression}")))


def test_global_state_is_refused() -> None:
    assert "`global` is not allowed" in only(check_source("N = 0\n" + in_body("global N; N = 1")))


def test_asynchronous_code_is_refused() -> None:
    reasons = check_source("async def solve(a: int) -> str:\n    return ''\n")
    assert any("asynchronous" in reason for reason in reasons)


# the top level


@pytest.mark.parametrize(
    "statement",
    [
        "print('ready')",
        "solve(1)",
        "'a'.join('b')",
        "import re\nre.purge()",
        "while False:\n    pass",
        "try:\n    import re\nexcept ImportError:\n    re = None",
        "with open('f') as f:\n    pass",
        "if True:\n    X = 1",
        "for i in range(3):\n    print(i)",
        "for i in range(3):\n    if i:\n        solve(i)",
    ],
)
def test_a_top_level_that_does_more_than_define_is_refused(statement: str) -> None:
    assert any("at top level" in reason for reason in check_source(SOLVE + statement))


def test_a_main_block_is_refused_with_its_own_reason() -> None:
    assert "only the functions are called" in only(check_source(SOLVE + 'if __name__ == "__main__":\n    solve(1)\n'))


@pytest.mark.parametrize("second", [SOLVE, "def helper():\n    pass\n\nclass helper:\n    pass\n"])
def test_a_second_definition_of_a_name_is_refused(second: str) -> None:
    assert "is defined twice" in only(check_source(SOLVE + second))


@pytest.mark.parametrize(
    "second",
    [
        "solve = str\n",
        "from base64 import b64encode as solve\n",
        "for _i in 'a':\n    def solve(b: int) -> str:\n        return ''\n",
        "for solve in [str]:\n    pass\n",
        "X = [solve := str for _ in 'a']\n",
        "X = {'a': (solve := str)}\n",
    ],
)
def test_an_entry_function_must_be_a_def(second: str) -> None:
    assert "must be written with `def`" in only(check_source(SOLVE + second))


def test_a_decorated_entry_function_is_a_second_definition_too() -> None:
    assert (
        only(check_source(f"def keep(f):\n    return solve\n{SOLVE}@keep\n{SOLVE}"))
        == "line 6: `solve` is defined twice"
    )


# signatures


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("x = 1\n", "there is no top-level function `solve`"),
        ("class C:\n    def solve(self) -> str:\n        return ''\n", "there is no top-level function `solve`"),
        ("def solve() -> str:\n    return ''\n", "takes no arguments"),
        ("def solve(a: int):\n    return ''\n", "needs a return annotation"),
        ("def solve(a: int) -> int:\n    return a\n", "must be annotated `-> str`"),
        ("def solve(a) -> str:\n    return a\n", "parameter `a` of `solve` needs a type annotation"),
        ("def solve(a: set[str]) -> str:\n    return ''\n", "`set[str]` is not a JSON type"),
        ("def solve(a: 'list of str') -> str:\n    return ''\n", "cannot be read"),
        ("def solve(*a: int) -> str:\n    return ''\n", "may only have named parameters"),
        ("def solve(a: int, /) -> str:\n    return ''\n", "may only have named parameters"),
        ("def solve(a: str = str(1)) -> str:\n    return a\n", "`str(1)` is not a literal JSON value"),
    ],
)
def test_a_solve_that_cannot_be_called_from_json_is_refused(source: str, reason: str) -> None:
    assert reason in only(check_source(source))


@pytest.mark.parametrize("returns", ["str", "'str'", "Answer"])
def test_the_return_annotation_may_be_quoted_or_have_a_name(returns: str) -> None:
    assert check_source(f"Answer = str\ndef solve(a: int) -> {returns}:\n    return ''\n") == ()


@pytest.mark.parametrize(
    ("pair", "reason"),
    [
        ("def parse(question: str) -> dict | None:\n    return None\n", "`parse` stands alone"),
        ("def unparse(a: int) -> str:\n    return ''\n", "`unparse` stands alone"),
        (PAIR.replace("question", "text"), "`parse` must take exactly"),
        (PAIR.replace("question: str", "question: str, strict: bool = False"), "`parse` must take exactly"),
        (PAIR.replace("question: str", "question: str, /"), "`parse` must take exactly"),
        (PAIR.replace("(a: int)", "(b: int)"), "`unparse` must take the same parameters"),
        (PAIR.replace("(a: int)", "(**a)"), "`unparse` must take the same parameters"),
        (PAIR.replace("(a: int)", "(a: int, b: int = 0)"), "`unparse` must take the same parameters"),
    ],
)
def test_a_parser_that_cannot_be_called_is_refused(pair: str, reason: str) -> None:
    assert reason in only(check_source(SOLVE + pair))


def test_a_parser_can_be_demanded_allowed_or_forbidden() -> None:
    assert "are missing" in only(check_source(SOLVE, parser=True))
    assert check_source(SOLVE + PAIR, parser=True) == ()
    assert check_source(SOLVE + PAIR) == check_source(SOLVE) == ()
    assert "must be no `parse`" in only(check_source(SOLVE + PAIR, parser=False))


def test_the_order_of_the_parameters_of_unparse_does_not_matter() -> None:
    source = "def solve(a: int, b: int) -> str:\n    return ''\n" + PAIR.replace("(a: int)", "(b: int, *, a: int)")
    assert check_source(source) == ()


def test_every_reason_is_reported_at_once_and_once() -> None:
    source = "import os\nimport os\n" + in_body("a = eval('1') + missing")
    assert len(check_source(source)) == 4


# what leads out of the module


@pytest.mark.parametrize(
    ("line", "statement", "reason"),
    [
        ("import statistics", "statistics.random.random()", "`statistics.random` is not allowed: it is the module"),
        ("import enum", "enum.sys.modules['time']", "`enum.sys` is not allowed: it is the module `sys`"),
        ("import datetime as d", "d.sys", "`datetime.sys` is not allowed"),
        ("from statistics import random as r", "r.random()", "`statistics.random` is not allowed"),
        ("import json", "json.decoder.scanner.c_make_scanner", ""),
        ("import json", "json.codecs.open", "it is the module `codecs`"),
        ("import collections", "collections._sys", "it is no public name"),
        ("import enum", "m = enum", "the module `enum` is only allowed in front"),
        ("import enum", "vars(enum)", "the module `enum` is only allowed in front"),
        ("import urllib.parse", "m = urllib", "the module `urllib` is only allowed in front"),
        ("import xml.etree.ElementTree as ET", "ET.sys", "it is the module `sys`"),
        ("import datetime", "getattr(datetime.datetime, 'n' + 'ow')()", "with the attribute's name written out"),
        ("import operator", "operator.attrgetter('__globals__')", "with the attribute's name written out"),
        ("import functools", "functools.reduce(getattr, ['a'], solve)", "with the attribute's name written out"),
        ("import string", "string.Formatter()", "makes code or attributes of text"),
        ("import typing", "typing.get_type_hints(solve)", "makes code or attributes of text"),
        ("", "(x for x in 'a').gi_frame.f_back.f_globals", "the attribute `gi_frame` is not allowed"),
        ("import enum", "x = lambda y=enum.sys, enum=1: y", "`enum.sys` is not allowed"),
        ("import enum", "x = [enum for enum in enum.sys.modules]", "`enum.sys` is not allowed"),
    ],
)
def test_no_module_is_reached_through_another_and_no_attribute_by_a_name_put_together(
    line: str, statement: str, reason: str
) -> None:
    reasons = " ".join(check_source(f"{line}\n" + in_body(statement)))
    assert reason in reasons
    assert bool(reasons) == bool(reason)


def test_a_class_pattern_reaches_no_further_than_an_attribute() -> None:
    source = "match solve:\n        case object(__globals__=found):\n            return found"
    assert "`__globals__` is not allowed" in only(check_source(in_body(source)))


@pytest.mark.parametrize(
    "above",
    [
        "class C(metaclass=M):\n    __match_args__ = ('__globals__',)",
        "class C(metaclass=M):\n    __match_args__ = ('__glo' + 'bals__',)",
        "class C(metaclass=M):\n    __match_args__: tuple = tuple(['a'])",
        "class C(metaclass=M):\n    (__match_args__, a) = (('a',), 1)",
        "class C(metaclass=M):\n    for __match_args__ in [('a',)]:\n        pass",
        "class C(metaclass=M):\n    def __match_args__(cls):\n        return ('a',)",
        "import re as __match_args__",
        "C = type('C', (), {'__match_args__': ('a',)})",
        "C = M('C', (), dict(__match_args__=('a',)))",
        "@dataclass\nclass C:\n    __globals__: int",
        "@dataclass\nclass C:\n    gi_frame: int",
        "C = make_dataclass('C', ['__globals__'])",
        "C = namedtuple('C', 'gi_frame')",
        "C = type('C', (), {'__annotations__': {'x=open': int}})",
        "class C:\n    __annotations__['x=open'] = int",
    ],
)
def test_no_class_lends_its_patterns_the_name_of_an_attribute_that_is_refused(above: str) -> None:
    imports = "from collections import namedtuple\nfrom dataclasses import dataclass, make_dataclass\nimport re\n"
    meta = "class M(type):\n    def __instancecheck__(cls, other):\n        return True\n"
    assert "is not allowed" in " ".join(check_source(f"{imports}{meta}{above}\n{SOLVE}"))


def test_a_class_may_name_the_fields_of_its_patterns() -> None:
    assert check_source(with_line("class C:\n    __match_args__ = ('left', 'right')")) == ()


@pytest.mark.parametrize(
    ("line", "statement"),
    [
        ("import functools", "functools.update_wrapper(a, solve, assigned=('a' + 'b',), updated=())"),
        ("from functools import update_wrapper as u", "u(a, solve)"),
        ("import functools", "functools.wraps(solve, assigned=('a' + 'b',))(a)"),
        ("import functools", "functools.wraps(solve, ('a' + 'b',))(a)"),
        ("import functools", "functools.wraps(*[solve, ('a' + 'b',)])(a)"),
        ("import functools", "w = functools.wraps"),
        ("import functools", "f = functools.singledispatch(solve)"),
        ("from functools import singledispatchmethod", "f = singledispatchmethod(solve)"),
        ("import dataclasses", "f = dataclasses.FunctionType"),
        ("import fractions", "f = fractions.operator.attrgetter('a' + 'b')"),
        ("import operator", "f = operator.attrgetter('real', 'a' + 'b')"),
        ("from operator import attrgetter as getattr", "f = getattr('a' + 'b', 'real')"),
        ("import enum", "enum.Enum._convert_('X', 'builtins', bool)"),
        ("import typing", "typing.get_args(typing.Optional['open'])[0]._evaluate({}, {}, frozenset())"),
        ("", "b = '{0.__globals__}'.format(solve)"),
        ("", "b = str.format('{x.__globals__[C]}', x=solve)"),
        ("", "b = '{0.__globals__}'.format_map([solve])"),
        ("import configparser", "configparser.io.open('/etc/hostname')"),
        ("import calendar", "f = calendar.datetime.datetime.now"),
    ],
)
def test_nothing_of_the_standard_library_reads_an_attribute_or_a_clock_by_another_way(
    line: str, statement: str
) -> None:
    reasons = " ".join(check_source(f"{line}\n" + in_body(statement)))
    assert "is not allowed" in reasons or "is only allowed with" in reasons


@pytest.mark.parametrize(
    "body",
    [
        "import enum\n    def inner():\n        nonlocal enum\n        s = enum.sys\n        enum = s\n    inner()",
        "enum = 1\n    def inner():\n        nonlocal enum\n        import enum\n    inner()\n    b = enum.sys",
        "enum = 1\n    def inner():\n        import enum\n        return enum.sys\n    b = inner()",
        "enum = 1\n    class C:\n        import enum\n        s = enum.sys",
    ],
)
def test_no_variable_of_another_function_hides_an_import(body: str) -> None:
    assert "`enum.sys` is not allowed" in " ".join(check_source(in_body(body)))


@pytest.mark.parametrize(
    ("line", "statement"),
    [
        ("import string", "x = (lambda string: string.lower())('a')"),
        ("import functools", "x = functools.wraps(solve)(lambda: 1)"),
        ("", "x = '__init__, __name__ and __bold__ are words'"),
        ("import string", "x = [string.upper() for string in ['a']]"),
        ("import html", "html = 'a'; x = html"),
        ("import operator", "x = operator.attrgetter('real')(a)"),
        ("import operator", "x = sorted([(1, 2)], key=operator.itemgetter(1))"),
        ("", "x = getattr(a, 'real', 0)"),
        ("import datetime", "x = datetime.datetime.strptime"),
        ("import xml.etree.ElementTree as ET", "x = ET.fromstring('<a/>')"),
        ("import urllib.parse", "x = urllib.parse.quote('a')"),
        ("from collections import abc", "x = isinstance(a, abc.Sized)"),
        ("import re", "x = re.Match"),
    ],
)
def test_a_variable_with_the_name_of_a_module_and_every_public_name_are_allowed(line: str, statement: str) -> None:
    assert check_source(f"{line}\n" + in_body(statement)) == ()


def test_a_module_that_may_not_be_imported_is_not_imported_to_check_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "this", raising=False)
    assert "`this` may not be imported" in only(check_source(f"import this\n{in_body('x = this.s')}"))
    assert "this" not in sys.modules
