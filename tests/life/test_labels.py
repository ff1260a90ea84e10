"""Labels that contradict an earlier one of the same question, however it is spelled."""

from __future__ import annotations

import pytest

from hammerstone.life.labels import latest
from hammerstone.types import Instance, Source

QUESTION = "Un caf\u00e9:\ncombien?"
SPELLINGS = [f"{QUESTION} ", QUESTION.replace("\n", "\r\n"), QUESTION.replace("\u00e9", "e\u0301"), f"\n{QUESTION}"]


def label(question: str, answer: str) -> Instance:
    return Instance(question=question, answer=answer, source=Source.CALLER)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_label_overrules_an_earlier_one_of_another_spelling_and_both_are_named(spelling: str) -> None:
    usable, conflicts = latest([label(QUESTION, "999"), label("Other?", "1"), label(spelling, "4")])
    assert usable == [label(QUESTION, "4"), label("Other?", "1"), label(spelling, "4")]
    assert [str(one) for one in conflicts] == [
        "instances 1 and 3 answer the same question with '999' and '4'; the later answer is used"
    ]


@pytest.mark.parametrize("other", ["Un cafe:\ncombien?", "Un caf\u00e9: combien?", "Un  caf\u00e9:\ncombien?"])
def test_another_question_keeps_its_label(other: str) -> None:
    given = [label(QUESTION, "999"), label(other, "4")]
    assert latest(given) == (given, [])


def test_one_label_in_two_spellings_is_no_conflict() -> None:
    given = [label(QUESTION, "4"), label(f"{QUESTION} ", "4.0")]
    assert latest(given) == (given, [])
