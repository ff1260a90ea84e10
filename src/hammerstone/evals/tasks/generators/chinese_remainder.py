"""Chinese remainder word problems, in the form of the public BIG-bench file."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from hammerstone.evals.tasks.generated_task import LookAlike, draw_near_miss, match_form
from hammerstone.types import Instance, Source

if TYPE_CHECKING:
    import random

__all__ = ["DESCRIPTION", "FAMILIES", "NAME", "NEAR_MISSES", "check", "generate", "near_miss", "paraphrase"]

NAME = "chinese_remainder"
DESCRIPTION = "Find how many fruits there are from what is left after dividing them among three groups."
FAMILIES = ("basket", "field", "room", "ship", "bag", "truck", "box", "container")

# Spelled as in the public file: what reads these questions must read that one.
FRUITS = (
    *("coconuts", "apricots", "tomatoes", "strawberries", "watermelons", "pears", "peaches"),
    *("durians", "lemons", "bananas", "limes", "dragonfruits", "passionfruits", "kiwifruits"),
    *("papayas", "avocadoes", "pineapples", "apples", "oranges", "mangos"),
)
GROUPS = (
    *("racoons", "horses", "cows", "crocodiles", "lemurs", "hippos"),
    *("elephants", "dinosaurs", "bears", "penguins", "monkeys", "people"),
)
PRIMES = tuple(n for n in range(2, 300) if all(n % d for d in range(2, math.isqrt(n) + 1)))


def generate(rng: random.Random, family: str | None = None) -> Instance:
    place = family or rng.choice(FAMILIES)
    fruits = rng.choice(FRUITS)
    moduli = sorted(rng.sample(PRIMES, 3))
    most = math.prod(moduli)
    count = rng.randrange(1, most)
    divisions = "; ".join(
        f"if we divide them equally among {modulus} {rng.choice(GROUPS)}, we have {count % modulus} left"
        for modulus in moduli
    )
    question = (
        f"There is a {place} of no more than {most} {fruits}. I{divisions[1:]}. How many {fruits} are in the {place}?"
    )
    return Instance(question=question, answer=str(count), source=Source.CALLER)


_DIVISION = r"if we divide them equally among (\d+) (\w+), we have (\d+) left"
_FORM = re.compile(
    rf"There is an? (\w+) of no more than (\d+) (\w+)\. (?i:{_DIVISION}; {_DIVISION}; {_DIVISION})\. "
    r"How many \3 are in the \1\?"
)


def check(question: str, answer: str) -> bool:
    """Right if a sieve finds this count, and no other up to the limit."""
    found = match_form(_FORM, question, NAME)
    count, step = 0, 1
    for modulus, left in ((int(found[i]), int(found[i + 2])) for i in (4, 7, 10)):
        fitting = (count + step * i for i in range(modulus))
        count = next((n for n in fitting if n % modulus == left), -1)
        step = math.lcm(step, modulus)
        if count < 0:
            return False
    return count <= int(found[2]) < count + step and answer == str(count)


_WORDINGS = (
    "A merchant knows that there are at most {most} {fruits} in the {place}. Shared out fairly between {m1} {g1} there "
    "would be {r1} over, between {m2} {g2} there would be {r2} over, and between {m3} {g3} there would be {r3} over. "
    "How many does the merchant have? Answer with the number alone.",
    "I lost count of my {fruits}. The {place} cannot hold above {most}. Handing the same number to each of {m1} {g1} "
    "leaves me with {r1}; with {m2} {g2} I keep {r2}, and with {m3} {g3} I keep {r3}. Tell me the count, digits only.",
    "What number of {fruits}, not above {most}, leaves a remainder of {r1} when split among {m1} {g1}, of {r2} among "
    "{m2} {g2} and of {r3} among {m3} {g3}? They are all in one {place}. Just give the number.",
)


def paraphrase(instance: Instance, rng: random.Random) -> Instance:
    place, most, fruits, *rest = match_form(_FORM, instance.question, NAME).groups()
    names = (f"{kind}{i}" for i in (1, 2, 3) for kind in "mgr")
    data = dict(zip(names, rest, strict=True))
    question = rng.choice(_WORDINGS).format(place=place, most=most, fruits=fruits, **data)
    return Instance(question=question, answer=instance.answer, source=instance.source)


# Look-alikes: the same story with another limit, another kind of remainder, or another question at its end.


def _at_least(rng: random.Random) -> LookAlike:
    instance, most, _ = _drawn(rng)
    question = instance.question.replace("no more than", "no fewer than").replace("How many", "At least how many")
    return LookAlike(question, str(most + int(instance.answer)), instance.answer)


def _too_few(rng: random.Random) -> LookAlike:
    """A look-alike in which as many are missing from a full share as were left over."""
    instance, most, _ = _drawn(rng)
    question = re.sub(r"(we have \d+) left", r"\1 too few", instance.question)
    return LookAlike(question, str(most - int(instance.answer)), instance.answer)


def _after_eating(rng: random.Random) -> LookAlike:
    instance, _, _ = _drawn(rng)
    count = int(instance.answer)
    eaten = rng.randint(1, min(count, 50))
    question = f"{instance.question[:-1]} after we eat {eaten} of them?"
    return LookAlike(question, str(count - eaten), instance.answer)


def _share(rng: random.Random) -> LookAlike:
    instance, _, groups = _drawn(rng)
    number, name = rng.choice(groups)
    story, asks = instance.question.rsplit(". ", 1)
    asks = re.sub(r" are in the \w+", f" does each of the {number} {name} get", asks)
    return LookAlike(f"{story}. {asks}", str(int(instance.answer) // int(number)), instance.answer)


def _drawn(rng: random.Random) -> tuple[Instance, int, list[tuple[str, str]]]:
    """An instance with its limit and its groups."""
    instance = generate(rng)
    found = match_form(_FORM, instance.question, NAME)
    return instance, int(found[2]), [(found[i], found[i + 1]) for i in (4, 7, 10)]


_LOOK_ALIKES = {"at least": _at_least, "too few": _too_few, "after eating": _after_eating, "share": _share}
NEAR_MISSES = tuple(_LOOK_ALIKES)


def near_miss(rng: random.Random, kind: str | None = None) -> Instance:
    return draw_near_miss(_LOOK_ALIKES, rng, kind)
