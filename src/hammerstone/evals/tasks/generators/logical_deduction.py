"""Logical deduction with five objects, in the form of the public BIG-Bench-Hard file."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import combinations, permutations
from typing import TYPE_CHECKING

from hammerstone.evals.tasks.generated_task import (
    LETTERS,
    LookAlike,
    draw_near_miss,
    letter,
    lettered,
    match_form,
    not_in_form,
)
from hammerstone.types import Instance, Source

if TYPE_CHECKING:
    import random

__all__ = ["DESCRIPTION", "FAMILIES", "NAME", "NEAR_MISSES", "check", "generate", "near_miss", "paraphrase"]

NAME = "logical_deduction"
DESCRIPTION = "Find the order of five objects from statements about their positions, and name the true option."

PREFACE = (
    "The following paragraphs each describe a set of five objects arranged in a fixed order. "
    "The statements are logically consistent within each paragraph. "
)


@dataclass(frozen=True, kw_only=True)
class _OrderingScene:
    """One family. `ranks`, `before` and `after` run from one end of the order to the other.

    `sixth` is the rank, and where it comes among the others, that only an order of six things has.
    """

    opening: str
    things: tuple[str, ...]
    ranks: tuple[str, ...]
    before: str
    after: str
    sixth: tuple[int, str]
    article: bool = False


def _names(names: str, before: str = "") -> tuple[str, ...]:
    return tuple(before + name for name in names.split(", "))


_LATERAL = _names(
    "leftmost, second from the left, third from the left, second from the right, rightmost", "The {} is the "
)
_LATERAL_SIXTH = (3, "The {} is the third from the right")
_LEFT, _RIGHT = "The {} is to the left of the {}", "The {} is to the right of the {}"

# "motorcyle" is spelled as in the public file: what reads these questions must read that one.
_SCENES = {
    "birds": _OrderingScene(
        opening="On a branch, there are five birds",
        things=_names("robin, crow, owl, hawk, raven, hummingbird, cardinal, quail, blue jay, falcon"),
        ranks=_LATERAL,
        before=_LEFT,
        after=_RIGHT,
        sixth=_LATERAL_SIXTH,
        article=True,
    ),
    "books": _OrderingScene(
        opening="On a shelf, there are five books",
        things=tuple(f"{color} book" for color in "yellow gray blue orange purple red green brown black white".split()),
        ranks=_LATERAL,
        before=_LEFT,
        after=_RIGHT,
        sixth=_LATERAL_SIXTH,
        article=True,
    ),
    "vehicles": _OrderingScene(
        opening="In an antique car show, there are five vehicles",
        things=_names(
            "hatchback, motorcyle, bus, sedan, convertible, station wagon, minivan, truck, tractor, limousine"
        ),
        ranks=_names("oldest, second-oldest, third-newest, second-newest, newest", "The {} is the "),
        before="The {} is older than the {}",
        after="The {} is newer than the {}",
        sixth=(2, "The {} is the third-oldest"),
        article=True,
    ),
    "golfers": _OrderingScene(
        opening="In a golf tournament, there were five golfers",
        things=_names("Amy, Joe, Rob, Eve, Dan, Mya, Mel, Ana, Eli, Ada"),
        ranks=_names("first, second, third, second-to-last, last", "{} finished "),
        before="{} finished above {}",
        after="{} finished below {}",
        sixth=(3, "{} finished fourth"),
    ),
    "fruits": _OrderingScene(
        opening="A fruit stand sells five fruits",
        things=_names("watermelons, loquats, kiwis, pears, apples, oranges, cantaloupes, mangoes, peaches, plums"),
        ranks=_names(
            "cheapest, second-cheapest, third-most expensive, second-most expensive, most expensive", "The {} are the "
        ),
        before="The {} are less expensive than the {}",
        after="The {} are more expensive than the {}",
        sixth=(2, "The {} are the third-cheapest"),
    ),
}
FAMILIES = tuple(_SCENES)

# A fact about the true order 0, 1, 2, 3, 4: (p,) says which thing stands at p, (p, q) that p's comes before q's.
_Fact = tuple[int] | tuple[int, int]


def generate(rng: random.Random, family: str | None = None) -> Instance:
    scene = _SCENES[family or rng.choice(FAMILIES)]
    order = rng.sample(scene.things, 5)
    listed = rng.sample(order, 5)
    statements = [_statement(scene, order, fact, rng) for fact in _facts(rng)]
    asked = rng.randrange(5)
    question = _tell(scene, listed, statements, [scene.ranks[asked].format(thing) for thing in listed])
    return Instance(question=question, answer=letter(listed, order[asked]), source=Source.CALLER)


def _tell(scene: _OrderingScene, listed: list[str], statements: list[str], options: list[str]) -> str:
    return (
        f"{PREFACE}{scene.opening}: {_listing(listed, article=scene.article)}. {'. '.join(statements)}."
        f"\nOptions:\n{lettered(options)}"
    )


def _statement(scene: _OrderingScene, order: list[str], fact: _Fact, rng: random.Random) -> str:
    if len(fact) == 1:
        return scene.ranks[fact[0]].format(order[fact[0]])
    first, second = (order[position] for position in fact)
    return rng.choice((scene.before.format(first, second), scene.after.format(second, first)))


def _facts(rng: random.Random, n: int = 5) -> list[_Fact]:
    """Facts that leave one order and of which none can be spared; four of them, seldom five, as in the public file."""
    while True:
        facts: list[_Fact] = [*((p,) for p in range(n)), *combinations(range(n), 2)]
        rng.shuffle(facts)
        for fact in tuple(facts):
            rest = [other for other in facts if other != fact]
            if _count_orders(rest, n) == 1:
                facts = rest
        if len(facts) <= n:
            return facts


def _count_orders(facts: list[_Fact], n: int) -> int:
    """How many orders satisfy the facts: places are filled from the first on, over sets of things already placed."""
    placed_ways: Counter[frozenset[int]] = Counter({frozenset(): 1})
    for position in range(n):
        following: Counter[frozenset[int]] = Counter()
        for placed, ways in placed_ways.items():
            for thing in set(range(n)) - placed:
                if _may_stand(thing, position, placed, facts):
                    following[placed | {thing}] += ways
        placed_ways = following
    return placed_ways.total()


def _may_stand(thing: int, position: int, placed: frozenset[int], facts: list[_Fact]) -> bool:
    if (thing,) in facts and thing != position:
        return False
    return all(fact[0] in placed for fact in facts if len(fact) == 2 and fact[1] == thing)


def _listing(things: list[str], *, article: bool) -> str:
    if article:
        things = [f"{'an' if thing[0] in 'aeiou' else 'a'} {thing}" for thing in things]
    return f"{', '.join(things[:-1])}, and {things[-1]}"


# The check: its own reading of the text, and all 120 orders tried.

_FORM = re.compile(
    re.escape(PREFACE)
    + r"[^:]*five (birds|vehicles|books|golfers|fruits): (.+?)\. (.+)\.\nOptions:((?:\n\([A-E]\) .+){5})"
)
_CLAIM = re.compile(r"(?:The )?(.+?) (?:is|are|finished) (?:the )?(.+)")
_COMPARISON = re.compile(
    r"(?:(to the left of|older than|above|less expensive than)"
    r"|to the right of|newer than|below|more expensive than) (?:the )?(.+)"
)
_LADDERS = (
    ("leftmost", "second from the left", "third from the left", "second from the right", "rightmost"),
    ("oldest", "second-oldest", "third-newest", "second-newest", "newest"),
    ("first", "second", "third", "second-to-last", "last"),
    ("cheapest", "second-cheapest", "third-most expensive", "second-most expensive", "most expensive"),
)
_PLACE = {name: place for ladder in _LADDERS for place, name in enumerate(ladder)}
_PLACED = re.compile(rf"(?:The )?(.+?) (?:is|are|finished) (?:the )?({'|'.join(_PLACE)})")


@dataclass(frozen=True, kw_only=True)
class _Puzzle:
    """A question as read: `places` are (thing, place), `pairs` are (earlier thing, later thing)."""

    family: str
    listing: str
    things: tuple[str, ...]
    places: tuple[tuple[str, int], ...]
    pairs: tuple[tuple[str, str], ...]
    options: tuple[str, ...]


def check(question: str, answer: str) -> bool:
    puzzle = _read(question)
    orders = [order for order in permutations(puzzle.things) if _satisfies(order, puzzle)]
    if len(orders) != 1:
        return False
    claims = [_place(option) for option in puzzle.options]
    true = [f"({letter})" for letter, (thing, place) in zip(LETTERS, claims, strict=False) if orders[0][place] == thing]
    return true == [answer]


def _satisfies(order: tuple[str, ...], puzzle: _Puzzle) -> bool:
    return all(order[place] == thing for thing, place in puzzle.places) and all(
        order.index(earlier) < order.index(later) for earlier, later in puzzle.pairs
    )


def _read(question: str) -> _Puzzle:
    family, listing, claims, options = match_form(_FORM, question, NAME).groups()
    places: list[tuple[str, int]] = []
    pairs: list[tuple[str, str]] = []
    for claim in claims.split(". "):
        thing, predicate = match_form(_CLAIM, claim, NAME).groups()
        compared = _COMPARISON.fullmatch(predicate)
        if compared is None:
            places.append(_place(claim))
        else:
            pairs.append((thing, compared[2]) if compared[1] else (compared[2], thing))
    things = tuple(re.sub(r"^an? ", "", thing) for thing in re.split(r", (?:and )?", listing))
    if len(things) != 5 or not {thing for thing, _ in places}.union(*pairs) <= {*things}:
        raise not_in_form(question, NAME)
    return _Puzzle(
        family=family,
        listing=listing,
        things=things,
        places=tuple(places),
        pairs=tuple(pairs),
        options=tuple(line[4:] for line in options.split("\n")[1:]),
    )


def _place(claim: str) -> tuple[str, int]:
    thing, place = match_form(_PLACED, claim, NAME).groups()
    return thing, _PLACE[place]


# Other wordings. {0} and {1} are things with their article.


@dataclass(frozen=True, kw_only=True)
class _Wording:
    setting: tuple[str, str]
    before: tuple[str, str]
    ranks: tuple[str, str, str, str, str]


def _in_a_row(setting: tuple[str, str]) -> _Wording:
    return _Wording(
        setting=setting,
        before=("{0} has its place somewhere to the left of {1}", "{1} comes further right than {0}"),
        ranks=(
            "at the far left end you find {0}",
            "there is just one to the left of {0}",
            "right in the middle you find {0}",
            "there is just one to the right of {0}",
            "at the far right end you find {0}",
        ),
    )


_WORDINGS = {
    "birds": _in_a_row(("Five birds share a branch: {}.", "Side by side on a branch I can see {}.")),
    "books": _in_a_row(("My shelf holds five books: {}.", "Side by side on a shelf stand {}.")),
    "vehicles": _Wording(
        setting=("Five old vehicles are on show: {}.", "At a show of classic cars we met {}."),
        before=("{0} was built before {1}", "{1} left the factory later than {0}"),
        ranks=(
            "nothing there is as old as {0}",
            "only one of them was built before {0}",
            "two were built before {0} and two after it",
            "only one of them was built after {0}",
            "nothing there is as new as {0}",
        ),
    ),
    "golfers": _Wording(
        setting=("Five friends played golf: {}.", "The players in our little golf cup were {}."),
        before=("{0} did better than {1}", "{1} ended up somewhere behind {0}"),
        ranks=(
            "the winner was {0}",
            "only the winner did better than {0}",
            "two did better than {0} and two did worse",
            "only one player did worse than {0}",
            "nobody did worse than {0}",
        ),
    ),
    "fruits": _Wording(
        setting=("Five kinds of fruit are on sale at a stall: {}.", "At the market I compared the prices of {}."),
        before=("{0} cost less than {1}", "you pay more for {1} than for {0}"),
        ranks=(
            "nothing costs less than {0}",
            "just one kind costs less than {0}",
            "in the middle of the price range are {0}",
            "just one kind costs more than {0}",
            "nothing costs more than {0}",
        ),
    ),
}
_REQUESTS = (
    "Which one of these is then true? Reply with just its letter in parentheses, like (A).",
    "Only one of the following can be right. Please give me its letter, in parentheses.",
    "Work out the order and tell me which line fits it (answer with the letter in parentheses only).",
)
_LINKS = ("Here is what I know: {}.", "I was told that {}.", "Some hints: {}.")


def paraphrase(instance: Instance, rng: random.Random) -> Instance:
    puzzle = _read(instance.question)
    wording = _WORDINGS[puzzle.family]
    article = "" if puzzle.family == "golfers" else "the "
    hints = [wording.ranks[place].format(article + thing) for thing, place in puzzle.places]
    hints += [rng.choice(wording.before).format(article + a, article + b) for a, b in puzzle.pairs]
    rng.shuffle(hints)
    text = f"{rng.choice(wording.setting).format(puzzle.listing)} {rng.choice(_LINKS).format('; '.join(hints))}"
    question = f"{text} {rng.choice(_REQUESTS)}\n{lettered(puzzle.options)}"
    return Instance(question=question, answer=instance.answer, source=instance.source)


# Look-alikes: the same paragraphs with one change.


def _one_false(rng: random.Random) -> LookAlike:
    """The task's own rule would name an option that is true: any but the right one."""
    scene, order, listed, statements, _ = _drawn(rng)
    wrong = rng.randrange(5)
    claims = [order.index(thing) for thing in listed]
    claims[wrong] = (claims[wrong] + rng.randint(1, 4)) % 5
    options = [scene.ranks[place].format(thing) for thing, place in zip(listed, claims, strict=True)]
    question = _tell(scene, listed, statements, options).replace("Options:", "Options, all true but one:")
    return LookAlike(question, f"({LETTERS[wrong]})")


