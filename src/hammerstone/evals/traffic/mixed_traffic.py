"""Generated streams with what real traffic has: tasks of all frequencies, typing errors, drift, look-alikes, repeats.

The two most frequent tasks drift. One changes its template: from some request on, all that it asks in its own form
comes in one other wording, with the same answers. The other changes its rule under the same words: from some request
on, the caller expects the same answers written otherwise, which the questions leave open and nothing in them shows.
Whoever only reads questions must fail there, and only a caller's corrections can help: such items are marked
`rule_changed`, to be counted apart. (Paraphrases say which form of answer they want, and keep it.)
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias, get_args

from hammerstone.errors import InputError
from hammerstone.evals.tasks import TASKS, generate_instances, near_misses, task
from hammerstone.evals.tasks.one_off_kinds import draw_one_offs
from hammerstone.types import Instance, Request

__all__ = ["OTHER_RULES", "SHARES", "TrafficItem", "TrafficKind", "generate_traffic"]

TrafficKind: TypeAlias = Literal["own", "paraphrase", "typo", "drift", "near-miss", "one-off", "repeat"]

SHARES: Mapping[TrafficKind, float] = MappingProxyType(
    {
        "own": 0.5,
        "paraphrase": 0.1,
        "typo": 0.06,
        "drift": 0.12,
        "near-miss": 0.1,
        "one-off": 0.07,
        "repeat": 0.05,
    }
)

# What a caller may come to expect instead, where the words of the questions leave it open.
OTHER_RULES: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "logical_deduction": lambda answer: answer.strip("()"),
        "tracking_shuffled_objects": lambda answer: answer.strip("()"),
        "word_sorting": lambda answer: answer.replace(" ", ", "),
    }
)


@dataclass(frozen=True, kw_only=True)
class TrafficItem:
    """A request without a hint, and what it is: its task (the one it looks like for a near-miss, `None` for a one-off).

    `rule_changed` marks a request whose right answer cannot be read from its question.
    """

    request: Request
    task: str | None
    kind: TrafficKind
    rule_changed: bool = False


class _Entry(NamedTuple):
    """One place of the stream, before its question is drawn."""

    kind: TrafficKind
    of: str | None = None


@dataclass(frozen=True, kw_only=True)
class _Drift:
    """The tasks that drift, if any do."""

    template: str | None = None
    rule: str | None = None


def generate_traffic(
    n: int, seed: int, *, tasks: Sequence[str] = tuple(TASKS), shares: Mapping[TrafficKind, float] = SHARES
) -> tuple[TrafficItem, ...]:
    """Draw `n` requests: as many of each kind as its share says, in a drawn order.

    A drawn order of the tasks gives their frequencies, the k-th coming 1/k as often as the first. No question comes
    twice but as a repeat. The same arguments give the same requests on any machine. Raises `NotFoundError` for an
    unknown task and `InputError` for arguments that make no stream.
    """
    for name in tasks:
        task(name)
    if n < 0 or not tasks:
        raise InputError(
            f"cannot draw {n} requests of {len(tasks)} tasks", hint="ask for 0 or more, of 1 or more tasks"
        )
    rng = random.Random(f"traffic {seed}")  # noqa: S311 - samples, not secrets
    counts = _counts(n, shares)
    ranked = _ranked({*tasks}, rng)
    drift = _drifting(ranked) if counts["drift"] else _Drift()
    entries = _arranged(_entries(ranked, counts, drift, rng), drift, rng)
    items = _with_repeats(_items(entries, drift, seed, rng), counts["repeat"], drift, rng)
    return tuple(replace(item, request=replace(item.request, id=f"t{k:04}")) for k, item in enumerate(items, start=1))


def _counts(n: int, shares: Mapping[TrafficKind, float]) -> Counter[TrafficKind]:
    """Whole numbers that add up to `n`, by largest remainder."""
    total = sum(shares.values())
    if total <= 0 or min(shares.values()) < 0 or not {*shares} <= {*get_args(TrafficKind)}:
        raise InputError(
            f"invalid shares: {dict(shares)}",
            hint=f"give numbers from 0 on for {', '.join(get_args(TrafficKind))}",
        )
    exact: dict[TrafficKind, float] = {kind: n * share / total for kind, share in shares.items()}
    counts: Counter[TrafficKind] = Counter()
    for kind, number in exact.items():
        counts[kind] = int(number)
    by_remainder = sorted(exact, key=lambda kind: counts[kind] - exact[kind])
    for kind in by_remainder[: n - counts.total()]:
        counts[kind] += 1
    return counts


def _ranked(tasks: set[str], rng: random.Random) -> list[str]:
    """The tasks, the most frequent first; one that can change its rule, if there is any, is first or second."""
    ranked = rng.sample(sorted(tasks), len(tasks))
    changing = next((name for name in ranked if name in OTHER_RULES), None)
    if changing in ranked[2:]:
        ranked.remove(changing)
        ranked.insert(1, changing)
    return ranked


def _drifting(ranked: list[str]) -> _Drift:
    if len(ranked) == 1:
        return _Drift(template=ranked[0])
    rule = next((name for name in ranked[:2] if name in OTHER_RULES), None)
    return _Drift(template=next(name for name in ranked if name != rule), rule=rule)


def _entries(ranked: list[str], counts: Counter[TrafficKind], drift: _Drift, rng: random.Random) -> list[_Entry]:
    """All entries but repeats, in no order. Of both tasks' questions in their own form, the same part drifts.

    No near-miss is of the task whose rule changes: its right answer would be open.
    """
    own = _frequent(ranked, ranked, counts["own"] + counts["drift"], rng)
    asked = own.count(drift.template) + own.count(drift.rule)
    by_rule = round(counts["drift"] * own.count(drift.rule) / asked) if asked else 0
    drifting = [drift.rule] * by_rule + [drift.template] * (counts["drift"] - by_rule)
    for name in drifting:
        own.remove(name if name in own else own[-1])
    steady = [name for name in ranked if name != drift.rule]
    return [
        *(_Entry("drift", name) for name in drifting),
        *(_Entry("own", name) for name in own),
        *(_Entry("paraphrase", name) for name in _frequent(ranked, ranked, counts["paraphrase"], rng)),
        *(_Entry("typo", name) for name in _frequent(ranked, steady, counts["typo"], rng)),
        *(_Entry("near-miss", name) for name in _frequent(ranked, steady, counts["near-miss"], rng)),
        *(_Entry("one-off") for _ in range(counts["one-off"])),
    ]


def _frequent(ranked: list[str], names: list[str], k: int, rng: random.Random) -> list[str | None]:
    """`k` of the names, each as often as its place in the order of all tasks says."""
    return [*rng.choices(names, [1 / (1 + ranked.index(name)) for name in names], k=k)]


def _arranged(entries: list[_Entry], drift: _Drift, rng: random.Random) -> list[_Entry]:
    """The entries in a drawn order, except that a task which drifts asks in its own form first, and then no more."""
    arranged = rng.sample(entries, len(entries))
    for name in (drift.template, drift.rule):
        places = [k for k, (kind, of) in enumerate(arranged) if of == name and kind in ("own", "drift")]
        in_turn = sorted((arranged[k] for k in places), key=lambda entry: entry.kind == "drift")
        for k, entry in zip(places, in_turn, strict=True):
            arranged[k] = entry
    return arranged


def _items(entries: list[_Entry], drift: _Drift, seed: int, rng: random.Random) -> list[TrafficItem]:
    drawn = Counter((of, kind == "near-miss") for kind, of in entries)
    one_offs = iter(draw_one_offs(drawn[None, False], seed))
    own = {of: iter(generate_instances(of, k, seed)) for (of, near), k in drawn.items() if of and not near}
    near_missed = {of: iter(near_misses(of, k, seed)) for (of, near), k in drawn.items() if of and near}
    items: list[TrafficItem] = []
    for kind, of in entries:
        if of is None:
            instance = next(one_offs)
        elif kind == "near-miss":
            instance = next(near_missed[of])
        else:
            instance = _worded(kind, of, next(own[of]), drift, seed, rng)
        request = Request.plain(id="", question=instance.question, answer=instance.answer)
        items.append(
            TrafficItem(request=request, task=of, kind=kind, rule_changed=kind == "drift" and of == drift.rule)
        )
    return items


def _worded(kind: TrafficKind, of: str, instance: Instance, drift: _Drift, seed: int, rng: random.Random) -> Instance:
    if kind == "paraphrase":
        return task(of).paraphrase(instance, rng)
    if kind == "typo":
        return replace(instance, question=_mistyped(of, instance.question, rng))
    if kind == "drift" and of == drift.rule:
        return replace(instance, answer=OTHER_RULES[of](instance.answer))
    if kind == "drift":
        # Always from the same state, so that one wording stays.
        return task(of).paraphrase(instance, random.Random(f"drift {seed}"))  # noqa: S311 - a sample, not a secret
    return instance


def _with_repeats(items: list[TrafficItem], repeats: int, drift: _Drift, rng: random.Random) -> Iterator[TrafficItem]:
    """Put each repeat somewhere after its original. A request whose answer a changed rule outdates is not repeated."""
    sources = [k for k, item in enumerate(items) if item.task != drift.rule or item.kind != "own"]
    if repeats and not sources:
        raise InputError("there is nothing to repeat", hint="give other kinds of requests a share too")
    after: dict[int, list[TrafficItem]] = {}
    for source in rng.choices(sources, k=repeats) if repeats else ():
        repeated = replace(items[source], kind="repeat")
        after.setdefault(rng.randrange(source, len(items)), []).append(repeated)
    for k, item in enumerate(items):
        yield item
        yield from after.get(k, ())


# Typing errors, in the fixed wording alone: a word that is no data, outside of quotes and markup, loses a letter or has
# two of them changed over.

_WORD = re.compile(r'"[^"]*"|<[^>]*>|\b([a-z]{5,})\b')


def _mistyped(of: str, question: str, rng: random.Random) -> str:
    places = [found.span(1) for found in _WORD.finditer(question) if found[1] in _fixed_words(of)]
    if not places:
        raise InputError(f"{of} has no fixed wording to mistype", hint="leave out the share of typos, or the task")
    start, end = rng.choice(places)
    k = rng.randrange(start + 1, end - 1)
    dropped = question[:k] + question[k + 1 :]
    swapped = question[:k] + question[k + 1] + question[k] + question[k + 2 :]
    return rng.choice([dropped, swapped]) if swapped != question else dropped


@cache
def _fixed_words(of: str) -> frozenset[str]:
    """The words that all questions of a family have, equally often, for every family of a task."""
    fixed: set[str] = set()
    for family in task(of).FAMILIES:
        rng = random.Random(f"{of} {family}")  # noqa: S311 - samples, not secrets
        drawn = (_WORD.findall(task(of).generate(rng, family).question) for _ in range(16))
        alike = set[tuple[str, int]].intersection(*({*Counter(words).items()} for words in drawn))
        fixed |= {word for word, _ in alike}
    return frozenset(fixed - {""})  # that stands for quotes and markup
