"""Lying about the result, breaking the way it comes back, returning what is not JSON."""

from __future__ import annotations

from collections.abc import Sequence

from hammerstone.sandbox.conformance.attack import Attack
from hammerstone.sandbox.contract import Outcome, Status

__all__ = ["ATTACKS"]

ERROR = frozenset({Status.ERROR})


def _refused(name: str, description: str, program: str, *, cpython: bool = False) -> Attack:
    """The value is not JSON, and so an error that the maker can read."""
    return Attack(name=name, description=description, program=program, ends=ERROR, cpython=cpython)


def _short(outcomes: Sequence[Outcome]) -> str:
    return f"the error has {len(outcomes[-1].error)} characters" if len(outcomes[-1].error) > 4000 else ""


def _is_list(outcomes: Sequence[Outcome]) -> str:
    return "" if outcomes[-1].value == [1, [2, 3]] else f"the value came back as {outcomes[-1].value!r}"


ATTACKS = (
    _refused("return_not_a_number", "NaN", "def attack():\n    return [float('nan')]\n"),
    _refused("return_infinity", "Infinity", "def attack():\n    return {'x': float('-inf')}\n"),
    _refused("return_a_set", "a set", "def attack():\n    return {1, 2}\n"),
    _refused("return_a_function", "a function", "def attack():\n    return attack\n"),
    _refused("return_a_generator", "a generator", "def attack():\n    return (x for x in [1])\n", cpython=True),
    _refused("return_bytes", "bytes", "def attack():\n    return b'x'\n"),
    _refused("return_a_cycle", "a list within itself", "def attack():\n    a = []\n    a.append(a)\n    return a\n"),
    _refused("return_other_keys", "a dictionary with numbers for keys", "def attack():\n    return {'a': {1: 2}}\n"),
    _refused("return_half_a_character", "a lone surrogate", "def attack():\n    return '\\ud800'\n", cpython=True),
    Attack(
        name="return_a_huge_integer",
        description="an integer of more digits than Python converts, the limit taken away",
        ends=frozenset({Status.ERROR, Status.TIMEOUT}),
        program="import sys\ndef attack():\n    sys.set_int_max_str_digits(0)\n    return 10 ** 6000\n",
    ),
    Attack(
        name="return_a_deep_value",
        description="a list nested a hundred thousand deep",
        ends=frozenset({Status.ERROR, Status.KILLED, Status.MEMORY}),
        program="def attack():\n    a = []\n    for _ in range(100_000):\n        a = [a]\n    return a\n",
    ),
    Attack(
        name="return_tuples",
        description="tuples become lists, and nothing else changes",
        ends=frozenset({Status.OK}),
        check=_is_list,
        program="def attack():\n    return (1, (2, 3))\n",
    ),
    Attack(
        name="end_the_process",
        description="os._exit with the code of success",
        ends=frozenset({Status.KILLED}),
        program="import os\ndef attack():\n    os._exit(0)\n",
    ),
    _refused("exit_politely", "sys.exit", "import sys\ndef attack():\n    sys.exit(0)\n"),
    Attack(
        name="crash",
        description="read address 0 in native code",
        ends=frozenset({Status.KILLED}),
        program="import ctypes\ndef attack():\n    return ctypes.string_at(0)\n",
    ),
    Attack(
        name="close_every_descriptor",
        description="close all descriptors and return",
        ends=frozenset({Status.KILLED}),
        program="import os\ndef attack():\n    os.closerange(0, 1000)\n    return 1\n",
    ),
    Attack(
        name="close_the_result_and_go_on",
        description="look finished to the worker while running without end",
        ends=frozenset({Status.KILLED, Status.TIMEOUT}),
        program="import os\ndef attack():\n    os.close(3)\n    while True:\n        pass\n",
    ),
    Attack(
        name="write_rubbish_to_every_descriptor",
        description="write noise wherever something listens",
        program="""
import os
def attack():
    for descriptor in range(64):
        try:
            os.write(descriptor, b"\\xff" * 64)
        except OSError:
            pass
    os._exit(0)
""",
    ),
    Attack(
        name="forge_a_frame",
        description="write a frame that claims more than it holds, of a kind that does not exist",
        ends=frozenset({Status.KILLED, Status.OUTPUT, Status.ERROR}),
        program="""
import os, struct
def attack():
    os.write(3, struct.pack("!BI", 77, 4) + b"null")
    os._exit(0)
""",
    ),
    Attack(
        name="forge_the_frame_of_the_next_call",
        description="write two frames, the second for whoever calls next",
        program="""
import os, struct
def attack():
    frame = struct.pack("!BI", 1, 9) + b'"escaped"'
    os.write(3, struct.pack("!BI", 1, 4) + b"null" + frame * 100)
    os._exit(0)
""",
    ),
    Attack(
        name="forge_a_value_that_is_not_json",
        description="write a frame of success around NaN",
        ends=ERROR,
        program="""
import os, struct
def attack():
    os.write(3, struct.pack("!BI", 1, 3) + b"NaN")
    os._exit(0)
""",
    ),
    Attack(
        name="forge_a_report_of_the_worker",
        description="write the worker's own kind of frame to every descriptor",
        program="""
import os, struct
def attack():
    report = struct.pack("!BBiddII", 0, 1, 0, 0.0, 0.0, 9, 0) + b'"escaped"'
    for descriptor in range(64):
        try:
            os.write(descriptor, report)
        except OSError:
            pass
    os._exit(0)
""",
    ),
    Attack(
        name="replace_json_and_builtins",
        description="replace json.dumps, struct.pack, os.write, len and print for whoever calls next",
        steps=("attack", "look"),
        ends=frozenset({Status.OK}),
        program="""
import builtins, json, os, struct
def attack():
    json.JSONEncoder.encode = json.dumps = lambda *a, **k: '"escaped"'
    builtins.len = lambda x: 0
    builtins.print = lambda *a: None
    return [1, 2]
def look():
    return "escaped" if len([1]) != 1 or json.dumps(1) != "1" else "untouched"
""",
    ),
    Attack(
        name="raise_a_hostile_exception",
        description="an exception whose text never ends",
        ends=frozenset({Status.ERROR, Status.TIMEOUT}),
        program="""
class Bad(Exception):
    def __str__(self):
        while True:
            pass
def attack():
    raise Bad()
""",
    ),
    Attack(
        name="raise_a_long_exception",
        description="an exception with a megabyte of text",
        ends=ERROR,
        check=_short,
        program="def attack():\n    raise ValueError('x' * 1_000_000)\n",
    ),
    Attack(
        name="run_at_exit",
        description="a function to be called when the interpreter exits, after the result",
        program="import atexit\ndef attack():\n    atexit.register(print, 'escaped')\n    return 1\n",
    ),
)
