"""A meeting to be fixed from a thread of mails, which the LATM paper names as an application (arXiv 2305.17126).

What people write varies, so of all tasks this is the one for tools whose arguments a model fills in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hammerstone.evals.tasks.generated_task import LookAlike, draw_near_miss, match_form, not_in_form
from hammerstone.types import Instance, Source

if TYPE_CHECKING:
    import random

__all__ = ["DESCRIPTION", "FAMILIES", "NAME", "NEAR_MISSES", "check", "generate", "near_miss", "paraphrase"]

NAME = "email_meeting"
DESCRIPTION = "Find the first time for a meeting that suits everybody in a thread of mails."
_PEOPLE_OF = {"two people": 2, "three people": 3, "four people": 4, "change of mind": 3}
FAMILIES = tuple(_PEOPLE_OF)

NONE_SUITS = "No time suits everybody."
PEOPLE = ("Anouk", "Bilal", "Carmen", "Deniz", "Edda", "Femi", "Gita", "Hugo", "Ines", "Jarek", "Kaya", "Luca")
WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


@dataclass(frozen=True, kw_only=True)
class _Limit:
    """When a person is busy: from `start` to `end`, in minutes after midnight, on one day or (`""`) on every day."""

    person: str
    day: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class _Plan:
    """The facts behind a thread: the first of the people asks the others."""

    people: tuple[str, ...]
    minutes: int
    days: tuple[str, ...]
    opens: int
    closes: int
    limits: tuple[_Limit, ...]


# How limits are written, by what they leave of the day.
_CANNOT = {
    "before": (
        "I can't before {end} on {day}.",
        "On {day} I am not in before {end}.",
        "{day} works for me from {end} on.",
        "Please not before {end} on {day}.",
    ),
    "after": (
        "I have to leave at {start} on {day}.",
        "Nothing after {start} on {day}, please.",
        "On {day} I can stay until {start}.",
        "{day} is fine for me up to {start}.",
    ),
    "within": (
        "I am teaching from {start} to {end} on {day}.",
        "{day} from {start} to {end} is taken.",
        "On {day} I am at the dentist's between {start} and {end}.",
        "There is another meeting on {day}, {start} to {end}, that I can't miss.",
    ),
    "all day": ("I am away all {day}.", "{day} is impossible for me.", "On {day} I am travelling."),
    "early": ("I never start before {end}.", "As I take the children to school, no day before {end} for me."),
    "late": ("I have to go at {start} every day.", "My train leaves early, so no day after {start} for me."),
    "lunch": ("I am at lunch from {start} to {end} every day.", "No day between {start} and {end}: I swim then."),
}
_OPENINGS = (
    "Hi all, we need {minutes} minutes for {topic}. Any day from {first} to {last} will do, "
    "between {opens} and {closes}.",
    "Dear all, shall we sit down for {minutes} minutes about {topic}? It should be from {first} to {last}, "
    "at some time between {opens} and {closes}.",
    "Hello everybody, {topic} needs a meeting of {minutes} minutes, some day from {first} to {last}, "
    "not before {opens} and over by {closes}.",
)
_TOPICS = ("the budget", "the new website", "the office move", "the summer party", "our report", "the hiring plan")
_GREETINGS = (
    "Hi!",
    "Hello!",
    "Thanks for asking!",
    "Good idea.",
    "Sure.",
    "Happy to join.",
    "Hey, nice to hear from you.",
)
_ASIDES = (
    "Room 214 has the better screen.",
    "See you soon!",
    "The coffee is on me.",
    "Greetings from floor 3.",
    "I will bring the figures.",
    "Sorry for the late reply.",
    "Could somebody take notes?",
)
_FREED = (
    "Good news: {day} has become free for me, so forget what I wrote about it.",
    "My plans have changed: I can at any time on {day} after all.",
)


def generate(rng: random.Random, family: str | None = None) -> Instance:
    plan, thread = _drawn(rng, family or rng.choice(FAMILIES))
    return Instance(question=_ask(thread, plan), answer=_first(plan), source=Source.CALLER)


def _drawn(rng: random.Random, family: str) -> tuple[_Plan, str]:
    """A plan, and the thread that states it."""
    first, n = rng.randint(0, 2), rng.randint(2, 3)
    plan = _Plan(
        people=tuple(rng.sample(PEOPLE, _PEOPLE_OF[family])),
        minutes=15 * rng.randint(2, 6),
        days=WEEK[first : first + n],
        opens=60 * rng.randint(8, 10),
        closes=60 * rng.randint(16, 18),
        limits=(),
    )
    daily = family != "change of mind"
    said = {person: _said(rng, plan, person, daily=daily) for person in plan.people}
    mails = [_mail(rng, plan, person, [sentence for _, sentence in said[person]]) for person in plan.people]
    limits = [limit for some in said.values() for limit, _ in some]
    if not daily and limits:
        freed = rng.choice(limits)
        limits = [limit for limit in limits if (limit.person, limit.day) != (freed.person, freed.day)]
        mails.append(_signed(freed.person, [rng.choice(_FREED).format(day=freed.day)]))
    return replace(plan, limits=tuple(limits)), "\n---\n".join(mails)


def _said(rng: random.Random, plan: _Plan, person: str, *, daily: bool) -> list[tuple[_Limit, str]]:
    """A person's objections to the days, mostly one for each day, and at times to all of them."""
    kinds = [rng.choice(("before", "before", "after", "within", "within", "within", "all day", "")) for _ in plan.days]
    wanted = [(kind, day) for kind, day in zip(kinds, plan.days, strict=True) if kind]
    if daily and rng.random() < 0.4:
        wanted.append((rng.choice(("early", "late", "lunch")), ""))
    said: list[tuple[_Limit, str]] = []
    for kind, day in rng.sample(wanted, len(wanted)):
        start, end = _busy(rng, kind, plan)
        sentence = rng.choice(_CANNOT[kind]).format(day=day, start=_clock(start), end=_clock(end))
        said.append((_Limit(person=person, day=day, start=start, end=end), sentence))
    return said


