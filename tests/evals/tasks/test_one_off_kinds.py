"""One-offs in numbers: many kinds, each with one sure answer, worked out here once more."""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from hammerstone.errors import InputError
from hammerstone.evals.tasks import TASKS
from hammerstone.evals.tasks.one_off_kinds import ONE_OFF_KINDS, draw_one_offs
from hammerstone.evals.tasks.one_offs import ONE_OFFS

if TYPE_CHECKING:
    from collections.abc import Callable

# By the numbers of a question, written as they stand there.
AGAIN: dict[str, Callable[..., object]] = {
    r"What is (\d+) times": lambda a, b: sum([int(a)] * int(b)),
    r"percent of (\d+)": lambda p, n: Fraction(int(p), 100) * int(n),
    r"What remains when": lambda a, b: int(a) - int(b) * (int(a) // int(b)),
    r"greatest common divisor": lambda a, b: max(d for d in range(1, 201) if int(a) % d == int(b) % d == 0),
    r"sum of the digits": lambda n: sum(d * n.count(str(d)) for d in range(10)),
    r"square of": lambda n: int(n) ** 2,
    r"to the nearest hundred": lambda n: min(range(0, 20000, 100), key=lambda r: abs(r - int(n))),
    r"minutes are \d+ hours": lambda h: Fraction(int(h)) / Fraction(1, 60),
    r"weeks are": lambda d: Fraction(int(d), 7),
    r"grams are": lambda k: k + "000",
    r"degrees Fahrenheit": lambda c: Fraction(int(c)) * Fraction(9, 5) + 32,
    r"square feet": lambda a, b: sum([int(a)] * int(b)),
    r"spiders": lambda a, b: (int(a) + int(b)) * 2 + int(a) * 6,
    r"What is the mean": lambda a, b: Fraction(int(a) + int(b), 2),
    r"binary number": lambda bits: sum(2**k for k, bit in enumerate(reversed(bits)) if bit == "1"),
    r"middle one": lambda a, b, c: int(a) + int(b) + int(c) - max(map(int, (a, b, c))) - min(map(int, (a, b, c))),
    r"even numbers": lambda a, b: len([n for n in range(int(a) + 1, int(b)) if n % 2 == 0]),
    r"angles of a triangle": lambda a, b: 180 - (int(a) + int(b)),
    r"car drives": lambda v, t: int(v) * int(t),
    r"coat of": lambda price, off: Fraction(int(price)) * (100 - int(off)) / 100,
    r"stamps": lambda n, cents, note: int(note) * 100 - int(n) * int(cents),
    r"Ada is": lambda a, b: int(a) + int(a) - int(b),
    r"first term": lambda a, d: [*range(int(a), 2000, int(d))][9],
    r"train leaves": lambda h, m, n: f"{(60 * int(h) + int(m) + int(n)) // 60:02}:{(int(m) + int(n)) % 60:02}",
    r"in hexadecimal": lambda n: hex(int(n))[2:].upper(),
    r"divided by \d+ without": lambda a, b: "Yes" if int(a) in range(0, 1000, int(b)) else "No",
    r"leap year": lambda y: "Yes" if (date(int(y), 3, 1) - date(int(y), 2, 1)).days == 29 else "No",
    r"greater than 19 times": lambda n, a, b: "Yes" if int(n) - int(a) * int(b) > 0 else "No",
    r"Which day of the week is": lambda y, m, d: f"{date(int(y), int(m), int(d)):%A}",
    r"Which date comes": lambda n, y, m, d: date.fromordinal(date(int(y), int(m), int(d)).toordinal() + int(n)),
    r"quarter of its year": lambda _y, m, _d: {1: "Q1", 2: "Q2", 3: "Q3", 4: "Q4"}[1 + (int(m) - 1) // 3],
}
OF_A_WORD: dict[str, Callable[[str], object]] = {
    r"What does the word (\w+) become in capital": lambda word: "".join(chr(ord(letter) - 32) for letter in word),
    r"third letter of (\w+)": lambda word: word[:3][-1],
    r"has the word (\w+)": lambda word: len(re.findall("[aeiou]", word)),
}


def test_the_first_eighty_are_each_of_a_kind_of_their_own() -> None:
    assert len(ONE_OFF_KINDS) >= 60
    skeletons = {re.sub(r"[-\d:]+", "#", instance.question) for instance in draw_one_offs(len(ONE_OFF_KINDS), 3)}
    assert len(skeletons) == len(ONE_OFF_KINDS)
    assert {instance.question for instance in ONE_OFFS} < {i.question for i in draw_one_offs(len(ONE_OFF_KINDS), 3)}


def test_drawn_answers_are_right() -> None:
    tried: set[str] = set()
    for instance in draw_one_offs(1500, 4):
        asked = instance.question.split(" Answer ")[0]
        numbers = re.findall(r"(?<![\d-])-?\d+|(?<=-)\d+", asked)
        for pattern, rule in AGAIN.items():
            if re.search(pattern, asked) and numbers:
                tried.add(pattern)
                assert str(rule(*numbers)) == instance.answer, instance
        for pattern, of_word in OF_A_WORD.items():
            if word := re.search(pattern, asked):
                tried.add(pattern)
                assert str(of_word(word[1])) == instance.answer, instance
    assert tried == {*AGAIN, *OF_A_WORD}


def test_every_question_says_what_its_answer_looks_like() -> None:
    assert all(re.search(r"[Aa]nswer|Leave out", instance.question) for instance in draw_one_offs(200, 5))


def test_one_offs_repeat_with_their_seed_and_go_on_with_more() -> None:
    assert draw_one_offs(10, 1) == draw_one_offs(200, 1)[:10]
    assert draw_one_offs(10, 1) != draw_one_offs(10, 2)
    assert len({instance.question for instance in draw_one_offs(3000, 1)}) == 3000
    assert draw_one_offs(0, 1) == ()


def test_a_one_off_is_in_the_own_form_of_no_task() -> None:
    for instance in draw_one_offs(120, 6):
        for found in TASKS.values():
            with pytest.raises(InputError):
                found.check(instance.question, instance.answer)


def test_more_one_offs_than_there_are_cannot_be_drawn() -> None:
    with pytest.raises(InputError):
        draw_one_offs(-1, 1)
