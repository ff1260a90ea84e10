"""Probes: questions that are nearly a tool's own, by which a parser shows whether it reads all of the text.

A parser that carries text along unread reproduces any question, so the round-trip guard alone cannot see it. Probes
can: they change a solved question at one place, in the text's own script, and look whether it is still answered.

*Fixed* text is what all questions share (`lay_out`). Each of its tokens is replaced, left out and swapped with its
neighbour, and words and sentences are put in between. An answer to any of these is one too many. So is an answer to
words that are put where all questions have only numbers and signs.

*Open* text differs between questions, and to put words in may be harmless there: a list takes one word more. `DRAWN`
places are drawn from all open ones, over all questions. Where half of the questions have the two neighbours together,
the place is inside a phrase that comes back ("swap balls. Then"), and else next to a value; `harmless` is the share of
the latter, or what makes `UNREAD` of all places where that is less: of a text that is mostly open, most must be read.
A parser that reads every phrase takes a draw with a probability of at most `harmless`, so the number it takes is at
most binomial: when that many or more come by chance in fewer than `CHANCE` of all cases, it is refused.

Where the questions are phrased in several ways, hardly anything is common to all. Then each way with `ENOUGH_ALIKE`
questions or more is probed by itself, besides all together.

Nothing counts against a parser whose answers follow the text. Where something is put in or replaced, there is a second
filler: if the original and the two give three different answers, or the second is refused and the first changes the
answer, then the text there is a value, and was read.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate, pairwise
from math import comb
from typing import TypeVar

from anyio import to_thread

from hammerstone.builder.fillers import Fillers
from hammerstone.builder.tokens import Layout, Token, is_spaceless, lay_out
from hammerstone.concurrency import map_concurrently
from hammerstone.sandbox.contract import Sandbox
from hammerstone.tools.parser import answer
from hammerstone.tools.shortlist import LEAST, phrased_alike, wording

__all__ = ["CHANCE", "DRAWN", "ENOUGH_ALIKE", "UNREAD", "Probe", "Probes", "draw_probes", "unread"]

T = TypeVar("T")

DRAWN = 24  # open places
CHANCE = 0.01  # of refusing a parser that reads every phrase, for what it takes at open places
UNREAD = 1 / 3  # of all places at most: recorded parsers of eleven tasks have none, one with a free scene 0.3
ENOUGH_ALIKE = 4  # questions of one phrasing; fewer may well have a name or a date in common
_MOST = 96  # probes of one sort: all of them for most tasks, an even sample for long questions
_QUESTIONS = 12  # that are compared, to find what is fixed
_CHARS = 300_000  # in all of these: finding what is fixed takes seconds and some 100 MB then
_AT_A_TIME = 32
_ENOUGH = 8  # complaints show what is wrong
_CONTEXT = 60  # characters before and after a change that a complaint shows


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One change of question number `of`, with one filler after the other: the changed questions are `variants`.

    `tokens` are the numbers of the question's tokens that it replaces, leaves out or swaps. `number` says that a number
    is replaced by others.
    """

    of: int
    variants: tuple[str, ...]
    complaint: str
    tokens: tuple[int, ...] = ()
    number: bool = False


@dataclass(frozen=True, kw_only=True)
class Probes:
    """`fixed` and `moved` (deletions and swaps) must all be refused; `drawn` as far as `harmless` demands it."""

    fixed: tuple[Probe, ...]
    moved: tuple[Probe, ...]
    drawn: tuple[Probe, ...]
    harmless: float


class _Result(Enum):
    REFUSED = "refused"
    READ = "read"  # answered, and the answer follows the change
    UNREAD = "unread"


