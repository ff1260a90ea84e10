"""The parser route and its round-trip guard."""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.builder.verify import Verdict, check_parser
from hammerstone.requests.comparison import normalise
from hammerstone.routes.user import read_arguments
from hammerstone.sandbox import Outcome, Sandbox, Status
from hammerstone.store.records import StoredInstance
from hammerstone.testing import FakeSandbox
from hammerstone.tools.parser import Parsed, answer, call_solve
from hammerstone.types import Source

from ..samples.tools import SORT

pytestmark = pytest.mark.anyio

ASK = "Sort these words in ascending order: b a"
GOOD: dict[str, Callable[..., object]] = {
    "parse": lambda question: {"words": question.rpartition(": ")[2].split(), "order": "ascending"},
    "unparse": lambda words, order: f"Sort these words in {order} order: {' '.join(words)}",
    "solve": lambda words, **_: " ".join(sorted(words)),
}


async def refusal(question: str = ASK, **functions: Callable[..., object]) -> str:
    """Why the tool with these functions in place of the good ones does not answer."""
    parsed, given = await answer(FakeSandbox({**GOOD, **functions}), SORT, question)
    assert given is None
    return parsed.refusal


def fails(**_: object) -> object:
    raise ValueError("no")


async def test_a_question_that_is_reproduced_is_answered() -> None:
    parsed, given = await answer(FakeSandbox(GOOD), SORT, ASK)
    assert given == "a b"
    assert parsed == Parsed(arguments={"words": ["b", "a"], "order": "ascending"}, proved=True)


async def test_a_question_of_a_look_alike_task_is_refused_with_the_first_difference() -> None:
    assert await refusal(ASK.replace("ascending", "descending")) == (
        "unparse wrote 'Sort these words in ascending order: b a' "
        "where the question has 'Sort these words in descending order: b a'"
    )


@pytest.mark.parametrize("tail", [" c", ".", " \u00a0x", "\nNow backwards."])
async def test_a_question_with_a_word_more_is_refused(tail: str) -> None:
    short = {"parse": lambda **_: {"words": ["b", "a"], "order": "ascending"}}
    assert "unparse wrote" in await refusal(ASK + tail, **short)


async def test_a_long_question_is_not_repeated_in_the_refusal() -> None:
    message = await refusal("x" * 10_000 + ASK)
    assert len(message) < 200


async def test_a_parser_that_returns_none_refuses() -> None:
    assert await refusal(parse=lambda **_: None) == "parse returned None"


async def test_a_parser_that_raises_refuses() -> None:
    assert await refusal(parse=fails) == "parse failed: ValueError: no"


@pytest.mark.parametrize(("value", "kind"), [(["a"], "list"), ("a", "str"), (3, "int"), (True, "bool")])
async def test_a_parser_that_returns_something_else_refuses(value: object, kind: str) -> None:
    assert await refusal(parse=lambda **_: value) == f"parse returned {kind}, not a dict of arguments"


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ({"words": "b a", "order": "ascending"}, "words: Input should be a valid array"),
        ({"words": ["b", 1], "order": "ascending"}, "words.1"),
        ({"words": ["b"]}, "order: Field required"),
        ({"words": ["b"], "order": "ascending", "question": ASK}, "question: Extra inputs"),
        ({}, "words: Field required"),
    ],
)
async def test_arguments_that_do_not_fit_solve_are_refused(arguments: object, what: str) -> None:
    sandbox = FakeSandbox({"parse": lambda **_: arguments, "unparse": lambda **_: ASK, "solve": lambda **_: "a b"})
    parsed, given = await answer(sandbox, SORT, ASK)
    assert given is None
    assert what in parsed.refusal


async def test_a_stored_tool_that_is_beyond_todays_bounds_refuses() -> None:
    source = SORT.replace("order: str", f"order: str = 0x{'f' * 4_000}")
    parsed, given = await answer(FakeSandbox(GOOD), source, ASK)
    assert given is None
    assert "an integer of 16,000 bits" in parsed.refusal


async def test_an_unparse_that_raises_refuses() -> None:
    assert await refusal(unparse=fails) == "unparse failed: ValueError: no"


@pytest.mark.parametrize("value", [None, 3, [ASK], {"question": ASK}])
async def test_an_unparse_that_returns_no_string_refuses(value: object) -> None:
    assert await refusal(unparse=lambda **_: value) == "unparse did not return a string"


async def test_a_solve_that_raises_refuses() -> None:
    assert await refusal(solve=fails) == "solve failed: ValueError: no"


@pytest.mark.parametrize("value", [None, 3, ["a"]])
async def test_a_solve_that_returns_no_string_refuses(value: object) -> None:
    assert (await refusal(solve=lambda **_: value)).endswith("not a string")


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
async def test_a_call_that_ends_in_any_other_way_refuses(status: Status) -> None:
    stopped = Outcome(status=status, error="it was stopped")
    parsed, given = await answer(FakeSandbox(lambda _: stopped), SORT, ASK)
    assert (parsed.refusal, given) == ("parse failed: it was stopped", None)


