"""Every backend runs honest programs, and reports honest mistakes."""

from __future__ import annotations

import resource

import anyio
import pytest

from hammerstone.errors import SandboxError
from hammerstone.sandbox import Limits, Outcome, Sandbox, Status

pytestmark = pytest.mark.anyio

ECHO = "def echo(value):\n    return value\n"


async def call(sandbox: Sandbox, program: str, function: str = "solve", **arguments: object) -> Outcome:
    return await sandbox.call(program, function, arguments)  # type: ignore[arg-type] - some tests pass what is not JSON


async def test_arguments_are_passed_by_keyword(sandbox: Sandbox) -> None:
    program = "def solve(first, *, second=10, third=0):\n    return [first, second, third]\n"
    outcome = await call(sandbox, program, third=3, first=1)
    assert outcome.value == [1, 10, 3]
    assert outcome.ok


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -1.5, 2**70, "", 'naïve, 日本語 🪨 \u2028 \0 " \\', [], [[1], {}], {"ключ": [None, {"a": 1.0}]}],
)
async def test_every_json_value_comes_back_as_it_went(sandbox: Sandbox, value: object) -> None:
    outcome = await call(sandbox, ECHO, "echo", value=value)
    assert outcome == Outcome(
        status=Status.OK, value=value, cpu_seconds=outcome.cpu_seconds, wall_seconds=outcome.wall_seconds
    )


async def test_unicode_in_the_source_and_in_prints_is_kept(sandbox: Sandbox) -> None:
    outcome = await call(sandbox, "def solve():\n    print('größer → 日本')\n    return '🪨'\n")
    assert (outcome.value, outcome.printed) == ("🪨", "größer → 日本\n")


async def test_large_arguments_and_results_pass(sandbox: Sandbox) -> None:
    text = "abc" * 200_000
    outcome = await call(sandbox, ECHO, "echo", value=text)
    assert outcome.value == text


async def test_what_is_printed_is_never_the_result(sandbox: Sandbox) -> None:
    outcome = await call(sandbox, "def solve():\n    print('{\"value\": 1}')\n    return 2\n")
    assert (outcome.value, outcome.printed) == (2, '{"value": 1}\n')


async def test_an_error_names_its_type_message_line_and_source(sandbox: Sandbox) -> None:
    outcome = await call(sandbox, "def solve(x):\n    y = x\n    raise ValueError('bad day')  # here\n", x=1)
    assert outcome.status is Status.ERROR
    assert outcome.error == "ValueError: bad day (line 3: raise ValueError('bad day')  # here)"


async def test_what_was_printed_before_an_error_is_kept(sandbox: Sandbox) -> None:
    outcome = await call(sandbox, "def solve():\n    print('so far')\n    return 1 / 0\n")
    assert outcome.status is Status.ERROR
    assert outcome.error.startswith("ZeroDivisionError")
    assert outcome.printed == "so far\n"


async def test_source_that_does_not_compile_is_an_error_of_the_call(sandbox: Sandbox) -> None:
    outcome = await call(sandbox, "def solve(:\n    return 1\n")
    assert outcome.status is Status.ERROR
    assert outcome.value is None
    assert outcome.error


async def test_a_syntax_error_shows_its_line(cpython: Sandbox) -> None:
    outcome = await call(cpython, "x = 1\ndef solve(:\n    return 1\n")
    assert outcome.error.startswith("SyntaxError")
    assert "(line 2: def solve(:)" in outcome.error


async def test_an_error_at_the_top_level_is_an_error_of_the_call(sandbox: Sandbox) -> None:
    outcome = await call(sandbox, "x = []\ny = x[3]\ndef solve():\n    return 1\n")
    assert outcome.error == "IndexError: list index out of range (line 2: y = x[3])"


async def test_a_missing_function_is_named(sandbox: Sandbox) -> None:
    outcome = await call(sandbox, "def other():\n    return 1\n")
    assert outcome.status is Status.ERROR
    assert "'solve'" in outcome.error


