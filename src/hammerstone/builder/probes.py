"""Whether a parser reads all of the text: it is asked questions that are nearly a tool's own (`probe_drawing`).

A parser that carries text along unread reproduces any question, so the round-trip guard alone cannot see it. Probes
can: they change a solved question at one place, in the text's own script, and look whether it is still answered.

An answer to a change of fixed text is one too many. At open places, a parser that reads every phrase takes a draw with
a probability of at most `harmless`, so the number it takes is at most binomial: when that many or more come by chance
in fewer than `CHANCE` of all cases, it is refused.

Where the questions are phrased in several ways, hardly anything is common to all. Then each way with `ENOUGH_ALIKE`
questions or more is probed by itself, besides all together.

Nothing counts against a parser whose answers follow the text. Where something is put in or replaced, there is a second
filler: if the original and the two give three different answers, or the second is refused and the first changes the
answer, then the text there is a value, and was read.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from itertools import accumulate
from math import comb

from anyio import to_thread

from hammerstone.builder.probe_drawing import DRAWN, Probe, draw_probes
from hammerstone.concurrency import map_concurrently
from hammerstone.sandbox.contract import Sandbox
from hammerstone.tools.parser import answer
from hammerstone.tools.shortlist import LEAST, phrased_alike, wording

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
