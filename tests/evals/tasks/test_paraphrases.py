"""A paraphrase asks the same in other words: read here by rules of this file alone, its answer must be the same."""

from __future__ import annotations

import json
import random
import re
from itertools import permutations
from typing import TYPE_CHECKING

import pytest

from hammerstone.errors import InputError
from hammerstone.evals.tasks import TASKS, generate_instances, task
from hammerstone.types import Instance, Source

from .. import reference

if TYPE_CHECKING:
    from collections.abc import Callable


def seeded(seed: int | str) -> random.Random:
    return random.Random(seed)  # noqa: S311 - samples, not secrets


CLOSING = dict(zip("([{<", ")]}>", strict=True))


def solve_dyck(question: str) -> str:
    word = max(re.findall(r"[][(){}<>](?: [][(){}<>])*", question), key=len)
    stack: list[str] = []
    for bracket in word.split():
        if bracket in CLOSING:
            stack.append(CLOSING[bracket])
        else:
            assert stack.pop() == bracket
    return " ".join(reversed(stack))


def solve_word_sorting(question: str) -> str:
    found = re.search(r"(?:[a-z'&]+, )+[a-z'&]+", question)
    assert found is not None
    return " ".join(sorted(found[0].split(", ")))


def solve_chinese_remainder(question: str) -> str:
    most, *numbers = map(int, re.findall(r"\d+", question))
    pairs = [(max(pair), min(pair)) for pair in zip(numbers[::2], numbers[1::2], strict=True)]
    modulus, left = max(pairs)
    counts = [n for n in range(left, most + 1, modulus) if all(n % m == r for m, r in pairs)]
    assert len(counts) == 1
    return str(counts[0])


def solve_schedule_meeting(question: str) -> str:
    span = r"\d\d:\d\d - \d\d:\d\d"
    minutes = [free_minutes(free) for free in re.findall(rf"{span}(?:, {span})*", question)]
    assert len(minutes) == 2
    length = re.search(r"([\d.]+) hours?", question)
    assert length is not None
    needed = int(60 * float(length[1]))
    for start in sorted(minutes[0] & minutes[1]):
        if all(minute in minutes[0] and minute in minutes[1] for minute in range(start, start + needed)):
            return f"{start // 60:02}:{start % 60:02} - {(start + needed) // 60:02}:{(start + needed) % 60:02}"
    return "No time slot works."


def free_minutes(text: str) -> set[int]:
    times = [60 * int(hour) + int(minute) for hour, minute in re.findall(r"(\d\d):(\d\d)", text)]
    return {m for start, end in zip(times[::2], times[1::2], strict=True) for m in range(start, end)}


def solve_tracking(question: str) -> str:
    people = "Alice|Bob|Claire|Dave|Eve"
    options = re.findall(r"^\((.)\) (.+)$", question, re.MULTILINE)
    start, rest = question.split("To begin with: ")[1].split(". Now ")
    swaps, asking = rest.split(". ", 1)
    holds = {}
    for part in start.split("; "):
        person = re.search(people, part)
        assert person is not None
        holds[person[0]] = next(letter for letter, thing in options if re.search(rf"\b{re.escape(thing)}\b", part))
    assert len(set(holds.values())) == 5
    names = re.findall(people, swaps)
    for one, other in zip(names[::2], names[1::2], strict=True):
        holds[one], holds[other] = holds[other], holds[one]
    asked = re.search(people, asking)
    assert asked is not None
    return f"({holds[asked[0]]})"


EARLIER_FIRST = ("to the left of", "was built before the", "did better than", "cost less than")
LATER_FIRST = ("further right than", "later than", "somewhere behind", "you pay more for")
PLACES = [
    ("at the far left", "as old as", "the winner was", "nothing costs less"),
    ("just one to the left", "only one of them was built before", "only the winner", "just one kind costs less"),
    ("right in the middle", "two were built before", "two did better", "in the middle of"),
    ("just one to the right", "only one of them was built after", "only one player did", "just one kind costs more"),
    ("at the far right", "as new as", "nobody did worse", "nothing costs more"),
]
ASKED = [  # the first that matches
    ("third", 2),
    ("second from the right|second-newest|second-to-last|second-most", 3),
    ("second", 1),
    ("leftmost|oldest|first|cheapest", 0),
    ("rightmost|newest|last|most expensive", 4),
]