async def test_the_functions_that_there_are_are_named(cpython: Sandbox) -> None:
    outcome = await call(cpython, "import math\ndef parse():\n    return 1\ndef unparse():\n    return 1\n")
    assert outcome.error == "NameError: the program defines no function 'solve'; it defines: parse, unparse"


@pytest.mark.parametrize("name", ["", "a b", "solve()", "__import__('os').getcwd"])
async def test_what_is_not_a_name_is_no_function(sandbox: Sandbox, name: str) -> None:
    assert (await call(sandbox, "def solve():\n    return 1\n", name)).status is Status.ERROR


async def test_wrong_arguments_are_an_error_of_the_call(sandbox: Sandbox) -> None:
    outcome = await call(sandbox, "def solve(x):\n    return x\n", y=1)
    assert outcome.status is Status.ERROR
    assert outcome.error.startswith("TypeError: solve() got an unexpected keyword argument 'y'")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, "\ud800"])
async def test_arguments_that_are_not_json_are_an_error_of_the_call(sandbox: Sandbox, value: object) -> None:
    assert (await call(sandbox, ECHO, "echo", value=value)).status is Status.ERROR


async def test_calls_run_at_the_same_time_and_keep_their_answers_apart(sandbox: Sandbox) -> None:
    program = "def solve(n):\n    print(n)\n    return sum(range(n))\n"
    outcomes: dict[int, Outcome] = {}

    async def one(n: int) -> None:
        outcomes[n] = await call(sandbox, program, n=n)

    async with anyio.create_task_group() as group:
        for n in range(20):
            group.start_soon(one, n)
    assert {n: (outcome.value, outcome.printed) for n, outcome in outcomes.items()} == {
        n: (sum(range(n)), f"{n}\n") for n in range(20)
    }


async def test_the_output_limit_holds_for_what_is_printed_before_the_result(sandbox: Sandbox) -> None:
    limits = Limits(output_bytes=1000)
    program = "def solve(n):\n    print('x' * n)\n    return 1\n"
    within = await sandbox.call(program, "solve", {"n": 900}, limits=limits)
    beyond = await sandbox.call(program, "solve", {"n": 1100}, limits=limits)
    assert (within.status, beyond.status) == (Status.OK, Status.OUTPUT)
    assert len(beyond.printed) <= 1000


async def test_the_memory_limit_is_the_calls_own(sandbox: Sandbox) -> None:
    program = "def solve():\n    return len('x' * 40_000_000)\n"
    small = await sandbox.call(program, "solve", {}, limits=Limits(memory_bytes=32 * 1024**2))
    assert small.status is Status.MEMORY
    assert (await call(sandbox, program)).value == 40_000_000


async def test_a_third_hash_seed_is_a_mistake_of_ours(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="0 or 1"):
        await sandbox.call(ECHO, "echo", {"value": 1}, hash_seed=2)


async def test_both_hash_seeds_answer(sandbox: Sandbox) -> None:
    for seed in (0, 1):
        assert (await sandbox.call(ECHO, "echo", {"value": seed}, hash_seed=seed)).value == seed


GREEDY = """
def values():
    return ["x" * 1000] * 40_000

def shared():
    x = [1]
    for _ in range(21):
        x = [x, x]
    return x

def numbers():
    return list(range(1_000_000))

def error():
    raise ValueError("x" * 40_000_000)

def printed():
    print("x" * 40_000_000)
"""


@pytest.mark.parametrize("function", ["values", "shared", "numbers", "error", "printed"])
async def test_whatever_a_call_returns_raises_or_prints_does_not_take_the_hosts_memory(
    sandbox: Sandbox, function: str
) -> None:
    await sandbox.call(GREEDY, "nothing", {})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcome = await sandbox.call(GREEDY, function, {})
    assert not outcome.ok
    assert len(outcome.error) < 4000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 * 1024


LEFT = "left = []\ndef leave(x):\n    left.append(x)\n    return left\n"


async def test_calls_of_one_process_find_what_the_earlier_ones_left(sandbox: Sandbox) -> None:
    async with sandbox.process(LEFT) as process:
        assert [(await process.call("leave", {"x": x})).value for x in (1, 2)] == [[1], [1, 2]]


