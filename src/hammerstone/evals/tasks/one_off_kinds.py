"""A larger supply of one-offs: about eighty kinds of questions, each with one sure short answer; some draw numbers."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial
from typing import TypeAlias

from hammerstone.errors import InputError
from hammerstone.evals.tasks.one_offs import ONE_OFFS
from hammerstone.types import Instance, Source

__all__ = ["ONE_OFF_KINDS", "draw_one_offs"]

_Drawn: TypeAlias = tuple[str, str]  # a question and its answer

_FACTS = {
    "Answer with the number alone.": {
        "How many sides has a hexagon?": "6",
        "How many degrees has a right angle?": "90",
        "How many strings has a violin?": "4",
        "How many squares has a chessboard?": "64",
        "How many players of one soccer team are on the field at kick-off?": "11",
        "How many zeros follow the one when a million is written in digits?": "6",
        "How many bits has a byte?": "8",
        "How many letters has the English alphabet?": "26",
        "How many cards are in a deck for poker, without jokers?": "52",
        "In which year did the Second World War end?": "1945",
    },
    "Answer with one word.": {
        "Which month of the year has the fewest days?": "February",
        "Which language do most people in Brazil speak?": "Portuguese",
        "On which continent is Kenya?": "Africa",
        "Which planet is called the red planet?": "Mars",
        "What comes next: Monday, Wednesday, Friday?": "Sunday",
        "What is the family name of the first person who walked on the Moon?": "Armstrong",
        "What is the family name of the author of Romeo and Juliet?": "Shakespeare",
        "Which mountain is the highest above sea level? Leave out the word Mount.": "Everest",
    },
    "Answer with one word, in lower case.": {
        "What is the past tense of the English verb go?": "went",
        "Which currency is used in Japan?": "yen",
        "What is the French word for cat, the animal?": "chat",
        "Which metal is liquid at room temperature?": "mercury",
        "What is frozen water called?": "ice",
        "Which color do blue and yellow paint give when mixed?": "green",
        "What do bees make from nectar?": "honey",
        "Which instrument usually has 88 keys?": "piano",
        "What is the opposite of north?": "south",
        "What is a young dog called?": "puppy",
        "Which gas in the air do we need most for breathing?": "oxygen",
    },
    "Answer with the letters alone.": {
        "Which vitamin does our skin make in sunlight?": "D",
        "What is the usual abbreviation of kilogram?": "kg",
        "Which capital letter comes after Q in the English alphabet?": "R",
    },
    "Answer Yes or No.": {
        "If all bloops are razzies and all razzies are lazzies, are all bloops lazzies?": "Yes",
        "Is a whale a fish?": "No",
    },
}
_WORDS = tuple(
    "garden window bottle candle mirror planet basket hammer rocket pencil ladder magnet tunnel anchor".split()
)
_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _fixed(question: str, answer: str) -> Callable[[random.Random], _Drawn]:
    return lambda _: (question, answer)


def _number(
    question: str, rule: Callable[[int, int], object], first: Sequence[int], second: Sequence[int] = (0,)
) -> Callable[[random.Random], _Drawn]:
    return partial(_of_numbers, f"{question} Answer with the number alone.", rule, first, second)


def _yes_or_no(
    question: str, rule: Callable[[int, int], bool], first: Sequence[int], second: Sequence[int] = (0,)
) -> Callable[[random.Random], _Drawn]:
    return partial(
        _of_numbers, f"{question} Answer Yes or No.", lambda a, b: "Yes" if rule(a, b) else "No", first, second
    )


def _of_numbers(
    question: str, rule: Callable[[int, int], object], first: Sequence[int], second: Sequence[int], rng: random.Random
) -> _Drawn:
    """Each {} of the question takes a value of one of the sequences, and the rule makes the answer of both."""
    a, b = rng.choice(first), rng.choice(second)
    return question.format(a, b), str(rule(a, b))


def _of_word(question: str, rule: Callable[[str], object]) -> Callable[[random.Random], _Drawn]:
    def drawn(rng: random.Random) -> _Drawn:
        word = rng.choice(_WORDS)
        return question.format(word), str(rule(word))

    return drawn


def _of_day(question: str, rule: Callable[[date, int], object]) -> Callable[[random.Random], _Drawn]:
    def drawn(rng: random.Random) -> _Drawn:
        day, later = date(2020, 1, 1) + timedelta(days=rng.randrange(3000)), rng.randint(5, 90)
        return question.format(day, later), str(rule(day, later))

    return drawn


ONE_OFF_KINDS: tuple[Callable[[random.Random], _Drawn], ...] = (
    *(_fixed(instance.question, instance.answer) for instance in ONE_OFFS),
    *(_fixed(f"{question} {form}", answer) for form, facts in _FACTS.items() for question, answer in facts.items()),
    _number("What is {} times {}?", lambda a, b: a * b, range(13, 99), range(12, 60)),
    _number("What is {} percent of {}?", lambda p, n: p * n // 100, range(5, 95, 5), range(100, 5000, 100)),
    _number("What remains when {} is divided by {}?", lambda a, b: a % b, range(100, 999), range(7, 30)),
    _number("What is the greatest common divisor of {} and {}?", math.gcd, range(12, 200, 6), range(8, 200, 4)),
    _number("What is the sum of the digits of {}?", lambda n, _: sum(map(int, str(n))), range(1000, 99999)),
    _number("What is the square of {}?", lambda n, _: n * n, range(13, 99)),
    _number("Round {} to the nearest hundred.", lambda n, _: (n + 50) // 100 * 100, range(1001, 9999, 20)),
    _number("How many minutes are {} hours?", lambda h, _: 60 * h, range(3, 200)),
    _number("How many weeks are {} days?", lambda d, _: d // 7, range(21, 700, 7)),
    _number("How many grams are {} kilograms?", lambda k, _: 1000 * k, range(2, 300)),
    _number("How many degrees Fahrenheit are {} degrees Celsius?", lambda c, _: c * 9 // 5 + 32, range(-40, 200, 5)),
    _number("How many square feet has a room of {} by {} feet?", lambda a, b: a * b, range(8, 60), range(8, 40)),
    _number("How many legs do {} spiders and {} ducks have?", lambda a, b: 8 * a + 2 * b, range(2, 30), range(2, 30)),
    _number("What is the mean of {} and {}?", lambda a, b: (a + b) // 2, range(10, 90, 2), range(100, 300, 2)),
    _number("Which number is the binary number {:b}?", lambda n, _: n, range(17, 128)),
    _number(
        "What is the middle one of {}, {} and 50, sorted?", lambda a, b: sorted((a, b, 50))[1], range(1, 99), range(99)
    ),
    _number(
        "How many even numbers are greater than {} and less than {}?",
        lambda a, b: (b - 1) // 2 - a // 2,
        range(50),
        range(51, 99),
    ),
    _number(
        "Two angles of a triangle have {} and {} degrees. How many has the third?",
        lambda a, b: 180 - a - b,
        range(20, 90),
        range(20, 80),
    ),
    _number(
        "A car drives {} kilometers an hour for {} hours. How many kilometers are that?",
        lambda speed, hours: speed * hours,
        range(40, 130, 10),
        range(2, 9),
    ),
    _number(
        "A coat of {} euros gets {} percent cheaper. How many euros does it cost now?",
        lambda price, off: price - price * off // 100,
        range(100, 500, 20),
        range(10, 50, 5),
    ),
    _number(
        "I pay {} stamps of {} cents each with a 20-euro note. How many cents do I get back?",
        lambda stamps, cents: 2000 - stamps * cents,
        range(3, 15),
        range(50, 130, 5),
    ),
    _number(
        "Ada is {} years old and her brother {} years younger. How many years are they together?",
        lambda age, less: 2 * age - less,
        range(12, 60),
        range(2, 9),
    ),
    _number(
        "The first term of a row is {} and each is {} more than the one before. What is the tenth?",
        lambda first, more: first + 9 * more,
        range(1, 50),
        range(3, 20),
    ),
    partial(
        _of_numbers,
        "A train leaves at 08:{:02} and takes {} minutes. When does it arrive? Answer in the form HH:MM.",
        lambda past, takes: f"{8 + (past + takes) // 60:02}:{(past + takes) % 60:02}",
        range(1, 60),
        range(20, 200),
    ),
    partial(
        _of_numbers,
        "Write {} in hexadecimal, with capital letters. Answer with the digits alone.",
        lambda n, _: f"{n:X}",
        range(170, 4000),
        (0,),
    ),
    _yes_or_no("Can {} be divided by {} without a remainder?", lambda a, b: a % b == 0, range(100, 400), range(3, 10)),
    _yes_or_no("Was {} a leap year?", lambda y, _: y % 4 == 0 and (y % 100 != 0 or y % 400 == 0), range(1800, 2021)),
    _yes_or_no("Is {} greater than 19 times {}?", lambda n, times: n > 19 * times, range(100, 500), range(7, 25)),
    _of_word("What does the word {} become in capital letters? Answer with the word alone.", str.upper),
    _of_word("Which is the third letter of {}? Answer with the letter alone, in lower case.", lambda word: word[2]),
    _of_word(
        "How many vowels (a, e, i, o, u) has the word {}? Answer with the number alone.",
        lambda word: sum(letter in "aeiou" for letter in word),
    ),
    _of_day("Which day of the week is {}? Answer with its English name.", lambda day, _: _WEEK[day.weekday()]),
    _of_day(
        "Which date comes {1} days after {0}? Answer in the form YYYY-MM-DD.",
        lambda day, later: day + timedelta(days=later),
    ),
    _of_day(
        "Which quarter of its year is {} in? Answer with Q1, Q2, Q3 or Q4.", lambda day, _: f"Q{(day.month + 2) // 3}"
    ),
)


def draw_one_offs(n: int, seed: int) -> tuple[Instance, ...]:
    """Draw `n` one-offs, no question twice: every kind once, in a drawn order, before those that can come again do.

    The same seed gives the same questions on any machine, and the first k are the same for every n. Raises `InputError`
    for a negative `n` or for more questions than there are.
    """
    if n < 0:
        raise InputError(f"cannot draw {n} one-offs", hint="ask for 0 or more")
    rng = random.Random(f"one-offs {seed}")  # noqa: S311 - samples, not secrets
    answers: dict[str, str] = {}
    while len(answers) < n:
        before = len(answers)
        answers |= [draw(rng) for draw in rng.sample(ONE_OFF_KINDS, len(ONE_OFF_KINDS))]
        if len(answers) == before:
            raise InputError(f"there seem to be only {before} different one-offs", hint="ask for fewer")
    drawn = (Instance(question=question, answer=answer, source=Source.CALLER) for question, answer in answers.items())
    return tuple(drawn)[:n]
