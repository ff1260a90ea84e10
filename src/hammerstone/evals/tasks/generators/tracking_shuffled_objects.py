"""Tracking five shuffled objects, in the form of the public BIG-Bench-Hard file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import TYPE_CHECKING, TypeAlias

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
    from collections.abc import Iterable, Sequence

__all__ = ["DESCRIPTION", "FAMILIES", "NAME", "NEAR_MISSES", "check", "generate", "near_miss", "paraphrase"]

NAME = "tracking_shuffled_objects"
DESCRIPTION = "Five people each have something and swap in pairs; name the option that says what one has at the end."

PEOPLE: tuple[str, ...] = ("Alice", "Bob", "Claire", "Dave", "Eve")
_SWAPS = 5
_Swaps: TypeAlias = "Sequence[tuple[str, ...]]"


@dataclass(frozen=True, kw_only=True)
class _SwapScene:
    """One family. `has`, `swap` and `asks` take people and things in {}."""

    opening: str
    has: str
    middle: str
    swap: str
    asks: str
    things: tuple[str, ...]


_COLORS = ("black", "brown", "blue", "orange", "red", "green", "white", "yellow", "pink", "purple")

_SCENES = {
    "dance": _SwapScene(
        opening="are dancers at a square dance. At the start of a song, they each have a partner",
        has="{} is dancing with {}",
        middle="Throughout the song, the dancers often trade partners",
        swap="{} and {} switch partners",
        asks="At the end of the dance, {} is dancing with",
        things=("Jamie", "Patrick", "Melissa", "Karl", "Ophelia", "Sam", "Lola", "Izzi", "Helga", "Rodrigo"),
    ),
    "semester": _SwapScene(
        opening="are friends and avid readers who occasionally trade books. "
        "At the start of the semester, they each buy one new book",
        has="{} gets {}",
        middle="As the semester proceeds, they start trading around the new books",
        swap="{} and {} swap books",
        asks="At the end of the semester, {} has",
        things=(
            *("The Fellowship of the Ring", "Frankenstein", "Moby Dick", "Ulysses", "Lolita"),
            *("Catch-22", "The Odyssey", "Hound of the Baskervilles", "The Pearl", "The Great Gatsby"),
        ),
    ),
    "match": _SwapScene(
        opening="are on the same team in a soccer match. "
        "At the start of the match, they are each assigned to a position",
        has="{} is playing {}",
        middle="As the game progresses, pairs of players occasionally swap positions",
        swap="{} and {} trade positions",
        asks="At the end of the match, {} is playing",
        things=(
            *("left midfielder", "goalkeeper", "benchwarmer", "striker", "left winger"),
            *("right winger", "center midfielder", "fullback", "cheerleader", "right midfielder"),
        ),
    ),
    "event": _SwapScene(
        opening="are holding a white elephant gift exchange. "
        "At the start of the event, they are each holding a present of a different color",
        has="{} has a {}",
        middle="As the event progresses, pairs of people swap gifts",
        swap="{} and {} swap their gifts",
        asks="At the end of the event, {} has the",
        # Three of the presents are balls in the public file too.
        things=tuple(f"{color} {'ball' if color in ('black', 'orange', 'pink') else 'present'}" for color in _COLORS),
    ),
    "game": _SwapScene(
        opening="are playing a game. At the start of the game, they are each holding a ball",
        has="{} has a {}",
        middle="As the game progresses, pairs of players trade balls",
        swap="{} and {} swap balls",
        asks="At the end of the game, {} has the",
        things=tuple(f"{color} ball" for color in _COLORS),
    ),
}
FAMILIES = tuple(_SCENES)


def generate(rng: random.Random, family: str | None = None) -> Instance:
    scene = _SCENES[family or rng.choice(FAMILIES)]
    things = rng.sample(scene.things, 5)
    swaps = _swaps(rng)
    asked = rng.choice(PEOPLE)
    question = _tell(scene, PEOPLE, things, swaps, scene.asks.format(asked), things)
    return Instance(question=question, answer=letter(things, _end(PEOPLE, things, swaps)[asked]), source=Source.CALLER)


def _tell(
    scene: _SwapScene, people: tuple[str, ...], things: list[str], swaps: _Swaps, asks: str, options: Iterable[str]
) -> str:
    return (
        f"{_and(people)} {scene.opening}: {_and(map(scene.has.format, people, things))}.\n"
        f"{scene.middle}. {_sequence([scene.swap.format(*swap) for swap in swaps])}. {asks}\n"
        f"Options:\n{lettered(options)}"
    )


def _end(people: tuple[str, ...], things: list[str], swaps: _Swaps) -> dict[str, str]:
    """The thing that each person has at the end."""
    holds: dict[str, str] = dict(zip(people, things, strict=True))
    for one, other in swaps:
        holds[one], holds[other] = holds[other], holds[one]
    return holds


def _swaps(rng: random.Random, people: tuple[str, ...] = PEOPLE) -> list[tuple[str, ...]]:
    """Five swaps; as in the public file nobody stays out, and no pair swaps twice in a row."""
    while True:
        pairs = rng.choices(tuple(combinations(people, 2)), k=_SWAPS)
        if {*people} == {person for pair in pairs for person in pair} and all(a != b for a, b in pairwise(pairs)):
            return [tuple(rng.sample(pair, 2)) for pair in pairs]


def _sequence(swaps: list[str]) -> str:
    return ". ".join([f"First, {swaps[0]}", *(f"Then, {swap}" for swap in swaps[1:-1]), f"Finally, {swaps[-1]}"])


def _and(parts: Iterable[str]) -> str:
    *firsts, last = parts
    return f"{', '.join(firsts)}, and {last}"


# The check: its own reading, and the swaps followed backwards from the person asked about.

_FORM = re.compile(
    r"\w+, \w+, \w+, \w+, and \w+ are [^:]*: (?P<start>.+)\.\n[^.]+\. (?P<swaps>First, .+)\. "
    r"At the end of the (?P<scene>dance|semester|match|event|game), (?P<asked>\w+) "
    r"(?:is dancing with|is playing|has(?: the)?)\n"
    r"Options:(?P<options>(?:\n\([A-E]\) .+){5})"
)
_HAS = re.compile(r"(\w+) (?:is dancing with|gets|is playing|has a) (.+)")
_SWAP = re.compile(r"(?:First|Then|Finally), (\w+) and (\w+) (?:switch partners|(?:swap|trade) (?:their )?\w+)")


@dataclass(frozen=True, kw_only=True)
class _Story:
    """A question as read."""

    scene: str
    start: dict[str, str]
    swaps: tuple[tuple[str, str], ...]
    asked: str
    options: tuple[str, ...]


def check(question: str, answer: str) -> bool:
    story = _read(question)
    holder = story.asked
    for one, other in reversed(story.swaps):
        holder = {one: other, other: one}.get(holder, holder)
    right = [
        f"({letter})" for letter, option in zip(LETTERS, story.options, strict=False) if option == story.start[holder]
    ]
    return right == [answer]


def _read(question: str) -> _Story:
    found = match_form(_FORM, question, NAME)
    has = (match_form(_HAS, part, NAME) for part in re.split(r", (?:and )?", found["start"]))
    swaps = tuple(match_form(_SWAP, part, NAME) for part in found["swaps"].split(". "))
    start = {one[1]: one[2] for one in has}
    if len(start) != len(PEOPLE) or not {found["asked"]}.union(*(swap.groups() for swap in swaps)) <= {*start}:
        raise not_in_form(question, NAME)
    return _Story(
        scene=found["scene"],
        start=start,
        swaps=tuple((swap[1], swap[2]) for swap in swaps),
        asked=found["asked"],
        options=tuple(line[4:] for line in found["options"].split("\n")[1:]),
    )


# Other wordings: what each person has is named by the scene's noun.

_NOUNS = {"dance": "partner", "semester": "book", "match": "position", "event": "gift", "game": "ball"}
_SETTINGS = {
    "dance": "Five people go dancing and change partners now and then.",
    "semester": "Five friends lend each other what they read.",
    "match": "Five footballers change places during play.",
    "event": "Five guests at a party pass their presents around.",
    "game": "Five children each have a ball and trade.",
}
_STARTS = ("{person}'s {noun} at first: {thing}", "{person} ({noun}: {thing})", "{thing} is the {noun} of {person}")
_TRADES = ("{} trades with {}", "{} makes an exchange with {}", "{} and {} change with each other")
_REQUESTS = (
    "What is {asked}'s {noun} once all that is done?",
    "After the last of these, which {noun} does {asked} end up with?",
    "Who or what is {asked}'s {noun} when it is over?",
)
_FORMATS = (
    "Just the letter in parentheses, please.",
    "Give the letter of the right choice, in parentheses: (A) to (E).",
)


def paraphrase(instance: Instance, rng: random.Random) -> Instance:
    story = _read(instance.question)
    noun = _NOUNS[story.scene]
    starts, trades = rng.choice(_STARTS), rng.choice(_TRADES)
    begin = "; ".join(starts.format(person=person, noun=noun, thing=thing) for person, thing in story.start.items())
    swaps = ", after that ".join(trades.format(*swap) for swap in story.swaps)
    asks = rng.choice(_REQUESTS).format(asked=story.asked, noun=noun)
    question = (
        f"{_SETTINGS[story.scene]} To begin with: {begin}. Now {swaps}. "
        f"{asks} {rng.choice(_FORMATS)}\n{lettered(story.options)}"
    )
    return Instance(question=question, answer=instance.answer, source=instance.source)


# Look-alikes: the same story with one change, or another question at its end.


def _who(rng: random.Random) -> LookAlike:
    scene, things, swaps, _ = _drawn(rng)
    thing, options = rng.choice(things), rng.sample(PEOPLE, 5)
    owners = {thing: person for person, thing in _end(PEOPLE, things, swaps).items()}
    question = _tell(scene, PEOPLE, things, swaps, f"{scene.asks.format('who')} {thing}", options)
    return LookAlike(question, letter(options, owners[thing]))


def _called_off(rng: random.Random) -> LookAlike:
    scene, things, swaps, asked = _drawn(rng)
    place = rng.randrange(_SWAPS)
    remark = f"But the {('first', 'second', 'third', 'fourth', 'fifth')[place]} of these exchanges never took place."
    return _altered(scene, things, swaps, asked, remark, [*swaps[:place], *swaps[place + 1 :]])


def _undone(rng: random.Random) -> LookAlike:
    scene, things, swaps, asked = _drawn(rng)
    return _altered(scene, things, swaps, asked, "Then the last two exchanges are undone.", swaps[:-2])


def _altered(scene: _SwapScene, things: list[str], swaps: _Swaps, asked: str, remark: str, really: _Swaps) -> LookAlike:
    """The story of `swaps` with a remark by which only some of them really count."""
    question = _tell(scene, PEOPLE, things, swaps, f"{remark} {scene.asks.format(asked)}", things)
    right, usual = (letter(things, _end(PEOPLE, things, some)[asked]) for some in (really, swaps))
    return LookAlike(question, right, usual)


def _at_first(rng: random.Random) -> LookAlike:
    scene, things, swaps, asked = _drawn(rng)
    asks = scene.asks.format(asked).replace("At the end", "At the start")
    right, usual = (letter(things, _end(PEOPLE, things, some)[asked]) for some in ((), swaps))
    return LookAlike(_tell(scene, PEOPLE, things, swaps, asks, things), right, usual)


def _six_people(rng: random.Random) -> LookAlike:
    """Usual is what five people would end with: whoever swaps with the sixth keeps what they have."""
    scene, people = rng.choice(tuple(_SCENES.values())), (*PEOPLE, "Fred")
    things, swaps, asked = rng.sample(scene.things, 6), _swaps(rng, people), rng.choice(PEOPLE)
    question = _tell(scene, people, things, swaps, scene.asks.format(asked), things)
    among_five = [swap for swap in swaps if "Fred" not in swap]
    right, usual = (letter(things, _end(people, things, some)[asked]) for some in (swaps, among_five))
    return LookAlike(question, right, usual)


def _drawn(rng: random.Random) -> tuple[_SwapScene, list[str], _Swaps, str]:
    scene = rng.choice(tuple(_SCENES.values()))
    return scene, rng.sample(scene.things, 5), _swaps(rng), rng.choice(PEOPLE)


_LOOK_ALIKES = {
    "who": _who,
    "called off": _called_off,
    "undone": _undone,
    "at first": _at_first,
    "six people": _six_people,
}
NEAR_MISSES = tuple(_LOOK_ALIKES)


def near_miss(rng: random.Random, kind: str | None = None) -> Instance:
    return draw_near_miss(_LOOK_ALIKES, rng, kind)