@pytest.mark.parametrize("asked", [f"  {ASK}", f"{ASK}\n", f"{ASK}\r\n", f"\ufeff{ASK}", f"{ASK}\u00a0"])
async def test_a_tool_is_given_the_question_as_it_came_and_must_write_it_so(asked: str) -> None:
    sandbox = FakeSandbox(GOOD)
    parsed, given = await answer(sandbox, SORT, asked)
    assert sandbox.calls[0].arguments == {"question": asked}
    assert given is None
    assert "unparse wrote" in parsed.refusal


async def test_composed_and_decomposed_letters_are_not_the_same_question() -> None:
    composed = ASK + "é"
    echo = {"unparse": lambda **_: unicodedata.normalize("NFD", composed)}
    assert (await answer(FakeSandbox({**GOOD, **echo}), SORT, unicodedata.normalize("NFD", composed)))[1] is not None
    assert (await answer(FakeSandbox({**GOOD, **echo}), SORT, composed))[1] is None


BASE64 = """
import base64

HEAD = "The Base64 of the bytes that follow:"

def solve(text: str) -> str:
    return base64.b64encode(text.encode()).decode()

def parse(question: str) -> dict | None:
    return {"text": question.removeprefix(HEAD)} if question.startswith(HEAD) else None

def unparse(text: str) -> str:
    return HEAD + text
"""


COMPOSED = ["café", "cafe\u0301", "\u2126", "\u212a", "\uf900", "👩\u200d👧"]
SPACED = ["a\r\nb", "a\rb", " x ", "x\n", "x\u3000", "\ufeffx", "\u202eabc\u202c", "x\u2028", "x\x0c", "x\x1f"]


@pytest.mark.parametrize("text", [*COMPOSED, *SPACED])
async def test_every_character_of_a_question_counts(sandbox: Sandbox, text: str) -> None:
    _, given = await answer(sandbox, BASE64, "The Base64 of the bytes that follow:" + text)
    assert given == base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "asked", [ASK.replace(": ", ":  "), ASK.replace(" in ", "\u00a0in "), ASK.replace("a", "\u0430")]
)
async def test_inner_white_space_and_letters_that_only_look_alike_do_matter(asked: str) -> None:
    assert "unparse wrote" in await refusal(asked)


@given(st.text() | st.text(alphabet="\r\n e\u0301"))
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


async def test_what_writes_the_question_again_is_given_the_arguments_and_not_the_question() -> None:
    sandbox = FakeSandbox(GOOD)
    await answer(sandbox, SORT, ASK)
    arguments = {"words": ["b", "a"], "order": "ascending"}
    assert [(call.function, call.arguments) for call in sandbox.calls] == [
        ("parse", {"question": ASK}),
        ("solve", arguments),
        ("unparse", arguments),
    ]


CARELESS = """
def solve(words: list[str]) -> str:
    return " ".join(words)

def parse(question: str) -> dict | None:
    return {"words": question.split()}

def unparse(words: list[str]) -> str:
    text = " ".join(words)
    words.clear()
    return text
"""


async def test_an_unparse_that_spoils_its_arguments_does_not_spoil_the_answer(sandbox: Sandbox) -> None:
    assert (await answer(sandbox, CARELESS, "a b"))[1] == "a b"


async def test_all_parts_are_asked_for_under_the_same_hash_seed() -> None:
    sandbox = FakeSandbox(GOOD)
    parsed, _ = await answer(sandbox, SORT, ASK, hash_seed=1)
    assert parsed.arguments is not None
    await call_solve(sandbox, SORT, parsed.arguments, hash_seed=1)
    assert [call.hash_seed for call in sandbox.calls] == [1, 1, 1, 1]


SMUGGLER = """
import re, json, decimal, sys

KEPT = []

def solve(word: str) -> str:
    return str(decimal.Decimal(1) / 3) if word == "third" else word

def parse(question: str) -> dict | None:
    KEPT.append(question)
    {leave}
    return {{"word": "third"}}

def unparse(word: str) -> str:
    return {find}
"""