async def test_no_other_process_finds_what_one_has_left(sandbox: Sandbox) -> None:
    async with sandbox.process(LEFT) as process:
        await process.call("leave", {"x": 1})
        async with sandbox.process(LEFT) as other:
            assert (await other.call("leave", {"x": 2})).value == [2]
    assert (await call(sandbox, LEFT, "leave", x=3)).value == [3]


async def test_a_process_goes_on_after_an_error_and_not_after_its_end(cpython: Sandbox) -> None:
    program = "import os\ndef fail():\n    return 1 / 0\ndef one():\n    return 1\ndef end():\n    os._exit(3)\n"
    async with cpython.process(program) as process:
        outcomes = [await process.call(function, {}) for function in ("one", "fail", "one", "end", "one")]
    assert [one.status for one in outcomes] == [Status.OK, Status.ERROR, Status.OK, Status.KILLED, Status.KILLED]
    assert (await call(cpython, program, "one")).value == 1


async def test_a_process_that_imports_more_than_it_names_finds_what_its_earlier_calls_left(cpython: Sandbox) -> None:
    program = LEFT + "def later(name):\n    return [__import__(name).__name__, *left]\n"
    async with cpython.process(program) as process:
        await process.call("leave", {"x": 1})
        assert (await process.call("later", {"name": "decimal"})).value == ["decimal", 1]
        assert (await process.call("leave", {"x": 2})).value == [1, 2]


async def test_regular_expressions_of_a_module_are_compiled_before_the_call(cpython: Sandbox) -> None:
    program = """
import re
BEFORE = len(re._cache)
WORD = r"[a-z]+"
QUESTION = re.compile(WORD + " is", re.IGNORECASE)
def solve(text):
    found = bool(re.fullmatch(WORD, text)), bool(re.search("x|y", text, flags=re.DOTALL)), bool(QUESTION.match(text))
    return [len(re._cache) - BEFORE, *found]
"""
    assert (await call(cpython, program, text="word")).value == [0, True, False, False]
    assert (await call(cpython, program, text="Word is x")).value == [0, False, True, True]


@pytest.mark.parametrize(
    "body",
    ["while True: pass", "raise SystemExit", "import os; os._exit(0)", "print('x' * 10**8)", "re.compile = None"],
)
async def test_a_module_that_misbehaves_when_it_is_run_is_an_error_of_the_call(cpython: Sandbox, body: str) -> None:
    limits = Limits(cpu_seconds=1.0, wall_seconds=3.0)
    outcome = await cpython.call(f"import re\n{body}\ndef solve():\n    return 1\n", "solve", {}, limits=limits)
    assert outcome.ok is (body == "re.compile = None")
    assert (await call(cpython, "def solve():\n    return 2\n")).value == 2


async def test_calls_that_import_more_than_they_name_may_run_at_the_same_time(cpython: Sandbox) -> None:
    program = "def solve(n):\n    return 'abc'.encode('cp' + str(437)).hex() + str(n)\n"
    outcomes: list[Outcome] = []

    async def one(n: int) -> None:
        outcomes.append(await call(cpython, program, n=n))

    async with anyio.create_task_group() as group:
        for n in range(6):
            group.start_soon(one, n)
    assert sorted(str(outcome.value) for outcome in outcomes) == [f"616263{n}" for n in range(6)]


FLOOD = """
import os, json, struct
body = json.dumps([["a" * 19000, 128]] * 8).encode()
os.write(3, struct.pack("!BI", 1, len(body)) + body)
import re
def solve():
    return 1
"""


async def test_a_module_that_asks_for_a_noisy_pattern_leaves_the_worker_quiet(cpython: Sandbox) -> None:
    """The flag 128 has `re` print what it compiles."""
    limits = Limits(cpu_seconds=2.0, wall_seconds=5.0)
    await cpython.call(FLOOD, "solve", {}, limits=limits)
    assert (await call(cpython, "def solve():\n    return 2\n")).value == 2
