"""Meeting times: the LATM authors' own task (arXiv 2305.17126), regenerated from its description in wording of ours.

Half-hour slots from 8:00 to 18:00; two people with 5 to 15 free slots each; a meeting of 0.5, 1 or 1.5 hours.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hammerstone.evals.tasks.generated_task import LookAlike, draw_near_miss, match_form
from hammerstone.types import Instance, Source

if TYPE_CHECKING:
    import random

__all__ = ["DESCRIPTION", "FAMILIES", "NAME", "NEAR_MISSES", "check", "generate", "near_miss", "paraphrase"]

NAME = "schedule_meeting"
DESCRIPTION = "Find the earliest time at which two people are both free for a meeting of a given length."
FAMILIES = ("0.5 hours", "1 hour", "1.5 hours")

NONE_WORKS = "No time slot works."
PEOPLE = ("Amira", "Bruno", "Chen", "Dalia", "Emil", "Farah", "Goran", "Hana", "Ivo", "Jonna", "Kofi", "Lena")
_SLOTS = 20
_DAY_STARTS = 8 * 60  # minutes after midnight


def generate(rng: random.Random, family: str | None = None) -> Instance:
    length = family or rng.choice(FAMILIES)
    one, other = rng.sample(PEOPLE, 2)
    first, second = (set(rng.sample(range(_SLOTS), rng.randint(5, 15))) for _ in "12")
    question = (
        f"{one} and {other} are looking for a time between 08:00 and 18:00 to hold a meeting of {length}.\n"
        f"{one} is free at {_ranges(first)}.\n"
        f"{other} is free at {_ranges(second)}.\n"
        "When is the earliest time that both of them are free for the whole meeting? "
        f'Answer in the form "HH:MM - HH:MM", or with "{NONE_WORKS}" if there is no such time.'
    )
    return Instance(
        question=question, answer=_earliest(first & second, FAMILIES.index(length) + 1), source=Source.CALLER
    )


def _ranges(slots: set[int]) -> str:
    """The slots as text, neighbours merged: `08:00 - 09:30, 14:00 - 14:30`."""
    starts = sorted(slot for slot in slots if slot - 1 not in slots)
    ends = sorted(slot + 1 for slot in slots if slot + 1 not in slots)
    return ", ".join(f"{_clock(start)} - {_clock(end)}" for start, end in zip(starts, ends, strict=True))


def _clock(slot: int) -> str:
    hours, minutes = divmod(_DAY_STARTS + 30 * slot, 60)
    return f"{hours:02}:{minutes:02}"


def _earliest(common: set[int], needed: int) -> str:
    for slot in sorted(common):
        if common.issuperset(range(slot, slot + needed)):
            return f"{_clock(slot)} - {_clock(slot + needed)}"
    return NONE_WORKS


# The check: intervals in minutes, intersected pair by pair.

_SPAN = r"\d\d:\d\d - \d\d:\d\d"
_FORM = re.compile(
    r"(\w+) and (\w+) are looking for a time between 08:00 and 18:00 "
    r"to hold a meeting of (0\.5 hours|1 hour|1\.5 hours)\.\n"
    rf"\1 is free at ({_SPAN}(?:, {_SPAN})*)\.\n\2 is free at ({_SPAN}(?:, {_SPAN})*)\.\n"
    r"When is the earliest time that both of them are free for the whole meeting\? "
    r'Answer in the form "HH:MM - HH:MM", or with "No time slot works\." if there is no such time\.'
)


def check(question: str, answer: str) -> bool:
    found = match_form(_FORM, question, NAME)
    minutes = round(60 * float(found[3].split()[0]))
    overlaps = (
        (max(a_from, b_from), min(a_to, b_to))
        for a_from, a_to in _intervals(found[4])
        for b_from, b_to in _intervals(found[5])
    )
    starts = [start for start, end in overlaps if end - start >= minutes]
    if not starts:
        return answer == NONE_WORKS
    return answer == " - ".join(f"{t // 60:02}:{t % 60:02}" for t in (min(starts), min(starts) + minutes))


def _intervals(text: str) -> list[tuple[int, int]]:
    bounds = [int(hours) * 60 + int(minutes) for hours, minutes in re.findall(r"(\d\d):(\d\d)", text)]
    return list(zip(bounds[::2], bounds[1::2], strict=True))


_WORDINGS = (
    "Can you find the first opening for {one} and {other}? They need {length} together. {one}'s calendar is open "
    "{first}, and {other}'s is open {second}. {format}",
    "I have to bring {one} and {other} to one table for {length}, the sooner in the day the better. {other} could do "
    "{second}. {one} could do {first}. Which slot do I book? {format}",
    "Free times of {one}: {first}. Free times of {other}: {second}. They want to talk without a break for {length}, as "
    "early as they can. What do you suggest? {format}",
)
_FORMAT = f'Write the slot like "HH:MM - HH:MM"; if nothing fits, write "{NONE_WORKS}"'


def paraphrase(instance: Instance, rng: random.Random) -> Instance:
    one, other, length, first, second = match_form(_FORM, instance.question, NAME).groups()
    data = {"one": one, "other": other, "length": length, "first": first, "second": second}
    question = rng.choice(_WORDINGS).format(**data, format=_FORMAT)
    return Instance(question=question, answer=instance.answer, source=instance.source)


# Look-alikes: the same calendars, another rule. Slots are numbered from 0 at 08:00.

_LUNCH = {8, 9}


def _latest(rng: random.Random) -> LookAlike:
    question, first, second, needed, usual = _drawn(rng)
    fitting = [slot for slot in first & second if (first & second).issuperset(range(slot, slot + needed))]
    answer = f"{_clock(max(fitting))} - {_clock(max(fitting) + needed)}" if fitting else NONE_WORKS
    return LookAlike(question.replace("earliest", "latest"), answer, usual)


def _lunch(rng: random.Random) -> LookAlike:
    question, first, second, needed, usual = _drawn(rng)
    question = question.replace("When is", "The hour from 12:00 to 13:00 is kept free for lunch. When is")
    return LookAlike(question, _earliest(first & second - _LUNCH, needed), usual)


def _busy(rng: random.Random) -> LookAlike:
    question, first, second, needed, usual = _drawn(rng)
    free = {*range(_SLOTS)} - first - second
    return LookAlike(question.replace("is free at", "is busy at"), _earliest(free, needed), usual)


def _either(rng: random.Random) -> LookAlike:
    question, first, second, needed, usual = _drawn(rng)
    question = question.replace("both of them are free", "at least one of them is free")
    # Times of one length sort as text, and "No" comes after them.
    return LookAlike(question, min(_earliest(first, needed), _earliest(second, needed)), usual)


def _shortest(rng: random.Random) -> LookAlike:
    """The shortest common stretch that holds the meeting, where one is the shortest."""
    while True:
        question, first, second, needed, usual = _drawn(rng)
        spans = _ranges(first & second).split(", ") if first & second else []
        fitting = sorted((end - start, start, end) for start, end in map(_slots, spans) if end - start >= needed)
        if fitting and (len(fitting) == 1 or fitting[0][0] < fitting[1][0]):
            break
    _, start, end = fitting[0]
    asks = "What is the shortest stretch of time over which both of them are free and that holds the whole meeting?"
    question = re.sub(r"When is .*\?", asks, question)
    return LookAlike(question, f"{_clock(start)} - {_clock(end)}", usual)


def _slots(span: str) -> tuple[int, int]:
    (start, end), *_ = _intervals(span)
    return (start - _DAY_STARTS) // 30, (end - _DAY_STARTS) // 30


def _drawn(rng: random.Random) -> tuple[str, set[int], set[int], int, str]:
    """A question, the free slots of both, the slots needed, and the usual answer."""
    instance = generate(rng)
    found = match_form(_FORM, instance.question, NAME)
    first, second = ({slot for span in found[i].split(", ") for slot in range(*_slots(span))} for i in (4, 5))
    return instance.question, first, second, FAMILIES.index(found[3]) + 1, instance.answer


_LOOK_ALIKES = {"latest": _latest, "lunch": _lunch, "busy": _busy, "either": _either, "shortest": _shortest}
NEAR_MISSES = tuple(_LOOK_ALIKES)


def near_miss(rng: random.Random, kind: str | None = None) -> Instance:
    return draw_near_miss(_LOOK_ALIKES, rng, kind)