async def unread(sandbox: Sandbox, source: str, solved: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """What a parser lets pass without reading it, as complaints for the maker.

    `solved` are questions that it takes, with its answers. One question alone does not show what is fixed.
    """
    solved = list(dict(solved).items())
    if len(solved) < 2:
        return ()
    complaints: list[str] = []
    for alike in _ways(solved):
        complaints += await _unread(sandbox, source, alike)
    return tuple(complaints[:_ENOUGH])


def _ways(solved: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """The questions of each phrasing where they have hardly any wording in common, and in any case all of them."""
    questions = [question for question, _ in solved]
    if len(wording(questions)) >= LEAST:
        return [solved]
    groups = [[solved[number] for number in alike] for alike in phrased_alike(questions)]
    return [*(one for one in groups if ENOUGH_ALIKE <= len(one) < len(solved)), solved]


async def _unread(sandbox: Sandbox, source: str, solved: Sequence[tuple[str, str]]) -> list[str]:
    solved = _short_enough(solved[:_QUESTIONS])
    if len(solved) < 2:
        return [f"The questions are too long to try what is read of them: two have more than {_CHARS:,} characters."]
    probes = await to_thread.run_sync(draw_probes, [question for question, _ in solved])

    async def run(probe: Probe) -> _Result:
        return await _run(sandbox, source, probe, solved[probe.of][1])

    fixed = await _run_all(run, probes.fixed)
    values = {(probe.of, token) for probe, result in fixed if result is _Result.READ for token in probe.tokens}
    moved = [one for one in probes.moved if values.isdisjoint((one.of, token) for token in one.tokens)]
    found = [*fixed, *(await _run_all(run, moved))]
    complaints = [probe.complaint for probe, result in found if result is _Result.UNREAD]
    if not complaints:
        complaints = _too_many(await _run_all(run, probes.drawn), probes.harmless)
    return complaints


def _short_enough(solved: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """As many as `_CHARS` allow, the shortest first."""
    shortest = sorted(solved, key=lambda one: len(one[0]))
    lengths = accumulate(len(question) for question, _ in shortest)
    return [one for one, length in zip(shortest, lengths, strict=True) if length <= _CHARS]


async def _run_all(run: Callable[[Probe], Awaitable[_Result]], probes: Sequence[Probe]) -> list[tuple[Probe, _Result]]:
    """The results in order, until there is enough to complain about."""
    results: list[tuple[Probe, _Result]] = []
    for start in range(0, len(probes), _AT_A_TIME):
        some = probes[start : start + _AT_A_TIME]
        results += zip(some, await map_concurrently(run, some), strict=True)
        if sum(result is _Result.UNREAD for _, result in results) >= max(_ENOUGH, DRAWN):
            break
    return results


async def _run(sandbox: Sandbox, source: str, probe: Probe, original: str) -> _Result:
    """A number may make no difference once ("before 18:00"): it was read if one of several is refused or makes one."""
    _, first = await answer(sandbox, source, probe.variants[0])
    if first is None:
        return _Result.REFUSED
    others = [
        given for _, given in await map_concurrently(lambda one: answer(sandbox, source, one), probe.variants[1:])
    ]
    answers = {original, first, *others}
    follows = len(answers) > 1 if probe.number else others and len(answers) == 2 + len(others)
    return _Result.READ if follows else _Result.UNREAD


def _too_many(results: Sequence[tuple[Probe, _Result]], harmless: float) -> list[str]:
    carried = [probe for probe, result in results if result is _Result.UNREAD]
    if not carried or _at_least(len(carried), len(results), harmless) >= CHANCE:
        return []
    return [
        f"Not all of the text is read: of {len(results)} words and sentences put in at random places, {len(carried)} "
        f"made no difference. Read or refuse every word. For example: {carried[0].complaint}"
    ]


def _at_least(count: int, trials: int, share: float) -> float:
    """The probability of `count` or more successes in `trials`, each with the probability `share`."""
    return sum(comb(trials, n) * share**n * (1 - share) ** (trials - n) for n in range(count, trials + 1))


# drawing them


def draw_probes(questions: Sequence[str]) -> Probes:
    """The probes for questions of one task: the same each time for the same questions.

    What is fixed is changed in the first question, as it stands in all of them.
    """
    digest = hashlib.sha256("\0".join(questions).encode("utf-8", "surrogatepass")).digest()
    rng = random.Random(digest)  # noqa: S311 - samples, not secrets
    fillers = Fillers(questions, rng)
    layouts = lay_out(questions)
    first = layouts[0]
    closed = [place for place, kind in enumerate(first.places) if kind in {"fixed", "wordless"}]
    open_ = [
        (of, place, kind)
        for of, one in enumerate(layouts)
        for place, kind in enumerate(one.places)
        if kind in {"phrase", "value"}
    ]
    drawn = rng.sample(open_, min(DRAWN, len(open_)))
    return Probes(
        fixed=(*_replaced(first, fillers), *_put_in(first, _spread(closed, _MOST // 2), fillers)),
        moved=(*_spread(list(_left_out(first)), _MOST // 2), *_spread(list(_swapped(first)), _MOST // 6)),
        drawn=tuple(
            _filled(layouts[of], of, place, *fillers.pair(number)) for number, (of, place, _) in enumerate(drawn)
        ),
        harmless=_harmless(layouts),
    )


def _harmless(layouts: Sequence[Layout]) -> float:
    """The share of the open places at which a parser that reads every phrase may take anything."""
    kinds = Counter(kind for one in layouts for kind in one.places)
    opened = kinds["phrase"] + kinds["value"]
    return min(kinds["value"] / opened, UNREAD * kinds.total() / opened) if opened else 1.0


def _fixed(layout: Layout) -> Iterator[tuple[int, Token]]:
    return ((at, one) for at, one in enumerate(layout.tokens) if layout.fixed[at])


def _replaced(layout: Layout, fillers: Fillers) -> Iterator[Probe]:
    for at, token in _spread(list(_fixed(layout)), _MOST):
        instead = fillers.instead(token)
        before, after = layout.question[: token.start], layout.question[token.end :]
        complaint = (
            f"The fixed {token.kind} {token.text!r} is not read: with {_excerpt(before, instead[0], after)} "
            "the question is still answered. Refuse it."
        )
        variants = tuple(before + one + after for one in instead)
        yield Probe(of=0, variants=variants, complaint=complaint, tokens=(at,), number=token.kind == "number")


def _put_in(layout: Layout, places: Sequence[int], fillers: Fillers) -> Iterator[Probe]:
    """Words and a sentence at each place."""
    for number, place in enumerate(places):
        first, second = fillers.pair(number)
        yield _filled(layout, 0, place, first, second)
        yield _filled(layout, 0, place, second, first)


def _filled(layout: Layout, of: int, place: int, first: str, second: str) -> Probe:
    (before, put, after), other = _around(layout, place, first), _around(layout, place, second)
    shown = _excerpt(before, put, after)
    complaint = f"Text that was put in is not read: with {shown} the question is still answered. Refuse it."
    return Probe(of=of, variants=(before + put + after, "".join(other)), complaint=complaint)


def _around(layout: Layout, place: int, filler: str) -> tuple[str, str, str]:
    """The text before, the filler with the white space that belongs there, and the text after."""
    text, tokens = layout.question, layout.tokens
    left = tokens[place - 1].end if place else 0
    right = tokens[place].start if place < len(tokens) else len(text)
    between = text[left:right]
    if place in {0, len(tokens)}:
        space = "" if is_spaceless(filler[0]) else "\n" if "\n" in text and filler.count(" ") > 2 else " "
        return (text[:right], filler + space, text[right:]) if not place else (text[:left], space + filler, text[left:])
    if between:
        return text[:right], filler + between, text[right:]
    if is_spaceless(filler[0]):
        return text[:left], filler, text[left:]
    return text[:left], (f" {filler}" if tokens[place].kind == "sign" else f"{filler} "), text[left:]


def _left_out(layout: Layout) -> Iterator[Probe]:
    for at, token in _fixed(layout):
        before, after = _without(layout, at)
        complaint = (
            f"The fixed {token.kind} {token.text!r} is not read: without it, as in {_excerpt(before, '', after)}, "
            "the question is still answered. Refuse it."
        )
        yield Probe(of=0, variants=(before + after,), complaint=complaint, tokens=(at,))


def _without(layout: Layout, at: int) -> tuple[str, str]:
    """The text before and after a token, with the white space of one side only."""
    text, token = layout.question, layout.tokens[at]
    before, after = text[: token.start], text[token.end :]
    spaced = not before or before[-1].isspace()
    if spaced and after[:1].isspace():
        return before, after.lstrip()
    return (before.rstrip(" ") if spaced else before), after


def _swapped(layout: Layout) -> Iterator[Probe]:
    for (at, one), (after, other) in pairwise(_fixed(layout)):
        if after != at + 1 or layout.places[after] != "fixed" or one.text == other.text:
            continue
        text = layout.question
        swapped = other.text + text[one.end : other.start] + one.text
        before, rest = text[: one.start], text[other.end :]
        complaint = (
            f"The order of {one.text!r} and {other.text!r} is not read: with {_excerpt(before, swapped, rest)} "
            "the question is still answered. Refuse it."
        )
        yield Probe(of=0, variants=(before + swapped + rest,), complaint=complaint, tokens=(at, after))


def _spread(items: Sequence[T], most: int) -> Sequence[T]:
    """All of them, or `most` at even distances, the first and the last included."""
    if len(items) <= most:
        return items
    return [items[round(number * (len(items) - 1) / (most - 1))] for number in range(most)]


def _excerpt(before: str, changed: str, after: str) -> str:
    start = "…" if len(before) > _CONTEXT else ""
    end = "…" if len(after) > _CONTEXT else ""
    return repr(f"{start}{before[-_CONTEXT:]}{changed}{after[:_CONTEXT]}{end}")