def solve_logical_deduction(question: str) -> str:
    options = [line[4:] for line in question.split("\n")[1:]]
    things = [re.sub(r"^The | (?:is|are|finished) .*", "", option) for option in options]
    hints = [hint for hint in re.split(r"(?<=[;.]) ", question.split("\n")[0]) if hint.count(",") < 3]
    known = []
    for hint in hints:
        named = sorted((m.start(), thing) for thing in things if (m := re.search(rf"\b{thing}\b", hint)))
        place = [number for number, marks in enumerate(PLACES) if any(mark in hint for mark in marks)]
        if len(named) == 1:
            known.append((named[0][1], place[0]))
            assert len(place) == 1, hint
        elif named:
            assert any(mark in hint for mark in EARLIER_FIRST) != any(mark in hint for mark in LATER_FIRST), hint
            first, second = (thing for _, thing in named)
            known.append((first, second) if any(mark in hint for mark in EARLIER_FIRST) else (second, first))
    orders = [
        order
        for order in permutations(things)
        if all(order[b] == a if isinstance(b, int) else order.index(a) < order.index(b) for a, b in known)
    ]
    assert len(orders) == 1, question
    asked = next(place for mark, place in ASKED if re.search(mark, options[0]))
    return f"({'ABCDE'[things.index(orders[0][asked])]})"


def found(pattern: str, text: str) -> re.Match[str]:
    match = re.search(pattern, text)
    assert match is not None, (pattern, text)
    return match


def solve_game_of_24(question: str) -> str:
    given = found(r"(?:show|numbers:|with) (\d+ \d+ \d+ \d+)", question)[1]
    (way,) = reference.ways_to_make(24, [int(number) for number in given.split()])
    return way


def solve_sudoku(question: str) -> str:
    rows = re.findall(r"^[1-9.]{4,9}$", question, re.MULTILINE)
    shape = found(r"\((\d) tall, (\d) wide|(\d) cells high and (\d)|\((\d) by (\d), height first", question)
    high, wide = (int(number) for number in shape.groups() if number)
    (solution,) = reference.sudokus(rows, high, wide)
    return " ".join(solution)


def solve_routing(question: str) -> str:
    roads = {frozenset(road[:2]): int(road[2]) for road in re.findall(r"(\w+)/(\w+) (\d+)", question)}
    if blocked := re.search(r"block the connection (\w+)/(\w+)\.", question):
        del roads[frozenset(blocked.groups())]
    ends = (
        found(rf"(?:{words}) (\w+)", question)[1] for words in ("live in|starts in|stands in", "be in|ends in|goes to")
    )
    ways = [way for _, way in reference.routes(roads, *ends)]
    if via := re.search(r"picked up in (\w+)", question):
        ways = [way for way in ways if via[1] in way]
    if avoided := re.search(r"away from (\w+)", question):
        ways = [way for way in ways if avoided[1] not in way]
    if window := re.search(r"At (\S+) the trip begins, and at (\w+) it must be from (\S+) to (\S+) on", question):
        begins, first, last = (reference.after_midnight(window[i]) for i in (1, 3, 4))
        ways = [way for way in ways if window[2] in way]
        arrives = [begins + reference.minutes_of(roads, way[: way.index(window[2]) + 1]) for way in ways]
        ways = [way for way, at in zip(ways, arrives, strict=True) if first <= at <= last]
    assert len(ways) == 1 or reference.minutes_of(roads, ways[0]) < reference.minutes_of(roads, ways[1])
    return reference.written_route(roads, ways[0])


def solve_web_listing(question: str) -> str:
    records = reference.records(question)
    example = json.loads(found(r"\{.*?\}", question)[0])
    assert all([*record] == [*example] for record in records)
    return reference.compact(records)


