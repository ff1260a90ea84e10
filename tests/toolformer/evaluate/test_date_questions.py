"""Dateset: every answer is right on its own date, and on that alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta

from hammerstone.toolformer.evaluate.date_questions import date_questions

KINDS = 10


def read(written: str) -> date:
    return datetime.strptime(written, "%B %d, %Y").date()


def months_before(today: date, months: int) -> str:
    """Day by day: the month before the first of this one, again and again."""
    first = today.replace(day=1)
    for _ in range(months):
        first = (first - timedelta(days=1)).replace(day=1)
    return first.strftime("%B")


# Each kind by its question, and the answer computed from the question's own words.
LITERAL: dict[str, Callable[[date, str], str]] = {
    r"from today until (.*)\?": lambda today, said: str((read(said) - today).days),
    r"have passed since (.*)\?": lambda today, said: str((today - read(said)).days),
    r"week will it be in (\d+) days": lambda today, said: (today + timedelta(int(said))).strftime("%A"),
    r"week was it (\d+) days ago": lambda today, said: (today - timedelta(int(said))).strftime("%A"),
    r"be the date in (\d+) days": lambda today, said: (today + timedelta(int(said))).isoformat(),
    r"was the date (\d+) weeks ago": lambda today, said: (today - timedelta(7 * int(said))).isoformat(),
    r"month was it (\d+) months ago": lambda today, said: months_before(today, int(said)),
    r"year will it be (\d+) years": lambda today, said: str(today.year + int(said)),
    r"day of the month was it (\d+) days ago": lambda today, said: str((today - timedelta(int(said))).day),
    r"Which (.*) is it today": lambda today, said: today.strftime(
        {"day of the week": "%A", "month": "%B", "year": "%Y"}[said]
    ),
}


def test_every_answer_is_that_of_counting_on_the_calendar() -> None:
    seen: set[str] = set()
    for question in date_questions(400, seed=3).questions:
        assert question.date is not None
        ((pattern, found),) = [(p, m) for p in LITERAL if (m := re.search(p, question.prompt))]
        seen.add(pattern)
        assert LITERAL[pattern](date.fromisoformat(question.date), found[1]) in question.answers, question
    assert len(seen) == KINDS


def test_the_same_seed_gives_the_same_questions() -> None:
    assert date_questions(30, seed=1) == date_questions(30, seed=1)
    assert date_questions(30, seed=1).questions != date_questions(30, seed=2).questions


def test_no_question_tells_its_date() -> None:
    for question in date_questions(200, seed=5).questions:
        assert question.date is not None
        today = date.fromisoformat(question.date)
        assert f"{today:%B} {today.day}, {today.year}" not in question.prompt


def test_every_way_to_write_an_answer_is_right_and_fits_into_the_words_looked_at() -> None:
    task = date_questions(200, seed=7)
    for question in task.questions:
        for form in question.answers:
            assert task.metric(f" {form}.", question.answers)
    dated = next(question for question in task.questions if "be the date" in question.prompt)
    weekday = f"{date.fromisoformat(dated.answers[-1]):%A}"
    assert task.metric(f" {weekday}, {dated.answers[0]}", dated.answers)
    assert not task.metric(f" {weekday}", dated.answers)
