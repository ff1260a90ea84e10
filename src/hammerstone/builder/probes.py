"""Checks that a parser reads all of the text, with questions that are nearly a tool's own (`probe_drawing`).

A parser that carries text along unread reproduces any question, so the round-trip guard alone cannot see it. Probes
can: they change a solved question at one place, in the text's own script, and see whether it is still answered.

An answer to a change of fixed text is one too many. At open places, a parser that reads every phrase takes a draw with
a probability of at most `harmless`, so the number it takes is at most binomial: when that many or more come by chance
in fewer than `CHANCE` of all cases, it is refused.

Where the questions are phrased in several ways, hardly anything is common to all. Then each way with `ENOUGH_ALIKE`
questions or more is probed by itself, besides all together.

Last, sentences are put where no answer depends on the text (`carrying`).

Nothing counts against a parser whose answers follow the text. Where something is put in or replaced, there is a second
filler: if the original and the two give three different answers, or the second is refused and the first changes the
answer, then the text there is a value, and was read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate
from math import comb

from anyio import to_thread

from hammerstone.builder.carrying import carried
from hammerstone.builder.patience import PATIENCE, ask_until_too_slow
from hammerstone.builder.probe_drawing import DRAWN, Probe, SolvedQuestion, draw_probes
from hammerstone.concurrency import map_concurrently
from hammerstone.sandbox import Sandbox
from hammerstone.tools import LEAST_WORDING, answer, phrased_alike, wording

__all__ = ["CHANCE", "ENOUGH_ALIKE", "unread"]

CHANCE = 0.01  # of refusing a parser that reads every phrase, for what it takes at open places
ENOUGH_ALIKE = 4  # questions of one phrasing; fewer may well have a name or a date in common
_QUESTIONS = 12  # that are compared, to find what is fixed
_CHARS = 300_000  # in all of these: finding what is fixed takes seconds and some 100 MB then
_AT_A_TIME = 32
_ENOUGH = 8  # complaints show what is wrong


class _Result(Enum):
    REFUSED = "refused"
    READ = "read"  # answered, and the answer follows the change
    UNREAD = "unread"
    TOO_SLOW = "too slow"


@dataclass(frozen=True, kw_only=True)
class _Tried:
    """A probe and its result; `complaint` is for the maker, if the result speaks against the parser."""

    probe: Probe
    result: _Result
    complaint: str = ""


async def unread(sandbox: Sandbox, source: str, solved: Sequence[SolvedQuestion]) -> tuple[str, ...]:
    """Complaints for the maker about text that the parser takes without reading it.

    One question alone does not show what is fixed.
    """
    solved = list({one.question: one for one in solved}.values())
    if len(solved) < 2:
        return ()
    complaints: list[str] = []
    for alike in _by_phrasing(solved):
        complaints += await _unread(sandbox, source, alike)
    return tuple(complaints[:_ENOUGH])


def _by_phrasing(solved: list[SolvedQuestion]) -> list[list[SolvedQuestion]]:
    """All questions together; and, if they have hardly any wording in common, those of each phrasing before them."""
    questions = [one.question for one in solved]
    if len(wording(questions)) >= LEAST_WORDING:
        return [solved]
    groups = [[solved[number] for number in alike] for alike in phrased_alike(questions)]
    return [*(one for one in groups if ENOUGH_ALIKE <= len(one) < len(solved)), solved]


async def _unread(sandbox: Sandbox, source: str, solved: Sequence[SolvedQuestion]) -> list[str]:
    solved = _short_enough(solved[:_QUESTIONS])
    if len(solved) < 2:
        return [f"The questions are too long to try what is read of them: two have more than {_CHARS:,} characters."]
    probes = await to_thread.run_sync(draw_probes, [one.question for one in solved])

    async def run(probe: Probe) -> _Tried:
        return await _run(sandbox, source, probe, solved[probe.of].answer)

    fixed = await _run_all(run, probes.fixed)
    values = {(one.probe.of, token) for one in fixed if one.result is _Result.READ for token in one.probe.tokens}
    moved = [one for one in probes.moved if values.isdisjoint((one.of, token) for token in one.tokens)]
    found = fixed if _slow(fixed) else [*fixed, *(await _run_all(run, moved))]
    complaints = [one.complaint for one in found if one.complaint]
    if not complaints:
        drawn = await _run_all(run, probes.drawn)
        complaints = [one.complaint for one in _slow(drawn)] or _too_many(drawn, probes.harmless)
    return complaints or await carried(sandbox, source, solved, probes.sentences)


def _short_enough(solved: Sequence[SolvedQuestion]) -> list[SolvedQuestion]:
    """The shortest questions, as many as `_CHARS` allow."""
    shortest = sorted(solved, key=lambda one: len(one.question))
    lengths = accumulate(len(one.question) for one in shortest)
    return [one for one, length in zip(shortest, lengths, strict=True) if length <= _CHARS]


async def _run_all(run: Callable[[Probe], Awaitable[_Tried]], probes: Sequence[Probe]) -> list[_Tried]:
    """The results in order, until there is enough to complain about."""
    results: list[_Tried] = []
    for start in range(0, len(probes), _AT_A_TIME):
        some = probes[start : start + _AT_A_TIME]
        results += await ask_until_too_slow(run, some, lambda one: one.result is _Result.TOO_SLOW)
        if len(_slow(results)) >= PATIENCE or len(_unread_ones(results)) >= max(_ENOUGH, DRAWN):
            break
    return results


def _slow(results: Sequence[_Tried]) -> list[_Tried]:
    return [one for one in results if one.result is _Result.TOO_SLOW]


def _unread_ones(results: Sequence[_Tried]) -> list[_Tried]:
    return [one for one in results if one.result is _Result.UNREAD]


async def _run(sandbox: Sandbox, source: str, probe: Probe, original: str) -> _Tried:
    """Ask a probe. A number may make no difference ("before 18:00"): it is read if one of several does."""
    parsed, first = await answer(sandbox, source, probe.variants[0])
    if parsed.too_slow:
        complaint = f"For a question that nearly is one of this kind, {parsed.refusal}:\n{probe.variants[0]}"
        return _Tried(probe=probe, result=_Result.TOO_SLOW, complaint=complaint)
    if first is None:
        return _Tried(probe=probe, result=_Result.REFUSED)
    others = [
        given for _, given in await map_concurrently(lambda one: answer(sandbox, source, one), probe.variants[1:])
    ]
    answers = {original, first, *others}
    follows = len(answers) > 1 if probe.number else others and len(answers) == 2 + len(others)
    if follows:
        return _Tried(probe=probe, result=_Result.READ)
    return _Tried(probe=probe, result=_Result.UNREAD, complaint=probe.complaint)


def _too_many(results: Sequence[_Tried], harmless: float) -> list[str]:
    carried = _unread_ones(results)
    if not carried or _at_least(len(carried), len(results), harmless) >= CHANCE:
        return []
    return [
        f"Not all of the text is read: of {len(results)} words and sentences put in at random places, {len(carried)} "
        f"made no difference. Read or refuse every word. For example: {carried[0].complaint}"
    ]


def _at_least(count: int, trials: int, share: float) -> float:
    """The probability of `count` or more successes in `trials`, each with the probability `share`."""
    return sum(comb(trials, n) * share**n * (1 - share) ** (trials - n) for n in range(count, trials + 1))