def solve_email_meeting(question: str) -> str:
    length = int(found(r"(\d+)(?:-minute| minutes)", question)[1])
    week = "|".join(reference.WEEK)
    first, last = re.findall(week, question)[:2]
    opens, closes = map(reference.after_midnight, re.findall(r"\d\d:\d\d", question)[:2])
    busy: reference.Busy = {}
    for person, day, start, end in re.findall(rf"(\w+) ({week}|daily) (\d\d:\d\d)-(\d\d:\d\d)", question):
        told = (day.replace("daily", ""), reference.after_midnight(start), reference.after_midnight(end))
        busy.setdefault(person, []).append(told)
    days = reference.WEEK[reference.WEEK.index(first) : reference.WEEK.index(last) + 1]
    return [*reference.meetings(days, opens, closes, length, busy), reference.NONE_SUITS][0]


SOLVERS: dict[str, Callable[[str], str]] = {
    "chinese_remainder": solve_chinese_remainder,
    "dyck": solve_dyck,
    "email_meeting": solve_email_meeting,
    "game_of_24": solve_game_of_24,
    "logical_deduction": solve_logical_deduction,
    "routing": solve_routing,
    "schedule_meeting": solve_schedule_meeting,
    "sudoku": solve_sudoku,
    "tracking_shuffled_objects": solve_tracking,
    "web_listing": solve_web_listing,
    "word_sorting": solve_word_sorting,
}
FORMATS = {
    "chinese_remainder": r"number alone|digits only|just give the number",
    "dyck": r"space",
    "email_meeting": r'"Friday 10:30 - 11:15".*"No time suits everybody\."',
    "game_of_24": r"parentheses.*example",
    "logical_deduction": r"letter.*parentheses",
    "routing": r'colon.*"Hythe > Lydd > Rye: 45 minutes"',
    "schedule_meeting": r'"HH:MM - HH:MM".*"No time slot works\."',
    "sudoku": r"one space",
    "tracking_shuffled_objects": r"letter.*parentheses",
    "web_listing": r"JSON.*single line",
    "word_sorting": r"space",
}


def paraphrases(name: str, n: int = 120) -> list[tuple[Instance, Instance]]:
    rng = seeded(name)
    return [(instance, task(name).paraphrase(instance, rng)) for instance in generate_instances(name, n, 21)]


@pytest.mark.parametrize("name", sorted(SOLVERS))
def test_a_paraphrase_has_the_same_answer(name: str) -> None:
    for instance, other in paraphrases(name):
        assert other.answer == instance.answer
        assert SOLVERS[name](other.question) == instance.answer, other.question


@pytest.mark.parametrize("name", sorted(SOLVERS))
def test_a_paraphrase_says_what_an_answer_looks_like(name: str) -> None:
    for _, other in paraphrases(name):
        assert re.search(FORMATS[name], other.question, re.IGNORECASE | re.DOTALL), other.question


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_paraphrase_shares_no_sentence_with_the_own_form(name: str) -> None:
    for instance, other in paraphrases(name):
        own = re.split(r"(?<=[.:?]) |\n", instance.question.split("\nOptions:")[0])
        # A listing of the data is no sentence, and markup is none.
        words = [part for part in own if len(re.findall("[a-z]{2,}", part)) > 3 and not part.startswith("<")]
        sentences = [part for part in words if part.count(",") < 4]
        assert sentences or name == "tracking_shuffled_objects"
        assert not [sentence for sentence in sentences if sentence in other.question]
        with pytest.raises(InputError):
            task(name).check(other.question, other.answer)


@pytest.mark.parametrize("name", sorted(TASKS))
def test_there_are_several_wordings_of_one_question(name: str) -> None:
    instance = generate_instances(name, 1, 3)[0]
    wordings = {task(name).paraphrase(instance, seeded(seed)).question for seed in range(30)}
    assert len(wordings) >= 3


@pytest.mark.parametrize("name", sorted(TASKS))
def test_only_a_question_in_the_own_form_can_be_paraphrased(name: str) -> None:
    with pytest.raises(InputError):
        task(name).paraphrase(Instance(question="How are you?", answer="Well", source=Source.CALLER), seeded(1))
