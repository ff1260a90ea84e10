"""The game of 24, which the LATM paper names as an application (arXiv 2305.17126), with one right answer a question.

Most four numbers make 24 in many ways or in none. These make it in exactly one, up to the order within sums and
products, and the question says how to write it: so the answer can be compared as text.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from fractions import Fraction
from functools import cache
from itertools import combinations, product
from typing import TYPE_CHECKING, TypeAlias

from hammerstone.evals.tasks.generated_task import LookAlike, draw_near_miss, match_form
from hammerstone.types import Instance, Source

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

__all__ = ["DESCRIPTION", "FAMILIES", "NAME", "NEAR_MISSES", "check", "generate", "near_miss", "paraphrase"]

NAME = "game_of_24"
DESCRIPTION = "Make 24 from four numbers with +, -, * and /, written in the one form that the question asks for."
_LARGEST = {"numbers up to 10": 10, "numbers up to 13": 13}
FAMILIES = tuple(_LARGEST)

_Numbers: TypeAlias = tuple[int, ...]
_WRITING = (
    "Write it without spaces, with parentheses around every operation and with the greater part first in sums and "
    "products, like ((5+3)*(9-6))."
)


def generate(rng: random.Random, family: str | None = None) -> Instance:
    numbers, ways = _of_one_way(rng, 24, _LARGEST[family or rng.choice(FAMILIES)])
    return Instance(question=_ask(24, numbers), answer=ways[0], source=Source.CALLER)


def _of_one_way(rng: random.Random, target: int, largest: int = 13, used: int = 4) -> tuple[_Numbers, list[str]]:
    """Four numbers of which `used` make the target in one way, and that way."""
    while True:
        numbers = tuple(rng.randint(1, largest) for _ in range(4))
        ways = [way for some in {*combinations(sorted(numbers), used)} for way in _ways(some, target)]
        if len(ways) == 1:
            return numbers, ways


def _ask(target: int, numbers: _Numbers) -> str:
    return (
        f"Make {target} from the numbers {numbers[0]}, {numbers[1]}, {numbers[2]} and {numbers[3]}. "
        "Use each of them exactly once, and +, -, * and / as you like; fractions may come up on the way, negative "
        f"numbers may not. There is only one way. {_WRITING}"
    )


@cache
def _ways(numbers: _Numbers, target: int) -> tuple[str, ...]:
    """All expressions of sorted numbers that make the target, as they are to be written."""
    ways: set[str] = set()
    for value, sign, firsts, seconds in _combined(numbers):
        if value == target:
            ways |= _written(firsts, sign, seconds)
    return tuple(sorted(ways))


@cache
def _values(numbers: _Numbers) -> dict[Fraction, set[str]]:
    """The values that sorted numbers can make, each with its expressions."""
    if len(numbers) == 1:
        return {Fraction(numbers[0]): {str(numbers[0])}}
    values: defaultdict[Fraction, set[str]] = defaultdict(set)
    for value, sign, firsts, seconds in _combined(numbers):
        values[value] |= _written(firsts, sign, seconds)
    return values


def _combined(numbers: _Numbers) -> Iterator[tuple[Fraction, str, set[str], set[str]]]:
    """Each value that a last operation can make, its sign, and the ways of writing its two parts."""
    for some, rest in _splits(numbers):
        for (x, firsts), (y, seconds) in product(_values(some).items(), _values(rest).items()):
            for sign, value in _operations(x, y):
                yield value, sign, firsts, seconds


def _written(firsts: set[str], sign: str, seconds: set[str]) -> set[str]:
    return {f"({first}{sign}{second})" for first in firsts for second in seconds}


def _splits(numbers: _Numbers) -> Iterator[tuple[_Numbers, _Numbers]]:
    """Each way to divide the numbers into two parts, in both orders."""
    for size in range(1, len(numbers)):
        for some in {*combinations(numbers, size)}:
            yield some, tuple(sorted((Counter(numbers) - Counter(some)).elements()))


def _operations(x: Fraction, y: Fraction) -> Iterator[tuple[str, Fraction]]:
    if x >= y:
        yield from (("+", x + y), ("-", x - y), ("*", x * y))
    if y:
        yield "/", x / y


# The check: the innermost operations are worked out one by one.

_FORM = re.compile(
    r"Make 24 from the numbers (\d+), (\d+), (\d+) and (\d+)\. Use each of them exactly once, and \+, -, \* and / as "
    r"you like; fractions may come up on the way, negative numbers may not\. There is only one way\. "
    r"Write it without spaces, with parentheses around every operation and with the greater part first in sums and "
    r"products, like \(\(5\+3\)\*\(9-6\)\)\."
)
_INNERMOST = re.compile(r"\((\d+(?:/\d+)?),([-+*/]),(\d+(?:/\d+)?)\)")


def check(question: str, answer: str) -> bool:
    """Right if it has the form asked for, uses the numbers, and comes to 24; that no other does is the generator's."""
    numbers = match_form(_FORM, question, NAME).groups()
    if not re.fullmatch(r"[-+*/()\d]+", answer) or sorted(re.findall(r"\d+", answer)) != sorted(numbers):
        return False
    # Commas set the signs apart from the slash of a fraction.
    rest = re.sub(r"([-+*/])", r",\1,", answer)
    while found := _INNERMOST.search(rest):
        value = _worked_out(Fraction(found[1]), found[2], Fraction(found[3]))
        if value is None:
            return False
        rest = rest.replace(found[0], str(value), 1)
    return rest == "24"


