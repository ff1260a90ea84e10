"""Each metric accepts right continuations and no others."""

from __future__ import annotations

from decimal import Decimal

import pytest

from hammerstone.toolformer.evaluate.metrics import first_number, first_number_is, within_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" 8 apples, not 9.", "8"),
        (" $1,400.50 in all", "1400.50"),
        ("The correct answer is 5+3=8", "8"),
        (" 5 + 3 = 8 apples", "8"),
        (" (2 x 4) / 2 = 4", "4"),
        (" 12 * 3.5 = $42.", "42"),
        (" 3 - 8 = -5", "-5"),
        (" 7. Then x = 3 follows", "7"),
        (" -5 degrees", "-5"),
        (" the x-5 and 6", "5"),
        (" B12 has 3", "3"),
        (" 1,2,3", "1"),
        (" .5 of it", "0.5"),
        (" \u22125 degrees", "-5"),
        (" 3 \u2212 8 = \u22125", "-5"),
        (" \uff0d\uff15 degrees", "-5"),
        (" -$5 and \u2212$6", "-5"),
        (" pages 3\u22125", "3"),
        (" 5 = 5 < 8", "5"),
    ],
)
def test_the_first_number_counts_or_what_its_equation_comes_to(text: str, expected: str) -> None:
    assert first_number(text) == Decimal(expected)


def test_a_text_without_a_number_has_none() -> None:
    assert first_number(" many = more") is None
    assert not first_number_is(" many", ["8"])


@pytest.mark.parametrize("answer", ["-5", "\u22125", "-5.00", "\uff0d5"])
def test_a_minus_sign_is_a_minus(answer: str) -> None:
    assert first_number_is(" \u22125 degrees", [answer])
    assert not first_number_is(" 5 degrees", [answer])


def test_numbers_of_any_length_are_compared() -> None:
    assert first_number_is("9" * 400, ["9" * 400])
    assert not first_number_is("9" * 400, ["9" * 399 + "8"])


@pytest.mark.parametrize(("said", "accepted"), [("0.33", "0.333333"), ("8", "8.0"), ("1,400", "1400"), ("0.5", "0.50")])
def test_numbers_are_equal_to_two_decimals(said: str, accepted: str) -> None:
    assert first_number_is(said, [accepted])


@pytest.mark.parametrize(("said", "accepted"), [("0.32", "0.333333"), ("9", "8"), ("14", "1400"), ("80", "8")])
def test_other_numbers_are_wrong(said: str, accepted: str) -> None:
    assert not first_number_is(said, [accepted])


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (" Paris.", "Paris"),
        (" the city of (new  york), where", "New York"),
        ("\n\nPARIS\n", "paris"),
        (" the U.S. Senate", "u.s. senate"),
        (" Monday, May 3, 2021", "May 3, 2021"),
        (" one two three four five six", "five"),
    ],
)
def test_case_punctuation_and_spaces_do_not_matter(text: str, answer: str) -> None:
    assert within_words(5)(text, [answer])


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (" Parisian", "Paris"),
        (" York, New", "New York"),
        (" one two three four five six", "six"),
        (" one two three four new york", "new york"),
        (" anything", "?"),
        ("", "Paris"),
    ],
)
def test_other_words_and_later_ones_are_wrong(text: str, answer: str) -> None:
    assert not within_words(5)(text, [answer])


def test_any_accepted_answer_will_do() -> None:
    assert within_words(20)(" it is called the Big Apple", ["New York", "the big apple"])
