"""A larger supply of one-offs: eighty kinds of questions with one sure short answer, some of them with drawn numbers."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from hammerstone.errors import InputError
from hammerstone.evals.one_offs import ONE_OFFS
from hammerstone.types import Instance, Source

__all__ = ["KINDS", "OneOff", "draw_one_offs"]

_NUMBER = "Answer with the number alone."
_WORD = "Answer with one word."

_FACTS = {
    f"Which month of the year has the fewest days? {_WORD}": "February",
    f"What is the past tense of the English verb go? {_WORD}": "went",
    f"How many sides has a hexagon? {_NUMBER}": "6",
    f"How many degrees has a right angle? {_NUMBER}": "90",
    f"How many strings has a violin? {_NUMBER}": "4",
    f"How many squares has a chessboard? {_NUMBER}": "64",
    f"How many players of one soccer team are on the field at kick-off? {_NUMBER}": "11",
    f"How many zeros follow the one when a million is written in digits? {_NUMBER}": "6",
    f"How many bits has a byte? {_NUMBER}": "8",
    f"How many letters has the English alphabet? {_NUMBER}": "26",
    f"In which year did the Second World War end? {_NUMBER}": "1945",
    f"How many cards are in a deck for poker, without jokers? {_NUMBER}": "52",
    "What is the family name of the first person who walked on the Moon? Answer with the name alone.": "Armstrong",
    "What is the family name of the author of Romeo and Juliet? Answer with the name alone.": "Shakespeare",
    "What is the name of the highest mountain above sea level? Leave out the word Mount.": "Everest",
    f"Which currency is used in Japan? {_WORD}, in lower case.": "yen",
    f"What is the French word for cat, the animal? {_WORD}, in lower case.": "chat",
    f"Which language do most people in Brazil speak? {_WORD}": "Portuguese",
    f"On which continent is Kenya? {_WORD}": "Africa",
    f"Which metal is liquid at room temperature? {_WORD}, in lower case.": "mercury",
    f"What is frozen water called? {_WORD}, in lower case.": "ice",
    f"Which color do blue and yellow paint give when mixed? {_WORD}, in lower case.": "green",
    f"What do bees make from nectar? {_WORD}, in lower case.": "honey",
    f"Which planet is called the red planet? {_WORD}": "Mars",
    f"Which instrument usually has 88 keys? {_WORD}, in lower case.": "piano",
    f"What is the opposite of north? {_WORD}, in lower case.": "south",
    f"What is a young dog called? {_WORD}, in lower case.": "puppy",
    f"Which gas do we need most in the air that we breathe? {_WORD}, in lower case.": "oxygen",
    "Which vitamin does our skin make in sunlight? Answer with its letter alone.": "D",
    "What is the usual abbreviation of kilogram? Answer with the abbreviation alone.": "kg",
    "Is a tomato, to a botanist, a fruit? Answer Yes or No.": "Yes",
    "Which letter comes after Q in the English alphabet? Answer with the capital letter alone.": "R",
    f"What comes next: Monday, Wednesday, Friday? {_WORD}": "Sunday",
    "If all bloops are razzies and all razzies are lazzies, are all bloops lazzies? Answer Yes or No.": "Yes",
}
_WORDS = tuple("garden window bottle candle mirror planet basket hammer rocket pencil ladder magnet tunnel anchor".split())
_DAYS = tuple(date(2020, 1, 1) + timedelta(days=day) for day in range(3000))


@dataclass(frozen=True, kw_only=True)
class OneOff:
    """A kind of one-off: `question` takes in {} a value of each of `values`, and `rule` makes the answer of them."""

    question: str
    values: tuple[Sequence[object], ...]
    rule: Callable[..., object]


def _kind(question: str, rule: Callable[..., object], *values: Sequence[object]) -> OneOff:
    return OneOff(question=question, values=values, rule=rule)
