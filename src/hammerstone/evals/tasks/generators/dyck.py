"""Dyck words, in the form of the public BIG-Bench-Hard file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hammerstone.evals.tasks.generated_task import LookAlike, draw_near_miss, match_form
from hammerstone.types import Instance, Source

if TYPE_CHECKING:
    import random

__all__ = ["DESCRIPTION", "FAMILIES", "NAME", "NEAR_MISSES", "check", "generate", "near_miss", "paraphrase"]

NAME = "dyck"
DESCRIPTION = "Complete a sequence of brackets with the closing brackets that are missing at its end."
FAMILIES = ("one missing", "two missing", "three missing")

PREFACE = "Complete the rest of the sequence, making sure that the parentheses are closed properly. Input: "
_PAIRS = ("()", "[]", "{}", "<>")
_MAX_PAIRS = 50  # the public file's longest sequence, completed, has 100 brackets


def generate(rng: random.Random, family: str | None = None) -> Instance:
    missing = 1 + FAMILIES.index(family or rng.choice(FAMILIES))
    while True:
        word = _balanced(_pairs(rng), rng)
        head, tail = word[:-missing], word[-missing:]
        if head and not any(bracket in "([{<" for bracket in tail):
            return Instance(question=PREFACE + " ".join(head), answer=" ".join(tail), source=Source.CALLER)


def _pairs(rng: random.Random) -> int:
    """The number of pairs, 2 to 50, low ones far more often: about the lengths in the public file."""
    return int(2 * (_MAX_PAIRS / 2 + 0.5) ** rng.random() ** 1.8)


def _balanced(pairs: int, rng: random.Random) -> str:
    """A balanced word of so many pairs, three times in four one pair around the rest, which gives it depth."""
    if pairs == 0:
        return ""
    inner = pairs - 1 if rng.random() < 0.75 else rng.randrange(pairs)
    opening, closing = rng.choice(_PAIRS)
    return opening + _balanced(inner, rng) + closing + _balanced(pairs - 1 - inner, rng)


_FORM = re.compile(re.escape(PREFACE) + r"([][(){}<>](?: [][(){}<>])*)")
_ANSWER = re.compile(r"[])}>](?: [])}>])*")


def check(question: str, answer: str) -> bool:
    """Right if the completed word vanishes when neighbouring pairs are struck out again and again."""
    sequence = match_form(_FORM, question, NAME)[1]
    word = f"{sequence} {answer}".replace(" ", "")
    for _ in range(len(word)):
        word = re.sub(r"\(\)|\[\]|\{\}|<>", "", word)
    return _ANSWER.fullmatch(answer) is not None and not word


_WORDINGS = (
    "Here is the beginning of a row of brackets:\n{}\nWhich brackets have to follow so that every one that was opened "
    "is closed again? Write only those, with single spaces between them.",
    "My editor lost the end of this line and now the brackets do not balance: {}\n"
    "Please send me just the missing closing brackets in the right order, separated by spaces.",
    "{}\nThat is where I stopped typing. What must I still type to close everything properly? "
    "Only the brackets, one space between each.",
)


def paraphrase(instance: Instance, rng: random.Random) -> Instance:
    sequence = match_form(_FORM, instance.question, NAME)[1]
    question = rng.choice(_WORDINGS).replace("{}", sequence, 1)
    return Instance(question=question, answer=instance.answer, source=instance.source)


# Look-alikes: another question about the same brackets, or brackets that miss their beginning.

_PROPERLY = "making sure that the parentheses are closed properly."
_MIRRORED = str.maketrans("()[]{}<>", ")(][}{><")


def _drawn(rng: random.Random) -> tuple[str, str]:
    instance = generate(rng)
    return instance.question.removeprefix(PREFACE), instance.answer


def _count(rng: random.Random) -> LookAlike:
    head, tail = _drawn(rng)
    question = f"Count the rest of the sequence, {_PROPERLY} Answer with the number of brackets alone. Input: {head}"
    return LookAlike(question, str(len(tail.split())), tail)


def _first_only(rng: random.Random) -> LookAlike:
    head, tail = _drawn(rng)
    return LookAlike(f"Give the first bracket of the rest of the sequence, {_PROPERLY} Input: {head}", tail[0], tail)


def _whole(rng: random.Random) -> LookAlike:
    head, tail = _drawn(rng)
    return LookAlike(f"Write out the completed sequence, {_PROPERLY} Input: {head}", f"{head} {tail}", tail)


def _backwards(rng: random.Random) -> LookAlike:
    head, tail = _drawn(rng)
    question = f"Complete the rest of the sequence and write it backwards, {_PROPERLY} Input: {head}"
    return LookAlike(question, tail[::-1], tail)


def _beginning(rng: random.Random) -> LookAlike:
    head, tail = (part[::-1].translate(_MIRRORED) for part in _drawn(rng))
    question = (
        f"Complete the beginning of the sequence, making sure that the parentheses are opened properly. Input: {head}"
    )
    return LookAlike(question, tail)


_LOOK_ALIKES = {
    "count": _count,
    "first only": _first_only,
    "whole": _whole,
    "backwards": _backwards,
    "beginning": _beginning,
}
NEAR_MISSES = tuple(_LOOK_ALIKES)


def near_miss(rng: random.Random, kind: str | None = None) -> Instance:
    return draw_near_miss(_LOOK_ALIKES, rng, kind)
