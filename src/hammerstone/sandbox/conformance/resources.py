"""Using more than the limits allow."""

from __future__ import annotations

from hammerstone.sandbox.conformance.attack import Attack
from hammerstone.sandbox.contract import Status

__all__ = ["ATTACKS"]

TIMEOUT = frozenset({Status.TIMEOUT})
MEMORY = frozenset({Status.MEMORY, Status.KILLED})
OUTPUT = frozenset({Status.OUTPUT})

ATTACKS = (
    Attack(
        name="compute_without_end",
        description="a loop that never ends",
        ends=TIMEOUT,
        program="def attack():\n    while True:\n        pass\n",
    ),
    Attack(
        name="compute_without_end_at_the_top_level",
        description="a loop that never ends before any function is called",
        ends=TIMEOUT,
        program="while True:\n    pass\n\ndef attack():\n    return 1\n",
    ),
    Attack(
        name="compute_in_one_instruction",
        description="a power that keeps one C function busy, where Python checks nothing",
        ends=frozenset({Status.TIMEOUT, Status.MEMORY, Status.ERROR, Status.KILLED}),
        program="def attack():\n    x = 9\n    return len(str(x ** (x ** 8))) > 0\n",
    ),
    Attack(
        name="match_without_end",
        description="a regular expression that backtracks exponentially",
        ends=frozenset({Status.TIMEOUT, Status.OK}),  # an engine without backtracking may well answer
        program="import re\ndef attack():\n    return bool(re.match(r'(a+)+$', 'a' * 40 + 'b'))\n",
    ),
    Attack(
        name="swallow_every_exception",
        description="a loop that catches whatever is thrown at it",
        ends=TIMEOUT,
        program="""
def attack():
    while True:
        try:
            while True:
                pass
        except BaseException:
            pass
""",
    ),
    Attack(
        name="sleep_without_end",
        description="wait, using no CPU time",
        ends=TIMEOUT,
        program="""
import _thread
def attack():
    never_released = _thread.allocate_lock()
    while True:
        never_released.acquire()
""",
    ),
    Attack(
        name="take_all_memory",
        description="append without end",
        ends=MEMORY | TIMEOUT,
        program="def attack():\n    held = []\n    while True:\n        held.append('x' * 16_000_000)\n",
    ),
    Attack(
        name="take_memory_at_once",
        description="one object larger than the limit",
        ends=MEMORY,
        program="def attack():\n    return len('x' * 2_000_000_000)\n",
    ),
    Attack(
        name="take_memory_from_the_kernel",
        description="map memory without Python's allocator, shared so that some limits do not count it",
        program="import mmap\ndef attack():\n    mmap.mmap(-1, 2_000_000_000)\n    return 'escaped'\n",
    ),
    Attack(
        name="print_without_end",
        description="print gigabytes",
        ends=OUTPUT,
        program="def attack():\n    while True:\n        print('x' * 10_000)\n",
    ),
    Attack(
        name="write_to_stderr_without_end",
        description="write gigabytes to descriptor 2",
        ends=OUTPUT,
        program="import os\ndef attack():\n    while True:\n        os.write(2, b'x' * 10_000)\n",
    ),
    Attack(
        name="return_too_much",
        description="a result larger than the limit",
        ends=OUTPUT,
        program="def attack():\n    return 'x' * 1_000_000\n",
    ),
    Attack(
        name="recurse_without_end",
        description="a recursion with the interpreter's limit taken away",
        ends=frozenset({Status.ERROR, Status.KILLED, Status.MEMORY, Status.TIMEOUT}),
        program="""
def attack(depth=0):
    import sys
    sys.setrecursionlimit(10**9)
    def down(depth):
        return down(depth + 1) + 1
    return down(0)
""",
    ),
    Attack(
        name="open_every_descriptor",
        description="duplicate descriptors until the system has none left",
        program="""
import os
def attack():
    held = []
    while len(held) < 1000:
        held.append(os.dup(0))
    return "escaped"
""",
    ),
    Attack(
        name="compile_without_end",
        description="source that is hard to compile: the compiler must not be hung or crashed for others",
        ends=frozenset({Status.ERROR, Status.KILLED, Status.MEMORY, Status.TIMEOUT}),
        program="def attack():\n    return " + "-" * 50_000 + "1\n",
    ),
)
