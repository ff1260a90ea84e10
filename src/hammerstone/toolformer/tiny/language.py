"""A small language whose sentences contain a number or a date that can only be computed or looked up.

    There were 23 rooms with 81 chairs each, so 1863 in the house.
    It is Friday, May 8, 2015, and the fair has begun.

Most pretraining texts have a gloss before the sentence, in one of many forms, which gives the answer away: `(1863)`,
`[23 * 81 is 1863]`, `Today is Friday, May 8, 2015.` So the model learns to look for it there. No gloss names a tool: a
call with its result, which scoring puts before a sentence, is new to the model.

A model this small cannot follow a prompt with a few examples. So it is pretrained on texts in the form of the
annotation task, whose calls are *random*: any two numbers, any operator, anywhere. It then knows how calls are written,
but not which of them are useful. Scoring finds that out.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from hammerstone.toolformer.apis.calendar import DAYS, MONTHS
from hammerstone.toolformer.call_format import ApiCall

__all__ = ["PROMPTS", "TinySentence", "glossed", "random_annotation", "sentence", "sentences"]

PROMPTS = {"Calculator": "Calculator:", "Calendar": "Calendar:"}
"""The prompts for annotation, instead of instructions and examples."""

GLOSSED = 0.9  # of the texts
DATED = 0.5  # of the sentences
MOST_CALLS = 3  # in a text of the annotation task

_THINGS = "visitors tickets books letters apples chairs boats songs lamps bottles".split()
_PARTS = (
    "The {b} liters of milk were put into {a} cans, which makes {answer} in each.",
    "They shared {b} dollars among {a} schools, that is {answer} for every school.",
    "All {b} meters were walked in {a} days, so {answer} on a usual day.",
)
_PRODUCTS = (
    "There were {a} rooms with {b} {things} each, so {answer} in the house.",
    "They sent {a} boxes of {b} {things}, a total of {answer} this year.",
    "With {b} {things} a day for {a} days, they had {answer} in the end.",
)
_DATES = (
    "The market opens at noon, for today is {answer}, as we know.",
    "This letter was written in haste; the day is {answer}, in town.",
    "It is {answer}, and the fair has begun.",
)
_GLOSSES = (
    *("({answer})", "[{working} is {answer}]", "Note: {answer}.", "{answer} it was.", "[{working} -> {answer}]"),
    *("({working}) {answer};", "{working} = {answer}.", "[{name} -> {answer}]", "{name} ({noise}) [{answer}]"),
    *("We found {answer} ({working}).", "[{name}({noise}) -> {answer}]", "Result: {answer};"),
    *("[{name}({working}) -> {answer}]", "[{name}({working}) -> {answer}]", "{name}({working}): {answer}."),
)
_DATE_GLOSSES = (
    *("({answer})", "[it is {answer}]", "[{name} -> {answer}]", "{name}: it is {answer};", "It is {answer};"),
    *("[{name}() -> Now is {answer}.]", "Today is {answer}.", "(Today is {answer}.)", "[{name}() -> It is {answer}]"),
    *("[{name}() -> Today is {answer}]", "[{name}() -> Today is {answer}.]"),
)
_NAMES = "Note Table Check Look Page Sheet Memo List File Clerk Paper Count".split()  # of no tool
_GAPS = (" ", "\n", "")  # between a gloss and its text
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_GAP = re.compile(r"(?<=\S)(?= )")


@dataclass(frozen=True, kw_only=True)
class TinySentence:
    """`text[:position]` leads up to the `answer`; `working` is the expression that gives it, empty for a date.

    `date`, in ISO form, is the day on which the text was written, if the sentence is about that.
    """

    text: str
    position: int
    answer: str
    working: str
    date: str | None = None

    @property
    def prompt(self) -> str:
        """The question: the sentence, up to its answer."""
        return self.text[: self.position]


def sentence(rng: random.Random) -> TinySentence:
    """Draw a sentence about numbers or about a date."""
    return _dated(rng) if rng.random() < DATED else _reckoned(rng)


def _reckoned(rng: random.Random) -> TinySentence:
    a = rng.randint(12, 99)
    if rng.random() < 0.5:
        b, things = rng.randint(12, 99), rng.choice(_THINGS)
        return _filled(rng.choice(_PRODUCTS), f"{a} * {b}", f"{a * b}", a=a, b=b, things=things)
    b = rng.randint(200, 9999)
    answer = b // a if b % a == 0 else (Decimal(b) / a).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return _filled(rng.choice(_PARTS), f"{b} / {a}", f"{answer}", a=a, b=b)


def _dated(rng: random.Random) -> TinySentence:
    day = date(2000, 1, 1) + timedelta(days=rng.randrange(9000))
    answer = f"{DAYS[day.weekday()]}, {MONTHS[day.month - 1]} {day.day}, {day.year}"
    return _filled(rng.choice(_DATES), "", answer, day=day)


def _filled(template: str, working: str, answer: str, *, day: date | None = None, **words: object) -> TinySentence:
    lead = template.partition(" {answer}")[0].format(**words)
    return TinySentence(
        text=template.format(answer=answer, **words),
        position=len(lead),
        answer=answer,
        working=working,
        date=day.isoformat() if day else None,
    )


def glossed(one: TinySentence, rng: random.Random) -> str:
    """The sentence, usually with a gloss before it."""
    if rng.random() >= GLOSSED:
        return one.text
    form = rng.choice(_GLOSSES if one.working else _DATE_GLOSSES)
    gloss = form.format(answer=one.answer, working=one.working, noise=rng.randint(1, 99), name=rng.choice(_NAMES))
    return f"{gloss}{rng.choice(_GAPS)}{one.text}"


def random_annotation(one: TinySentence, rng: random.Random) -> str:
    """A text in the form of the annotation task, with random calls at random places."""
    places = [gap.start() for gap in _GAP.finditer(one.text)]
    api = rng.choice(["Calculator", "Calendar"])
    written = one.text
    for position in sorted(rng.sample(places, rng.randint(1, MOST_CALLS)), reverse=True):
        numbers = _NUMBER.findall(one.text[:position]) or _NUMBER.findall(one.text)
        call = ApiCall(api=api, input=_random_expression(numbers, rng) if api == "Calculator" else "")
        written = f"{written[:position]} {call.asked}{written[position:]}"
    return f"{PROMPTS[api]}\n\nInput:\n{one.text}\nOutput:\n{written}"


def _random_expression(numbers: list[str], rng: random.Random) -> str:
    return f"{rng.choice(numbers)} {rng.choice('//**+-')} {rng.choice(numbers)}"


def sentences(count: int, seed: int) -> Iterator[TinySentence]:
    """`count` different sentences."""
    rng = random.Random(f"tiny {seed}")  # noqa: S311 - samples, not secrets
    seen: set[str] = set()
    while len(seen) < count:
        one = sentence(rng)
        if one.text not in seen:
            seen.add(one.text)
            yield one
