"""The small language: its answers are right, its glosses tell them, and its random calls are no hints."""

from __future__ import annotations

import random
import re
from datetime import date

from hammerstone.toolformer.apis.calculator import calculate, rounded
from hammerstone.toolformer.apis.calendar import DAYS, MONTHS
from hammerstone.toolformer.call_format import find_calls, remove_calls
from hammerstone.toolformer.tiny.language import GLOSSED, glossed, random_annotation, sentences

SENTENCES = tuple(sentences(300, seed=1))


def test_every_number_is_what_its_working_gives() -> None:
    reckoned = [one for one in SENTENCES if one.working]
    assert len(reckoned) > 100
    assert all(rounded(calculate(one.working)) == one.answer for one in reckoned)


def test_every_date_is_that_of_its_text() -> None:
    dated = [one for one in SENTENCES if one.date]
    assert len(dated) > 50
    for one in dated:
        day = date.fromisoformat(one.date or "")
        assert one.answer == f"{DAYS[day.weekday()]}, {MONTHS[day.month - 1]} {day.day}, {day.year}"


def test_a_question_ends_right_before_its_answer() -> None:
    for one in SENTENCES:
        assert one.text.startswith(f"{one.prompt} {one.answer}")


def test_the_numbers_of_the_working_stand_in_the_question() -> None:
    for one in SENTENCES:
        assert set(re.findall(r"\d+", one.working)) <= set(re.findall(r"\d+", one.prompt))


def test_no_sentence_comes_twice_and_a_seed_draws_the_same() -> None:
    assert len({one.text for one in SENTENCES}) == len(SENTENCES)
    assert tuple(sentences(300, seed=1)) == SENTENCES
    assert tuple(sentences(300, seed=2)) != SENTENCES


def test_most_texts_have_a_gloss_that_tells_the_answer_and_none_is_a_call() -> None:
    rng = random.Random(1)  # noqa: S311 - samples, not secrets
    texts = [(one, glossed(one, rng)) for one in SENTENCES]
    before = [(one, text.removesuffix(one.text)) for one, text in texts]
    told = [(one, gloss) for one, gloss in before if gloss]
    assert abs(len(told) / len(texts) - GLOSSED) < 0.1
    assert all(one.answer in gloss for one, gloss in told)
    assert all(find_calls(text, ("Calculator", "Calendar")) == () for _, text in texts)


def test_a_random_annotation_adds_some_calls_without_results_and_changes_nothing_else() -> None:
    rng = random.Random(1)  # noqa: S311 - samples, not secrets
    for one in SENTENCES:
        asked, written = random_annotation(one, rng).split("\nOutput:\n")
        assert asked.endswith(f"Input:\n{one.text}")
        found = find_calls(written, ("Calculator", "Calendar"))
        assert 1 <= len(found) <= 3
        assert {one.call.result for one in found} == {None}
        assert len({one.call.api for one in found}) == 1
        assert remove_calls(written, ("Calculator", "Calendar")) == one.text


def test_random_calls_rarely_are_the_right_one() -> None:
    """No template plants the answer: what is right among them is there by chance."""
    rng = random.Random(1)  # noqa: S311 - samples, not secrets
    reckoned = [one for one in SENTENCES if one.working]
    right = sum(f"({one.working})]" in random_annotation(one, rng) for one in reckoned for _ in range(10))
    assert right / (10 * len(reckoned)) < 0.1
