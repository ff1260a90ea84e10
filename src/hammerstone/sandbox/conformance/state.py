"""Seeing what another call was given or left, and what the host has in its environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hammerstone.sandbox.conformance.attack import Attack, Outside
from hammerstone.sandbox.contract import Outcome, Status

if TYPE_CHECKING:
    from hammerstone.types import JSON

__all__ = ["ATTACKS"]


def _word(outside: Outside) -> dict[str, JSON]:
    return {"word": f"carried-{outside.abstract_name}"}


def _nothing_differs_but_by_seed(outcomes: Sequence[Outcome]) -> str:
    first, again, other = (outcome.value for outcome in outcomes)
    if first != again:
        return "the same seed gave two hashes"
    return "two seeds gave the same hash" if first == other else ""


ATTACKS = (
    Attack(
        name="find_the_builtins_of_the_call_before",
        description="leave an attribute on builtins, sys and a module",
        steps=("leave", "look"),
        ends=frozenset({Status.OK}),
        program="""
import builtins, math, sys
def leave():
    builtins.left = sys.left = math.left = "x"
def look():
    return "escaped" if any(hasattr(module, "left") for module in (builtins, math, sys)) else "nothing"
""",
    ),
    Attack(
        name="find_the_globals_of_the_call_before",
        description="count calls in a global of the same program",
        steps=("count", "count"),
        ends=frozenset({Status.OK}),
        program="""
calls = []
def count():
    calls.append(1)
    return "escaped" if len(calls) > 1 else "first"
""",
    ),
    Attack(
        name="poison_the_import_machinery",
        description="put a module, a finder and a path hook in the way of later imports",
        steps=("poison", "look"),
        ends=frozenset({Status.OK}),
        program="""
import sys, types
def poison():
    fake = types.ModuleType("heapq")
    fake.heappop = lambda heap: "escaped"
    sys.modules["heapq"] = fake
    sys.meta_path.insert(0, None)
    sys.path.insert(0, "/tmp")
def look():
    import heapq
    return heapq.heappop(["fine"]) if sys.meta_path[0] else "escaped"
""",
    ),
    Attack(
        name="import_what_it_wrote",
        description="write a module to the working folder that a later import would find",
        program="""
import sys
def attack():
    with open("tabnanny.py", "w") as file:
        file.write("print('escaped')")
    import tabnanny
    return "imported the real one"
""",
    ),
    Attack(
        name="trace_the_caller",
        description="sys.settrace, sys.setprofile and an audit hook to be called in the next call",
        steps=("trace", "look"),
        ends=frozenset({Status.OK}),
        program="""
import sys
def trace():
    sys.settrace(lambda *a: None)
    sys.setprofile(lambda *a: None)
    sys.addaudithook(lambda *a: None)
def look():
    return "escaped" if sys.gettrace() or sys.getprofile() else "untraced"
""",
    ),
    Attack(
        name="search_the_interpreter_for_the_call_before",
        description="walk all frames and objects for the argument of the call before",
        arguments=_word,
        steps=("carry", "search"),
        program="""
import gc, sys
def carry(word):
    return None
def search(word):
    found = 0
    frame = sys._getframe()
    while frame is not None:
        for name, value in [*frame.f_locals.items(), *frame.f_globals.items()]:
            if isinstance(value, (bytes, bytearray)) and word.encode() in value:
                found += 1
        frame = frame.f_back
    for thing in gc.get_objects():
        if isinstance(thing, (list, tuple)) and any(isinstance(x, (bytes, bytearray)) and word.encode() in x
                                                    for x in thing):
            found += 1
    return "escaped" if found else "nothing"
""",
    ),
    Attack(
        name="read_the_environment",
        description="find variables of the host in os.environ",
        program="""
import os
def attack():
    names = set(os.environ) - {"LC_CTYPE"}
    return "escaped: " + " ".join(names) if names else "empty"
""",
    ),
    Attack(
        name="read_the_environment_in_memory",
        description="find variables of the host in the C library's environ, and on the stack above it",
        program="""
import ctypes, os
def attack():
    os.putenv("marker", "x")
    libc = ctypes.CDLL(None)
    environ = ctypes.POINTER(ctypes.c_char_p).in_dll(libc, "environ")
    index, names = 0, set()
    while environ[index]:
        names.add(environ[index].decode().partition("=")[0])
        index += 1
    libc.getauxval.restype = ctypes.c_void_p
    libc.getauxval.argtypes = [ctypes.c_ulong]
    program = libc.getauxval(31)  # AT_EXECFN, just above the environment the kernel put there
    stack = ctypes.string_at(program - 512, 512).split(b"\\0")[1:] if program else []
    above = {entry.decode(errors="replace").partition("=")[0] for entry in stack if b"=" in entry}
    names |= {name for name in above if name.isidentifier() and name.isupper()}
    names -= {"marker", "LC_CTYPE", "PYTHONHASHSEED", "GLIBC_TUNABLES", "PWD"}
    return "escaped: " + " ".join(sorted(names)) if names else "empty"
""",
    ),
    Attack(
        name="know_the_hash_seed",
        description="hashes of strings are the same in every call with a seed, and differ between the seeds",
        steps=("hashed", "hashed", "hashed@1"),
        cpython=True,
        ends=frozenset({Status.OK}),
        check=_nothing_differs_but_by_seed,
        program="def hashed():\n    return hash('hammerstone')\n",
    ),
)
