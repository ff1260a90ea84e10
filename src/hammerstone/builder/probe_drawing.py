"""Probes: a solved question, changed at one place, by which a parser shows whether it reads all of the text.

*Fixed* text is what all questions share (`lay_out`). Each of its tokens is replaced, left out and swapped with its
neighbour, and words and sentences are put in between. An answer to any of these is one too many. So is an answer to
words that are put where all questions have only numbers and signs.

*Open* text differs between questions, and to put words in may be harmless there: a list takes one word more. `DRAWN`
places are drawn from all open ones, over all questions. Where half of the questions have the two neighbours together,
the place is inside a phrase that comes back ("swap balls. Then"), and else next to a value; `harmless` is the share of
the latter, or what makes `UNREAD` of all places where that is less: of a text that is mostly open, most must be read.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeVar

from hammerstone.builder.fillers import Fillers
from hammerstone.builder.tokens import Layout, Token, is_spaceless, lay_out
from hammerstone.digests import sha256

__all__ = ["DRAWN", "UNREAD", "Probe", "Probes", "SolvedQuestion", "draw_probes"]

T = TypeVar("T")

DRAWN = 24  # open places
WITH_SENTENCES = 2  # questions into which sentences are put, at all open places of most tasks
UNREAD = 1 / 3  # of all places at most: recorded parsers of eleven tasks have none, one with a free scene 0.3
_MOST = 96  # probes of one sort: all of them for most tasks, an even sample for long questions
_CONTEXT = 60  # characters before and after a change that a complaint shows


class SolvedQuestion(NamedTuple):
    """A question that the parser takes, and the tool's answer."""

    question: str
    answer: str


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
    """The probes: `fixed` and `moved` (deletions and swaps) must all be refused, `drawn` as far as `harmless` demands.

    `sentences` put a sentence at open places (`hammerstone.builder.carrying`).
    """

    fixed: tuple[Probe, ...]
    moved: tuple[Probe, ...]
    drawn: tuple[Probe, ...]
    sentences: tuple[Probe, ...]
    harmless: float


def draw_probes(questions: Sequence[str]) -> Probes:
    """The probes for questions of one task: the same each time for the same questions.

    What is fixed is changed in the first question, as it stands in all of them.
    """
    rng = random.Random(bytes.fromhex(sha256("\0".join(questions))))  # noqa: S311 - samples, not secrets
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
    places = [
        (of, at) for of in range(WITH_SENTENCES) for at in _spread([at for one, at, _ in open_ if one == of], DRAWN)
    ]
    return Probes(
        fixed=(*_replaced(first, fillers), *_put_in(first, _spread(closed, _MOST // 2), fillers)),
        moved=(*_spread(list(_left_out(first)), _MOST // 2), *_spread(list(_swapped(first)), _MOST // 6)),
        drawn=tuple(
            _filled(layouts[of], of, place, *fillers.pair(number)) for number, (of, place, _) in enumerate(drawn)
        ),
        sentences=tuple(
            _sentence(layouts[of], of, place, fillers.pair(number)[1]) for number, (of, place) in enumerate(places)
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
    """Put words and a sentence at each place."""
    for number, place in enumerate(places):
        first, second = fillers.pair(number)
        yield _filled(layout, 0, place, first, second)
        yield _filled(layout, 0, place, second, first)


def _filled(layout: Layout, of: int, place: int, first: str, second: str) -> Probe:
    (before, put, after), other = _around(layout, place, first), _around(layout, place, second)
    shown = _excerpt(before, put, after)
    complaint = f"Text that was put in is not read: with {shown} the question is still answered. Refuse it."
    return Probe(of=of, variants=(before + put + after, "".join(other)), complaint=complaint)


def _sentence(layout: Layout, of: int, place: int, sentence: str) -> Probe:
    before, put, after = _around(layout, place, sentence)
    complaint = (
        f"Text that no answer depends on takes a whole sentence: with {_excerpt(before, put, after)} the question is "
        "still answered. Let that part be only what it can be, such as a name, and refuse all else."
    )
    return Probe(of=of, variants=(before + put + after,), complaint=complaint)


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
    """All items, or `most` of them at even distances, the first and the last included."""
    if len(items) <= most:
        return items
    return [items[round(number * (len(items) - 1) / (most - 1))] for number in range(most)]


def _excerpt(before: str, changed: str, after: str) -> str:
    start = "…" if len(before) > _CONTEXT else ""
    end = "…" if len(after) > _CONTEXT else ""
    return repr(f"{start}{before[-_CONTEXT:]}{changed}{after[:_CONTEXT]}{end}")
