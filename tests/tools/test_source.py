"""Reading a module: what Python compiles within bounds, and a reason for everything else."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hammerstone.tools.code_checks import check_source
from hammerstone.tools.source import MAX_SOURCE_CHARS, SourceError, parse_module

from ..samples.good_modules import GOOD_MODULES, GoodModule

SOLVE = "def solve(a: int) -> str:\n    return ''\n"

# Each took seconds, or memory by the gigabyte, or ended in another error than a refusal.
HOSTILE = {
    "parentheses": "(" * 5_000,
    "signs": "-" * 60_000 + "1",
    "tildes": "~" * 60_000,
    "stars": "*" * 60_000,
    "attributes": "a" + ".a" * 30_000,
    "a dotted import": "import a" + ".a" * 30_000,
    "a dotted import over lines": "import a" + ".\\\na" * 15_000,
    "calls in a row": "a" + ".b()" * 10_000,
    "calls of now": ("a" + ".now()" * 90 + "\n") * 110,
    "lambdas": "lambda:" * 9_000,
    "a decimal": "x = " + "9" * 60_000,
    "a hexadecimal": "x = 0x" + "f" * 60_000,
    "an octal": "x = 0o" + "7" * 60_000,
    "a binary": "x = 0b" + "1" * 60_000,
    "a hexadecimal at top level": "0x" + "f" * 4_000,
    "a hexadecimal that is called": "def f():\n    return (0x" + "f" * 4_000 + ").now()",
    "targets": "x = " * 15_000 + "1",
    "decorators": "@a\n" * 15_000 + "def f(): pass",
    "keywords": "f(" + ", ".join(f"a{number}=1" for number in range(6_000)) + ")",
    "fields of an f-string": "f'" + "{1}" * 20_000 + "'",
    "fields of a format": "f'{1:" + "{1}" * 15_000 + "}'",
    "statements": "x;" * 30_000,
    "slices": "a[" + ":," * 30_000 + "]",
    "imports": "import " + ", ".join(["a"] * 20_000),
    "definitions in cases": "match x:\n" + " case 1:\n  def f(): pass\n" * 2_200,
    "definitions in handlers": "try:\n x\n" + "except a:\n def f(): pass\n" * 2_200,
    "elifs": "if 1: pass\n" + "elif 1: pass\n" * 4_000,
    "indentation": "\n".join(" " * depth + "if 1:" for depth in range(200)),
    "terms": "1 + " * 15_000 + "1",
    "escapes": "x = '" + "\\x41" * 15_000 + "'",
    "names of characters": "x = '" + "\\N{DASH}" * 6_000 + "'",
    "an open string": "'''" + "a\n" * 30_000,
    "a long name": "a" * 60_000,
    "compatibility characters": "\ufb01" * 60_000,
    "a null character": "x = 1\0",
    "a null character in an annotation": "x: 'a\\0b' = 1",
    "half of a surrogate pair": "x = '\ud800'",
    "an unknown encoding": "# coding: nonsense",
    "UTF-7": "# coding: utf-7\nx = '+AHg-'",
    "a byte order mark": "\ufeffx = 1",
    "carriage returns": "x = 1\rx = 2\r",
    "form feeds": "\fx = 1\n\f",
    "line separators": "x = 1\u2028y = 2",
    "bidirectional marks": "x = '\u202e'",
    "no space": "x\u200b = 1",
    "a formatted string": "'" + "{a.b[c]!r:{d}}" * 1_900 + "'.format(1)",
    "a percent string": "'" + "%(a)s" * 10_000 + "' % {}",
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_source_is_read_or_refused(source: str) -> None:
    for whole in (source, f"{source}\n{SOLVE}", f"{SOLVE}{source}"):
        reasons = check_source(whole[:MAX_SOURCE_CHARS])
        assert all(isinstance(reason, str) and len(reason) <= 2_000 for reason in reasons)
        assert len(reasons) <= 40


LIMITED = """
import resource, sys
from hammerstone.tools.code_checks import check_source
check_source("def solve(a: int) -> str: return missing")
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 300_000_000,) * 2)
used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
resource.setrlimit(resource.RLIMIT_CPU, (int(used) + 5,) * 2)
print(len(check_source(sys.stdin.read())) > 0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc and limits on memory that the kernel keeps")
@pytest.mark.parametrize("name", ["a dotted import", "fields of an f-string", "definitions in cases", "calls of now"])
def test_the_worst_of_them_cost_little_time_and_memory(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED], input=HOSTILE[name], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr[-500:]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("x = 1\ny = = 2\n", "the source is not valid Python 3.11: invalid syntax (line 2)"),
        ("return 1", "the source is not valid Python 3.11: 'return' outside function (line 1)"),
        ("x" * 64_001, "the source has 64,001 characters; at most 64,000 are allowed"),
        ("x = " + "{}," * 4_001, "the source has more than 4,000 opening braces"),
        ("x" + ".y\nx" * 4_001, "the source has more than 4,000 names after a dot"),
        ("x = [" + "1," * 12_000 + "]", "the source has more than 12,000 names, values and operations"),
        ("x = " + "[" * 190 + "1" + "+1" * 20 + "]" * 190, "the source is nested too deeply"),
        ("x = 1\ny = 0x" + "f" * 4_000, "the source has an integer of 16,000 bits (line 2)"),
    ],
    ids=range(8),
)
def test_a_source_that_is_refused_has_one_reason(source: str, reason: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_module(source)
    assert str(caught.value) == reason


@pytest.mark.parametrize("module", GOOD_MODULES.values(), ids=GOOD_MODULES.keys())
def test_a_good_module_is_far_within_bounds(module: GoodModule) -> None:
    parse_module(module.source + module.source.replace("from __future__ import annotations", "") * 4)


@pytest.mark.parametrize(
    "source",
    [
        "TABLE = [" + ", ".join(str(number / 8) for number in range(6_000)) + "]",
        "TABLE = {" + ", ".join(f"'word {number}': {{'a': {number}}}" for number in range(1_900)) + "}",
        "TEXT = '''" + "All work and no play. {braces}\n" * 1_500 + "'''",
        "x = " + "('a'\n" + "    'b'\n" * 5_000 + ")",
        "if x == 0:\n    y = 0\n" + "elif x == 1:\n    y = 1\n" * 90,
        "x = " + " + ".join(["1"] * 150),
    ],
    ids=range(6),
)
def test_long_tables_texts_and_chains_are_no_fault(source: str) -> None:
    parse_module(source)