WAYS = {
    "a global": ("pass", "KEPT[0]"),
    "a module of the library": ("re.asked = question", "re.asked"),
    "the modules": ("sys.modules['asked'] = question", "sys.modules['asked']"),
    "a default": ("json.dumps.__kwdefaults__['cls'] = question", "json.dumps.__kwdefaults__['cls']"),
    "a builtin": ("__builtins__['asked'] = question", "__builtins__['asked']"),
    "the program of the worker": (
        "sys.modules['hammerstone.sandbox.inside.child'].load = lambda *_: (lambda **_: question)",
        "sys.modules['hammerstone.sandbox.inside.child'].load()()",
    ),
    "the environment": ("__import__('os').environ.update(asked=question)", "__import__('os').environ['asked']"),
    "descriptor 0": (
        "__import__('os').write(__import__('os').open('/proc/self/fd/0', 1), question.encode())",
        "__import__('os').read(0, 1000).decode()",
    ),
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_parser_that_leaves_the_question_for_what_writes_it_again_is_refused(
    sandbox: Sandbox, way: str
) -> None:
    leave, find = WAYS[way]
    parsed, given = await answer(sandbox, SMUGGLER.format(leave=leave, find=find), ASK)
    assert given is None
    assert not parsed.proved


FORGED = """
import os, struct

def solve(word: str) -> str:
    return word

def parse(question: str) -> dict | None:
    body = ("[" + '{"word": "x"}, "' + question + '", "forged"]').encode()
    os.write(3, struct.pack("!BI", 1, len(body)) + body)
    os._exit(0)

def unparse(word: str) -> str:
    return "nothing like it"
"""


async def test_a_parser_cannot_speak_for_the_other_functions(sandbox: Sandbox) -> None:
    assert (await answer(sandbox, FORGED, ASK))[1] is None


SLIP = """
import decimal

def solve(digits: str) -> str:
    return str(decimal.Decimal(1) / decimal.Decimal(digits))

def parse(question: str) -> dict | None:
    decimal.getcontext().prec = 5
    return {"digits": question.removeprefix("One by ")}

def unparse(digits: str) -> str:
    return "One by " + digits
"""


@pytest.mark.parametrize("expected", ["0.33333", "0.3333333333333333333333333333"])
async def test_a_tool_whose_parse_leaves_something_for_solve_does_not_pass(sandbox: Sandbox, expected: str) -> None:
    """Its arguments alone, as the user route has them, would give another answer."""
    instance = StoredInstance(id=1, request_id="", question="One by 3", answer=expected, source=Source.CALLER)
    (finding,) = await check_parser(sandbox, SLIP, [instance])
    assert finding.verdict is Verdict.FAILED
    assert "parse must leave nothing" in finding.detail


REMEMBERING = """
KEPT = []

def solve(word: str) -> str:
    return word

def parse(question: str) -> dict | None:
    return {"word": question.split()[0]}

def unparse(word: str) -> str:
    KEPT.append(word)
    return " ".join(KEPT)
"""


async def test_writing_the_question_again_may_not_draw_on_what_was_asked_before(sandbox: Sandbox) -> None:
    """If a process that remembers is wrong, a fresh one decides, and nothing earlier comes out."""
    assert (await answer(sandbox, REMEMBERING, "secret"))[1] == "secret"
    for _ in range(3):
        parsed, given = await answer(sandbox, REMEMBERING, "other words")
        assert given is None
        assert "secret" not in parsed.refusal
        assert "'other'" in parsed.refusal
    assert (await answer(sandbox, REMEMBERING, "word"))[1] == "word"


TWO_FACED = """
import os, re

def solve(word: str) -> str:
    return "right" if hasattr(re, "served") or word != "x" else "judged"

def parse(question: str) -> dict | None:
    re.served = True
    return {"word": question[-1]}

def unparse(word: str) -> str:
    return "What is " + word
"""


async def test_a_tool_serves_exactly_as_it_was_judged(sandbox: Sandbox) -> None:
    instance = StoredInstance(id=1, request_id="", question="What is x", answer="right", source=Source.CALLER)
    (finding,) = await check_parser(sandbox, TWO_FACED, [instance])
    assert finding.verdict is Verdict.FAILED
    assert (await answer(sandbox, TWO_FACED, "What is x"))[1] == "right"
    assert (await call_solve(sandbox, TWO_FACED, {"word": "x"})).text == "judged"


async def test_a_tool_answers_in_a_real_sandbox(sandbox: Sandbox) -> None:
    assert (await answer(sandbox, SORT, ASK))[1] == "a b"
    assert (await answer(sandbox, SORT, ASK + "!"))[0].refusal == "parse returned None"


DOUBLE = r"""
import re


def solve(number: float) -> str:
    return str(number + number)


def parse(question: str) -> dict | None:
    match = re.fullmatch(r"Double the number ([0-9]+)\.0\. Keep the decimal point\.", question)
    return {"number": int(match[1])} if match else None


def unparse(number: float) -> str:
    return f"Double the number {number}. Keep the decimal point."
"""


@pytest.mark.parametrize("reply", ['{"number": 21}', '{"number": 21.0}', '{"number": 2.1e1}'])
async def test_a_number_gives_one_answer_however_parser_and_user_write_it(sandbox: Sandbox, reply: str) -> None:
    parsed, by_parser = await answer(sandbox, DOUBLE, "Double the number 21.0. Keep the decimal point.")
    written = read_arguments(reply, DOUBLE).arguments
    assert written is not None
    by_user = await call_solve(sandbox, DOUBLE, written)
    assert (by_parser, by_user.text) == ("42.0", "42.0")
    assert repr(parsed.arguments) == repr(written) == "{'number': 21.0}"