def _worked_out(x: Fraction, sign: str, y: Fraction) -> Fraction | None:
    if sign == "/":
        return x / y if y else None
    return {"+": x + y, "-": x - y, "*": x * y}[sign] if x >= y else None


_WORDINGS = (
    "Four cards show {}. Combine all four into 24 with the usual four operations, never going below zero (broken "
    "numbers are fine). {}",
    "Can you solve this arithmetic puzzle? The given numbers: {}. The goal is twenty-four, each number is to be used "
    "and none of them twice, nothing negative may come out in between, but fractions may. {}",
    "What do I have to calculate with {} to get 24? All of them are needed. I may add, subtract (without falling "
    "under 0), multiply and divide, even if it does not come out even. {}",
)
_FORMAT = (
    "Please give the formula with no blanks, each operation in its own pair of parentheses (the outermost too), "
    "and where you add or multiply, what is larger stands on the left: ((5+3)*(9-6)) would be an example."
)


def paraphrase(instance: Instance, rng: random.Random) -> Instance:
    numbers = match_form(_FORM, instance.question, NAME).groups()
    question = rng.choice(_WORDINGS).format(" ".join(numbers), _FORMAT)
    return Instance(question=question, answer=instance.answer, source=instance.source)


# Look-alikes: another target, or another way of using or writing the numbers.


def _another_target(rng: random.Random) -> LookAlike:
    target = rng.choice((18, 20, 21, 22, 23, 25, 26, 27, 28, 30))
    numbers, ways = _of_one_way(rng, target)
    return LookAlike(_ask(target, numbers), ways[0])


def _three_numbers(rng: random.Random) -> LookAlike:
    numbers, ways = _of_one_way(rng, 24, used=3)
    question = _ask(24, numbers).replace("each of them exactly once", "three of them once and leave one out")
    return LookAlike(question, ways[0])


def _lesser_first(rng: random.Random) -> LookAlike:
    numbers, ways = _of_one_way(rng, 24)
    question = _ask(24, numbers).replace("greater", "lesser").replace("((5+3)*(9-6))", "((9-6)*(3+5))")
    return LookAlike(question, _turned(ways[0]), ways[0])


def _turned(expression: str) -> str:
    """The expression with the operands of each sum and product swapped."""
    if expression.isdigit():
        return expression
    depths = [expression[:place].count("(") - expression[:place].count(")") for place in range(len(expression))]
    middle = next(i for i, sign in enumerate(expression) if depths[i] == 1 and sign in "+-*/")
    left, sign, right = _turned(expression[1:middle]), expression[middle], _turned(expression[middle + 1 : -1])
    return f"({right}{sign}{left})" if sign in "+*" else f"({left}{sign}{right})"


def _signs_only(rng: random.Random) -> LookAlike:
    numbers, ways = _of_one_way(rng, 24)
    question = f"{_ask(24, numbers)} Answer only with the three signs in it, from left to right and without spaces."
    return LookAlike(question, re.sub(r"[^-+*/]", "", ways[0]), ways[0])


_LOOK_ALIKES = {
    "another target": _another_target,
    "three numbers": _three_numbers,
    "lesser first": _lesser_first,
    "signs only": _signs_only,
}
NEAR_MISSES = tuple(_LOOK_ALIKES)


def near_miss(rng: random.Random, kind: str | None = None) -> Instance:
    return draw_near_miss(_LOOK_ALIKES, rng, kind)