def _changed_places(rng: random.Random) -> LookAlike:
    scene, order, listed, statements, asked = _drawn(rng)
    other = rng.choice([place for place in range(5) if place != asked])
    article = "" if scene.opening.endswith("golfers") else "the "
    remark = f"Then {article}{order[asked]} and {article}{order[other]} change places"
    return _asking(scene, order, listed, [*statements, remark], asked, other)


def _reversed(rng: random.Random) -> LookAlike:
    scene, order, listed, statements, asked = _drawn(rng)
    return _asking(scene, order, listed, [*statements, "Then the whole order is turned around"], asked, 4 - asked)


def _six_objects(rng: random.Random) -> LookAlike:
    """Usual is the thing at the rank's place among five: ranks counted from the far end are one further on in six."""
    scene = rng.choice(tuple(_SCENES.values()))
    ranks = [*scene.ranks]
    ranks.insert(*scene.sixth)
    six = replace(scene, opening=scene.opening.replace("five", "six"), ranks=tuple(ranks))
    order, asked = rng.sample(scene.things, 6), rng.choice((4, 5))
    listed = rng.sample(order, 6)
    statements = [_statement(six, order, fact, rng) for fact in _facts(rng, 6)]
    alike = _asking(six, order, listed, statements, asked, asked)
    return LookAlike(alike.question.replace("five", "six"), alike.answer, letter(listed, order[asked - 1]))


def _asking(
    scene: _OrderingScene, order: list[str], listed: list[str], statements: list[str], asked: int, really: int
) -> LookAlike:
    """A look-alike that asks for a rank at another place in the stated order: `really` instead of `asked`."""
    question = _tell(scene, listed, statements, [scene.ranks[asked].format(thing) for thing in listed])
    return LookAlike(question, letter(listed, order[really]), letter(listed, order[asked]))


def _drawn(rng: random.Random) -> tuple[_OrderingScene, list[str], list[str], list[str], int]:
    """A scene, the true order, the things as listed, the statements, and the place asked for."""
    scene = rng.choice(tuple(_SCENES.values()))
    order = rng.sample(scene.things, 5)
    statements = [_statement(scene, order, fact, rng) for fact in _facts(rng)]
    return scene, order, rng.sample(order, 5), statements, rng.randrange(5)


_LOOK_ALIKES = {
    "one false": _one_false,
    "changed places": _changed_places,
    "reversed": _reversed,
    "six objects": _six_objects,
}
NEAR_MISSES = tuple(_LOOK_ALIKES)


def near_miss(rng: random.Random, kind: str | None = None) -> Instance:
    return draw_near_miss(_LOOK_ALIKES, rng, kind)
