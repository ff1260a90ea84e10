"""The inputs for a tool at each place of a text, by rule."""

from __future__ import annotations

import pytest

from hammerstone.errors import SettingsError
from hammerstone.toolformer.suggest.known_inputs import known_inputs


def inputs(api: str, text: str) -> list[str]:
    return [known.input for known in known_inputs(api, text)]


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("There are 36 rows of 25 trees each, so 900 trees must be pruned.", "36 * 25"),
        ("Of the 1,250 letters that arrived, 475 (38 %) were never opened.", "475 / 1,250"),
        ("Finished in 1887, it was closed in 1961, after 74 years.", "1961 - 1887"),
        ("The lamp cost 18.50 and the bulb 6.25, which is 24.75 in all.", "18.50 + 6.25"),
        ("She shared 70 dollars among 3 friends, or 23.3 each.", "70 / 3"),
    ],
)
def test_two_numbers_with_an_operation_whose_result_the_text_gives_later(text: str, expression: str) -> None:
    assert inputs("Calculator", text) == [expression]


@pytest.mark.parametrize(
    "text",
    [
        "In 1999 there were 12 of them, and in 2005 there were 40.",
        "Of the trees 900 stood in 36 rows before 26 fell.",
        "The 5 of them had 1 each, so 5 in all.",
        "They are 1/4 of the whole, or 5 in all.",
        "Version 1.2.3 of 4, 5",
        "",
    ],
)
def test_no_expression_without_a_result_that_comes_later(text: str) -> None:
    assert inputs("Calculator", text) == []


def test_numbers_that_are_far_apart_do_not_belong_together() -> None:
    assert inputs("Calculator", f"The 36 rows {'word ' * 120} of 25 trees are 900 trees.") == []


def test_a_calendar_is_asked_nothing_once() -> None:
    assert [*known_inputs("Calendar", "On Monday, 3 May")] == [("", 0, 0)]


def test_a_search_is_asked_the_words_of_a_sentence_before_each_name() -> None:
    text = "It rained. The old capital of the empire was Kyoto, in Japan."
    assert inputs("Search", text) == ["The old capital of the empire was", "The old capital of the empire was Kyoto in"]


def test_another_tool_is_asked_each_number_name_and_quoted_phrase() -> None:
    text = 'the delegation left Costa Rica with 12 men and "la tortuga"'
    assert inputs("Population", text) == ["12", "Costa Rica", "la tortuga"]
    for known in known_inputs("Population", text):
        assert known.input in text[known.begin : known.end]


@pytest.mark.parametrize("api", ["QA", "MT"])
def test_a_tool_that_is_asked_in_words_needs_a_model(api: str) -> None:
    with pytest.raises(SettingsError, match=f"no rule writes the inputs of {api}") as caught:
        inputs(api, "The 3 of them went to Peru.")
    assert "--by MODEL" in caught.value.hint
