"""A worker runs the statements of a module that call none of its functions."""

from __future__ import annotations

import ast

import pytest

from hammerstone.sandbox import Limits, Sandbox, Status
from hammerstone.sandbox.inside.definitions import beginning

WHOLE = '''
"""A tool."""
from __future__ import annotations
import re, math
from collections import Counter
import typing
NAMES: dict[str, str] = {"a": "b", **{"c": "d"}}
WORD = r"[a-z]+"
PATTERN = re.compile("^" + re.escape(WORD) + f"{len(WORD)}", re.IGNORECASE | re.MULTILINE)
CLOSERS = frozenset(NAMES.values())
KEYS = {text: key for key, text in NAMES.items() if text != "x"}
LETTERS = tuple("aeiou")
TEXT = ", ".join([*NAMES, *LETTERS][:3]) * 2
def solve(text: str, number: typing.Optional[int] = 1, *rest: Counter, kept: list[str] | None = None) -> dict | None:
    return open("/etc/passwd")
LATER = {"function": solve, "size": -1 if LETTERS else 0}
'''


def runs(source: str) -> int:
    return beginning(ast.parse(source).body)


def test_imports_constants_patterns_and_functions_are_definitions() -> None:
    assert runs(WHOLE) == len(ast.parse(WHOLE).body)


CALLING = {
    "a call": "X = solve()",
    "a call of a result": "X = str(1)()",
    "a decorator": "@solve\ndef other(): pass",
    "a class": "class Thing: pass",
    "a builtin that was rebound": "str = solve\nX = str(1)",
    "a builtin that is a function of the module": "def len(x): return 1\nX = len('')",
    "a builtin that is an import": "from random import random as len\nX = len()",
    "a builtin that a comprehension binds": "X = [str(1) for str in [solve]]",
    "re that a comprehension binds": "import re\nX = [re.compile('') for re in [solve]]",
    "re that was rebound": "import re\nre = [solve]\nX = re.compile('')",
    "a module that re has imported": "import re\nX = re.enum",
    "another function of re": "import re\nX = re.sub('a', solve, 'a')",
    "flags that are computed": "import re\nX = re.compile('a', re.template('a'))",
    "a module's module": "import random\nX = random._os.replace('a', 'b')",
    "a module's module by name": "import random\nos = random._os\nX = os.replace('a', 'b')",
    "a module's function": "import random\nX = random.random",
    "a module in a value": "import random\nX = [random]",
    "an imported method": "from random import Random\nX = Random.items(1)",
    "an attribute": "X = solve.__globals__",
    "a method that is not listed": "X = [3].sort(key=solve)",
    "a sort": "X = sorted([1], key=solve)",
    "an annotation": "def other(x: solve()): pass",
    "a module's module in an annotation": "import random\nx: random._os.sys.modules['ctypes'].cdll.libm = 1",
    "an operator in an annotation": "x: [1] * 9 = 1",
    "a default": "def other(x=solve()): pass",
    "what the annotations are kept in": "import random\nx: random._os = 1\nX = __annotations__['x'].replace('a', 'b')",
    "the builtins": "__builtins__ = {'str': solve}",
    "the builtins by import": "import re as __builtins__",
    "a hook of the module": "def __getattr__(name): pass",
    "a lambda": "X = (lambda: 1)()",
    "an assignment to an item": "X = {}\nX['a'] = 1",
    "a loop": "for x in [1]: pass",
    "a condition": "if solve: X = 1",
    "a star import": "from random import *",
    "a module that is not for tools": "import os",
    "a part of its own": "from . import solve",
    "a name that is not there": "X = globals",
    "a walrus": "X = [(y := 1)]",
    "a large power": "X = 9 ** 99999999",
}


@pytest.mark.parametrize("name", CALLING)
def test_what_could_call_a_function_of_the_module_is_left_to_the_call(name: str) -> None:
    source = f"def solve(): pass\n{CALLING[name]}\n"
    assert runs(source) < len(ast.parse(source).body)


pytestmark = pytest.mark.anyio


async def test_the_rest_of_a_module_is_run_in_every_call(cpython: Sandbox) -> None:
    source = "import random\nSEEN = []\nSEEN.append(len(SEEN))\ndef solve(x):\n    SEEN.append(x)\n    return SEEN\n"
    assert [(await cpython.call(source, "solve", {"x": x})).value for x in (1, 2)] == [[0, 1], [0, 2]]


async def test_a_call_changes_no_constant_for_the_next(cpython: Sandbox) -> None:
    source = "SEEN = {}\ndef solve(x):\n    SEEN[x] = len(SEEN)\n    return SEEN\n"
    assert [(await cpython.call(source, "solve", {"x": x})).value for x in "ab"] == [{"a": 0}, {"b": 0}]


async def test_annotations_stay_text_where_the_module_says_so(cpython: Sandbox) -> None:
    source = "from __future__ import annotations\nprint()\ndef solve(x: unknown): return str(solve.__annotations__)\n"
    assert (await cpython.call(source, "solve", {"x": 1})).value == "{'x': 'unknown'}"


async def test_a_definition_that_fails_is_an_error_of_the_call_with_its_line(cpython: Sandbox) -> None:
    outcome = await cpython.call("X = 1\nY = (1, 2)[3]\ndef solve(): pass\n", "solve", {})
    assert (outcome.status, outcome.error) == (
        Status.ERROR,
        "IndexError: tuple index out of range (line 2: Y = (1, 2)[3])",
    )


async def test_a_worker_keeps_no_large_constant(cpython: Sandbox) -> None:
    source = "X = [0] * 30_000_000\ndef solve(): return len(X)\n"
    assert (await cpython.call(source, "solve", {})).value == 30_000_000
    assert (await cpython.call(source, "solve", {}, limits=Limits(memory_bytes=100 << 20))).status is Status.MEMORY
