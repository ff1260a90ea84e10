"""The parser route and its round-trip guard."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.latm.parser import Parsed, answer, call_solve, normalise, parse, reproduces
from hammerstone.sandbox import Outcome, Sandbox, Status
from hammerstone.testing import FakeSandbox

from .samples import SORT

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
    assert parsed.arguments is None
    return parsed.refusal


def fails(**_: object) -> object:
    raise ValueError("no")


async def test_a_question_that_is_reproduced_is_answered() -> None:
    parsed, given = await answer(FakeSandbox(GOOD), SORT, ASK)
    assert given == "a b"
    assert parsed == Parsed(arguments={"words": ["b", "a"], "order": "ascending"})


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
    assert await refusal(parse=fails) == "parse, unparse or solve failed: ValueError: no"


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


async def test_an_unparse_that_raises_refuses() -> None:
    assert await refusal(unparse=fails) == "parse, unparse or solve failed: ValueError: no"


@pytest.mark.parametrize("value", [None, 3, [ASK], {"question": ASK}])
async def test_an_unparse_that_returns_no_string_refuses(value: object) -> None:
    assert (await refusal(unparse=lambda **_: value)).endswith("did not return a string")


async def test_a_solve_that_raises_refuses() -> None:
    assert await refusal(solve=fails) == "parse, unparse or solve failed: ValueError: no"


@pytest.mark.parametrize("value", [None, 3, ["a"]])
async def test_a_solve_that_returns_no_string_refuses(value: object) -> None:
    assert (await refusal(solve=lambda **_: value)).endswith("did not return a string")


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
async def test_a_call_that_ends_in_any_other_way_refuses(status: Status) -> None:
    stopped = Outcome(status=status, error="it was stopped")
    parsed, given = await answer(FakeSandbox(lambda _: stopped), SORT, ASK)
    assert (parsed.refusal, given) == ("parse, unparse or solve failed: it was stopped", None)


@pytest.mark.parametrize("asked", [f"  {ASK}\n", f"\r\n{ASK}\r\n", f"\t{ASK}\u00a0"])
async def test_outer_white_space_does_not_matter(asked: str) -> None:
    sandbox = FakeSandbox(GOOD)
    assert (await answer(sandbox, SORT, asked))[1] == "a b"
    assert sandbox.calls[0].arguments == {"question": ASK}


async def test_composed_and_decomposed_letters_are_the_same_question() -> None:
    composed = ASK + "é"
    echo = {"unparse": lambda **_: unicodedata.normalize("NFD", composed)}
    assert (await answer(FakeSandbox({**GOOD, **echo}), SORT, unicodedata.normalize("NFD", composed)))[1] is not None
    assert (await answer(FakeSandbox({**GOOD, **echo}), SORT, composed))[1] is not None


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
        ("unparse", arguments),
        ("solve", arguments),
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


async def test_the_parts_can_be_asked_for_under_another_hash_seed() -> None:
    sandbox = FakeSandbox(GOOD)
    parsed = await parse(sandbox, SORT, ASK, hash_seed=1)
    assert parsed.arguments is not None
    await call_solve(sandbox, SORT, parsed.arguments, hash_seed=1)
    assert [call.hash_seed for call in sandbox.calls] == [1, 1]
    assert await reproduces(sandbox, SORT, ASK, parsed.arguments) == ""


SMUGGLER = """
_KEPT = []

def solve(word: str) -> str:
    return word

def parse(question: str) -> dict | None:
    _KEPT.append(question)
    return {"word": "anything"}

def unparse(word: str) -> str:
    return _KEPT[0] if _KEPT else "nothing kept"
"""


async def test_a_parser_that_carries_the_question_past_the_guard_in_a_global_is_refused(sandbox: Sandbox) -> None:
    parsed, given = await answer(sandbox, SMUGGLER, ASK)
    assert given is None
    assert "unparse wrote 'nothing kept'" in parsed.refusal


async def test_a_tool_answers_in_a_real_sandbox(sandbox: Sandbox) -> None:
    assert (await answer(sandbox, SORT, ASK))[1] == "a b"
    assert (await answer(sandbox, SORT, ASK + "!"))[0].refusal == "parse returned None"
