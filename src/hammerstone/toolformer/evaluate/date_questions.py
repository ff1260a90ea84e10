"""The paper's Dateset: questions that need today's date, generated from templates (section 4.2.5, appendix D).

Each question has its own current date. Its text does not give that date: only a calendar does.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from hammerstone.toolformer.evaluate.benchmark_files import Benchmark, BenchmarkQuestion, question_prompt
from hammerstone.toolformer.evaluate.metrics import within_words

__all__ = ["date_questions"]

FIRST, LAST = date(2000, 1, 1), date(2030, 12, 31)  # current dates
FURTHEST = 365  # days from the current date

_Template = Callable[[date, random.Random], "tuple[str, Sequence[str]]"]


def date_questions(count: int, *, seed: int = 0) -> Benchmark:
    """`count` questions, the same number of each kind. The same seed gives the same questions."""
    draw = random.Random(seed)  # noqa: S311 - questions are no secrets
    questions = [_question(_TEMPLATES[number % len(_TEMPLATES)], draw) for number in range(count)]
    return Benchmark(name="date_questions", questions=tuple(questions), metric=within_words(5))


def _question(template: _Template, draw: random.Random) -> BenchmarkQuestion:
    today = FIRST + timedelta(days=draw.randint(0, (LAST - FIRST).days))
    question, answers = template(today, draw)
    return BenchmarkQuestion(prompt=question_prompt(question), answers=tuple(answers), date=today.isoformat())


def _days_until(today: date, draw: random.Random) -> tuple[str, Sequence[str]]:
    days = _some_days(draw)
    return f"How many days are there from today until {_written(today + timedelta(days=days))}?", [str(days)]


def _days_since(today: date, draw: random.Random) -> tuple[str, Sequence[str]]:
    days = _some_days(draw)
    return f"How many days have passed since {_written(today - timedelta(days=days))}?", [str(days)]


def _weekday_ahead(today: date, draw: random.Random) -> tuple[str, Sequence[str]]:
    days = _some_days(draw)
    return f"Which day of the week will it be in {days} days?", [_weekday(today + timedelta(days=days))]


def _weekday_back(today: date, draw: random.Random) -> tuple[str, Sequence[str]]:
    days = _some_days(draw)
    return f"Which day of the week was it {days} days ago?", [_weekday(today - timedelta(days=days))]


def _date_ahead(today: date, draw: random.Random) -> tuple[str, Sequence[str]]:
    days = _some_days(draw)
    return f"What will be the date in {days} days?", _forms(today + timedelta(days=days))


def _date_back(today: date, draw: random.Random) -> tuple[str, Sequence[str]]:
    weeks = draw.randint(2, FURTHEST // 7)
    return f"What was the date {weeks} weeks ago?", _forms(today - timedelta(weeks=weeks))


def _month_back(today: date, draw: random.Random) -> tuple[str, Sequence[str]]:
    months = draw.randint(2, 30)
    return f"Which month was it {months} months ago?", [f"{date(2000, (today.month - 1 - months) % 12 + 1, 1):%B}"]


def _year_ahead(today: date, draw: random.Random) -> tuple[str, Sequence[str]]:
    years = draw.randint(2, 30)
    return f"Which year will it be {years} years from now?", [str(today.year + years)]


def _day_of_month(today: date, draw: random.Random) -> tuple[str, Sequence[str]]:
    days = _some_days(draw)
    day = (today - timedelta(days=days)).day
    return f"Which day of the month was it {days} days ago?", [str(day), _ordinal(day)]


def _today(today: date, draw: random.Random) -> tuple[str, Sequence[str]]:
    asked, answer = draw.choice([("day of the week", f"{today:%A}"), ("month", f"{today:%B}"), ("year", f"{today:%Y}")])
    return f"Which {asked} is it today?", [answer]


_TEMPLATES: Sequence[_Template] = (
    _days_until,
    _days_since,
    _weekday_ahead,
    _weekday_back,
    _date_ahead,
    _date_back,
    _month_back,
    _year_ahead,
    _day_of_month,
    _today,
)


def _some_days(draw: random.Random) -> int:
    return draw.randint(2, FURTHEST)


def _written(day: date) -> str:
    return f"{day:%B} {day.day}, {day.year}"


def _weekday(day: date) -> str:
    return f"{day:%A}"


def _forms(day: date) -> list[str]:
    """A date as it may be written, with or without the day of the week before it."""
    return [
        _written(day),
        f"{day:%B} {_ordinal(day.day)}, {day.year}",
        f"{day.day} {day:%B} {day.year}",
        f"{_ordinal(day.day)} of {day:%B} {day.year}",
        day.isoformat(),
    ]


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