def _busy(rng: random.Random, kind: str, plan: _Plan) -> tuple[int, int]:
    """A busy time, in quarters of an hour except for the ends of the day."""

    def quarter(earliest: int, latest: int) -> int:
        return 15 * rng.randint(earliest // 15, latest // 15)

    if kind == "all day":
        return 0, 24 * 60
    if kind in ("before", "early"):
        return 0, quarter(plan.opens + 15, plan.opens + (90 if kind == "early" else 240))
    if kind in ("after", "late"):
        return quarter(plan.closes - (90 if kind == "late" else 240), plan.closes - 15), 24 * 60
    if kind == "lunch":
        return quarter(11 * 60 + 30, 12 * 60 + 30), quarter(13 * 60, 14 * 60)
    start = quarter(plan.opens, plan.closes - 60)
    return start, quarter(start + 30, min(start + 180, plan.closes))


def _mail(rng: random.Random, plan: _Plan, person: str, sentences: list[str]) -> str:
    if person == plan.people[0]:
        opening = rng.choice(_OPENINGS).format(
            minutes=plan.minutes,
            topic=rng.choice(_TOPICS),
            first=plan.days[0],
            last=plan.days[-1],
            opens=_clock(plan.opens),
            closes=_clock(plan.closes),
        )
    else:
        opening = rng.choice(_GREETINGS)
        sentences = sentences or ["Any time is fine with me."]
    return _signed(person, [opening, *sentences, *rng.sample(_ASIDES, rng.randint(0, 1))])


def _signed(person: str, sentences: list[str]) -> str:
    return f"From: {person}\n\n{' '.join(sentences)}\n{person}"


def _times(plan: _Plan) -> list[tuple[int, int]]:
    """Days by number and starts at which all can, among them the earliest and the latest: both touch some limit."""
    ends = {plan.opens, *(limit.end for limit in plan.limits)}
    starts = {plan.closes, *(limit.start for limit in plan.limits)}
    candidates = ends | {start - plan.minutes for start in starts}
    return [(number, start) for number in range(len(plan.days)) for start in candidates if _suits(plan, number, start)]


def _suits(plan: _Plan, number: int, start: int) -> bool:
    end = start + plan.minutes
    within = plan.opens <= start and end <= plan.closes
    limits = [limit for limit in plan.limits if limit.day in ("", plan.days[number])]
    return within and all(limit.end <= start or end <= limit.start for limit in limits)


def _written(plan: _Plan, time: tuple[int, int] | None) -> str:
    if time is None:
        return NONE_SUITS
    return f"{plan.days[time[0]]} {_clock(time[1])} - {_clock(time[1] + plan.minutes)}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _ask(thread: str, plan: _Plan) -> str:
    return (
        f"Read these mails.\n---\n{thread}\n---\nWhen is the earliest time that all of them can meet for "
        f'{plan.minutes} minutes? Answer in the form "Friday 10:30 - 11:15", or with "{NONE_SUITS}" if there is none.'
    )


# The check: each sentence is read by its own pattern, and the days are gone through minute by minute.

_D = f"(?:{'|'.join(WEEK)})"
_T = r"\d\d:\d\d"
_FORM = re.compile(
    r"Read these mails\.\n---\n(.+)\n---\nWhen is the earliest time that all of them can meet for (\d+) minutes\? "
    r'Answer in the form "Friday 10:30 - 11:15", or with "No time suits everybody\." if there is none\.',
    re.DOTALL,
)
_MAIL = re.compile(r"From: (\w+)\n\n(.+)\n\1")
_FRAME = re.compile(rf".*? (\d+) minutes\b.*?from ({_D}) to ({_D})\b.*? ({_T})\D+({_T})\. ?")
# What is out, and how that is said. A sentence that names no day and no time may say what it likes.
_OUT = {
    "until": (
        rf"I can't before {_T} on {_D}\.",
        rf"On {_D} I am not in before {_T}\.",
        rf"{_D} works for me from {_T} on\.",
        rf"Please not before {_T} on {_D}\.",
        rf"I never start before {_T}\.",
        rf"As I take the children to school, no day before {_T} for me\.",
    ),
    "from": (
        rf"I have to leave at {_T} on {_D}\.",
        rf"Nothing after {_T} on {_D}, please\.",
        rf"On {_D} I can stay until {_T}\.",
        rf"{_D} is fine for me up to {_T}\.",
        rf"I have to go at {_T} every day\.",
        rf"My train leaves early, so no day after {_T} for me\.",
    ),
    "between": (
        rf"I am teaching from {_T} to {_T} on {_D}\.",
        rf"{_D} from {_T} to {_T} is taken\.",
        rf"On {_D} I am at the dentist's between {_T} and {_T}\.",
        rf"There is another meeting on {_D}, {_T} to {_T}, that I can't miss\.",
        rf"I am at lunch from {_T} to {_T} every day\.",
        rf"No day between {_T} and {_T}: I swim then\.",
    ),
    "whole": (rf"I am away all {_D}\.", rf"{_D} is impossible for me\.", rf"On {_D} I am travelling\."),
    "freed": (
        rf"Good news: {_D} has become free for me, so forget what I wrote about it\.",
        rf"My plans have changed: I can at any time on {_D} after all\.",
    ),
    "nothing": (rf"(?!.*(?:{_D}|{_T}|[Nn]o day|every day)).*",),
}
_OUT_FORM = re.compile("|".join(f"(?P<{out}>{'|'.join(forms)})" for out, forms in _OUT.items()))


def check(question: str, answer: str) -> bool:
    plan = _read(question)
    for day in plan.days:
        busy = [range(limit.start, limit.end) for limit in plan.limits if limit.day in ("", day)]
        free = {*range(plan.opens, plan.closes)}.difference(*busy)
        for start in sorted(free):
            if free.issuperset(range(start, start + plan.minutes)):
                end = start + plan.minutes
                return answer == f"{day} {start // 60:02}:{start % 60:02} - {end // 60:02}:{end % 60:02}"
    return answer == NONE_SUITS


def _read(question: str) -> _Plan:
    thread, minutes = match_form(_FORM, question, NAME).groups()
    (asker, first), *others = (match_form(_MAIL, mail, NAME).groups() for mail in thread.split("\n---\n"))
    frame = _FRAME.match(first)
    if frame is None or frame[1] != minutes or WEEK.index(frame[2]) > WEEK.index(frame[3]):
        raise not_in_form(question, NAME)
    limits: list[_Limit] = []
    for person, text in ((asker, first[frame.end() :]), *others):
        for sentence in filter(None, re.split(r"(?<=[.!?]) ", text)):
            out, limit = _read_sentence(person, sentence)
            if out == "freed":
                limits = [one for one in limits if (one.person, one.day) != (person, limit.day)]
            elif out != "nothing":
                limits.append(limit)
    return _Plan(
        people=tuple(dict.fromkeys((asker, *(person for person, _ in others)))),
        minutes=int(minutes),
        days=WEEK[WEEK.index(frame[2]) : WEEK.index(frame[3]) + 1],
        opens=_after_midnight(frame[4]),
        closes=_after_midnight(frame[5]),
        limits=tuple(limits),
    )


def _read_sentence(person: str, sentence: str) -> tuple[str, _Limit]:
    """The part of the day that is busy, and its limits; for a day that becomes free, the day alone counts."""
    out = match_form(_OUT_FORM, sentence, NAME).lastgroup or ""
    day = re.search(_D, sentence)
    times = [_after_midnight(clock) for clock in re.findall(_T, sentence)]
    start, end = {"until": (0, *times), "from": (*times, 24 * 60), "between": times}.get(out, (0, 24 * 60))
    return out, _Limit(person=person, day=day[0] if day else "", start=start, end=end)


def _after_midnight(clock: str) -> int:
    return 60 * int(clock[:2]) + int(clock[3:])


_WORDINGS = (
    "I have phoned {people} about a {minutes}-minute meeting in the days {first} to {last}, which must lie between "
    "{opens} and {closes}. My notes of who is busy: {limits}. What is the first slot without a conflict? {format}",
    "Please find a slot of {minutes} minutes for {people}, as soon as possible from {first} ({opens}-{closes}) and on "
    "{last} at the latest, same hours. Not available: {limits}. {format}",
    "{people} want to talk for {minutes} minutes. Possible days: {first} to {last}, {opens}-{closes}. Their calendars "
    "are blocked as follows: {limits}. Which free stretch comes first? {format}",
)
_FORMAT = f'Write just day, start and end, as in "Friday 10:30 - 11:15"; should nothing fit, write "{NONE_SUITS}"'


def paraphrase(instance: Instance, rng: random.Random) -> Instance:
    plan = _read(instance.question)
    blocked = [
        f"{limit.person} {limit.day or 'daily'} {_clock(limit.start)}-{_clock(limit.end)}" for limit in plan.limits
    ]
    question = rng.choice(_WORDINGS).format(
        people=f"{', '.join(plan.people[:-1])} and {plan.people[-1]}",
        minutes=plan.minutes,
        first=plan.days[0],
        last=plan.days[-1],
        opens=_clock(plan.opens),
        closes=_clock(plan.closes),
        limits="; ".join(blocked) or "nothing",
        format=_FORMAT,
    )
    return Instance(question=question, answer=instance.answer, source=instance.source)


# Look-alikes: the same kind of thread, with another question after it.


def _latest(rng: random.Random) -> LookAlike:
    plan, thread = _drawn(rng, rng.choice(FAMILIES))
    question = _ask(thread, plan).replace("earliest", "latest")
    return LookAlike(question, _written(plan, max(_times(plan), default=None)), _first(plan))


def _on_one_day(rng: random.Random) -> LookAlike:
    plan, thread = _drawn(rng, rng.choice(FAMILIES))
    day = rng.choice(plan.days)
    question = _ask(thread, plan).replace("earliest time", f"earliest time on {day}")
    return LookAlike(question, _first(replace(plan, days=(day,))), _first(plan))


def _without_one(rng: random.Random) -> LookAlike:
    plan, thread = _drawn(rng, rng.choice(FAMILIES[1:]))
    left_out = rng.choice(plan.people)
    question = _ask(thread, plan).replace("all of them", f"all of them but {left_out}")
    limits = tuple(limit for limit in plan.limits if limit.person != left_out)
    return LookAlike(question, _first(replace(plan, limits=limits)), _first(plan))


def _longer(rng: random.Random) -> LookAlike:
    plan, thread = _drawn(rng, rng.choice(FAMILIES))
    longer = replace(plan, minutes=plan.minutes + 15 * rng.randint(1, 4))
    return LookAlike(_ask(thread, longer), _first(longer), _first(plan))


def _first(plan: _Plan) -> str:
    return _written(plan, min(_times(plan), default=None))


_LOOK_ALIKES = {"latest": _latest, "on one day": _on_one_day, "without one": _without_one, "longer": _longer}
NEAR_MISSES = tuple(_LOOK_ALIKES)


def near_miss(rng: random.Random, kind: str | None = None) -> Instance:
    return draw_near_miss(_LOOK_ALIKES, rng, kind)
