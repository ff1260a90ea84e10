"""A text is near to a question that it shares eight words in a row with, or a whole sentence of at least five."""

from __future__ import annotations

import pytest

from hammerstone.toolformer.near_questions import EvaluationQuestions

QUESTIONS = EvaluationQuestions(
    [
        "Each pack of DVDs costs 76 dollars. If there is a discount of 25 dollars, how much do you pay? The answer is",
        "Ann has 3.50 dollars left.",
    ]
)


@pytest.mark.parametrize(
    ("text", "shared"),
    [
        ("They said: each pack of dvds costs 1,250 dollars, if any", "each pack of dvds costs 0 dollars if"),
        ("It rained. There is a discount of 25 dollars -\nhow many?", "there is a discount of 0 dollars how"),
        ("He came late! ann has 12 dollars left? No.", "ann has 0 dollars left"),
    ],
)
def test_a_text_is_near_whatever_its_numbers_case_and_punctuation(text: str, shared: str) -> None:
    assert QUESTIONS.shared(text) == shared


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A discount of 25 dollars on each pack of DVDs.",
        "Each pack of DVDs costs 76 dollars too much.",  # seven words
        "The answer is 42.",
        "Poor Ann has 3.50 dollars left.",
    ],
)
def test_a_text_with_less_in_common_is_not_near(text: str) -> None:
    assert QUESTIONS.shared(text) == ""


def test_the_digest_is_that_of_the_questions_in_any_order() -> None:
    first, second = "a b c d e", "f g h i j"
    assert EvaluationQuestions([first, second]).digest == EvaluationQuestions([second.upper(), first]).digest
    assert EvaluationQuestions([first]).digest != EvaluationQuestions([second]).digest
    assert EvaluationQuestions([]).digest == ""
