"""Texts that are worded alike form a group, one text at a time."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

from hammerstone.routes.wording_groups import YOUNG, WordingGroups

CLOSINGS = (
    " Answer with the number alone.",
    " Give only the final number, without units.",
    " Reply with just the answer.",
    "\nRespond in one line!",
    " 请只回答数字。",
)
QUESTIONS = (
    "How many centimeters are 2.5 meters?",
    "How many times does the letter r occur in the word strawberry?",
    "How many legs have 4 spiders?",
    "How many days are in 3 weeks?",
    "How many prime numbers are below 20?",
    "What is the square root of 144?",
)
WORDS = "house garden tree window apple river mountain bread yellow seven".split()

SHORT: dict[str, Callable[[random.Random], str]] = {
    "plus": lambda rng: f"What is {rng.randint(1, 999)} plus {rng.randint(1, 99)}?",
    "minus": lambda rng: f"What is {rng.randint(1, 999)} minus {rng.randint(1, 99)}?",
    "feet": lambda rng: f"Convert {rng.randint(1, 999)} feet to m",
    "German": lambda rng: f"Translate to German: {rng.choice(WORDS)} {rng.choice(WORDS)}",
    "Japanese": lambda rng: f"{rng.randint(1, 99)}フィートは何メートルですか？",  # noqa: RUF001
}


def groups_of(texts: Sequence[str]) -> list[int]:
    groups = WordingGroups()
    return [groups.add(text).number for text in texts]


@pytest.mark.parametrize("closing", CLOSINGS)
def test_questions_that_share_only_how_to_answer_are_apart(closing: str) -> None:
    assert groups_of([question + closing for question in QUESTIONS]) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("closing", CLOSINGS)
def test_questions_worded_alike_stay_together_whatever_closes_them(closing: str) -> None:
    texts = [f"How many centimeters are {number} meters?{closing}" for number in range(3 * YOUNG)]
    assert set(groups_of(texts)) == {1}


def test_what_is_asked_after_a_text_is_told_apart_where_enough_is_asked() -> None:
    """The instruction is all that these have in common, and it is no sentence behind another."""
    texts = [f"{' '.join(words)}\nSort the words above alphabetically." for words in pairwise(WORDS)]
    assert set(groups_of(texts)) == {1}


@pytest.mark.parametrize("kind", SHORT)
def test_a_short_question_finds_its_group_however_many_have_come(kind: str) -> None:
    rng = random.Random(kind)  # noqa: S311 - texts, no secrets
    assert set(groups_of([SHORT[kind](rng) for _ in range(5 * YOUNG)])) == {1}


def test_short_questions_of_several_kinds_are_apart() -> None:
    rng = random.Random(3)  # noqa: S311 - texts, no secrets
    drawn = [rng.choice(list(SHORT)) for _ in range(20 * YOUNG)]
    numbers = groups_of([SHORT[kind](rng) for kind in drawn])
    assert len(set(zip(drawn, numbers, strict=True))) == len(set(drawn)) == len(set(numbers))


def test_a_phrase_that_long_questions_share_makes_no_group_of_them() -> None:
    """Eight questions with one beginning, and then others that have only their last words in common with them."""
    first = [f"Which of the words {word} and stone is longer? Answer with one word." for word in WORDS[:YOUNG]]
    others = [f"Say which animal begins with the same letter as {word}! Answer with one word." for word in WORDS]
    numbers = groups_of([*first, *others])
    assert set(numbers[:YOUNG]).isdisjoint(numbers[YOUNG:])
