"""Calls written into text and read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.toolformer.call_format import (
    ApiCall,
    find_calls,
    insert_calls,
    remove_calls,
    safe_result,
)

APIS = ("Calculator", "Calendar")
QUOTIENT = ApiCall(api="Calculator", input="400 / 1400", result="0.29")

plain = st.text(st.sampled_from("ab1 (),.\n"), max_size=40)


def test_a_call_is_written_as_in_the_paper() -> None:
    assert QUOTIENT.asked == "[Calculator(400 / 1400)]"
    assert QUOTIENT.answered == "[Calculator(400 / 1400) -> 0.29]"
    assert QUOTIENT.unanswered == "[Calculator(400 / 1400) -> ]"


def test_a_call_without_a_result_has_no_answered_form() -> None:
    with pytest.raises(ValueError, match="has no result"):
        _ = ApiCall(api="Calculator", input="1").answered


@pytest.mark.parametrize("written", [QUOTIENT.answered, QUOTIENT.unanswered, QUOTIENT.asked])
def test_every_form_is_read_back(written: str) -> None:
    (found,) = find_calls(f"so {written} it is", APIS)
    assert (found.start, found.end) == (3, 3 + len(written))
    assert (found.call.api, found.call.input) == ("Calculator", "400 / 1400")


def test_parentheses_in_an_input_pair_up() -> None:
    (found,) = find_calls("[Calculator((1 + 2) * (3)) -> 9]", APIS)
    assert found.call == ApiCall(api="Calculator", input="(1 + 2) * (3)", result="9")


@pytest.mark.parametrize(
    "text", ["see [1] and a -> b", "[Other(1) -> 2]", "[Calculator 1]", "[Calculator(1", "[Calculator(1\n) -> 1]"]
)
def test_brackets_and_arrows_of_the_text_itself_are_no_calls(text: str) -> None:
    assert find_calls(text, APIS) == ()
    assert remove_calls(text, APIS) == text


def test_no_tool_finds_no_call() -> None:
    assert find_calls(QUOTIENT.answered, ()) == ()


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("or 29% passed", 2, "or [Calculator(400 / 1400) -> 0.29] 29% passed"),
        ("or 29% passed", 3, "or [Calculator(400 / 1400) -> 0.29] 29% passed"),
        ("29%", 0, "[Calculator(400 / 1400) -> 0.29] 29%"),
        ("(29%)", 1, "([Calculator(400 / 1400) -> 0.29]29%)"),
        ("at the end", 10, "at the end[Calculator(400 / 1400) -> 0.29]"),
    ],
)
def test_a_call_stands_apart_by_spaces(text: str, position: int, expected: str) -> None:
    assert insert_calls(text, [(position, QUOTIENT)]) == expected


def test_several_calls_stand_at_their_own_positions() -> None:
    today = ApiCall(api="Calendar", input="", result="Today is Monday.")
    written = insert_calls("x y z", [(3, today), (1, QUOTIENT)])
    assert written == "x [Calculator(400 / 1400) -> 0.29] y [Calendar() -> Today is Monday.] z"
    assert remove_calls(written, APIS) == "x y z"


@given(plain, st.lists(st.integers(0, 40), max_size=3, unique=True))
def test_removing_what_was_inserted_gives_the_text_back(text: str, positions: list[int]) -> None:
    calls = [(position, QUOTIENT) for position in positions if position <= len(text)]
    assert remove_calls(insert_calls(text, calls), APIS) == text


@given(st.text(max_size=400))
def test_a_safe_result_never_ends_or_begins_a_call(text: str) -> None:
    result = safe_result(text)
    assert len(result) <= 200
    (found,) = find_calls(ApiCall(api="Calendar", input="", result=result).answered, APIS)
    assert found.call.result == result
