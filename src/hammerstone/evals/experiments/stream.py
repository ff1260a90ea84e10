"""What the paper left out: a mixed stream from a cold start, end to end, against other strategies.

Requests whose right answer cannot be read from the question (the caller's rule has changed) are counted separately.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import MappingProxyType

from hammerstone.errors import InputError, RecordingError
from hammerstone.evals.baselines.caches import SemanticCache, VerbatimCache
from hammerstone.evals.baselines.stream_strategies import (
    LoopRun,
    StrategyStep,
    through_cache,
    through_loop,
    through_mix,
    through_model,
)
from hammerstone.evals.experiments.near_miss import THRESHOLDS
from hammerstone.evals.harness.bench_run import BenchRun, CostReachedError, one_bill
from hammerstone.evals.report.experiment_result import Measurement, Result, Series
from hammerstone.evals.report.result_tables import ALL, COST_SO_FAR
from hammerstone.evals.traffic.mixed_traffic import TrafficItem, TrafficKind, generate_traffic
from hammerstone.formatting import percent
from hammerstone.store import AccountedModel
from hammerstone.types import Role, Route

__all__ = ["STREAM_SHARES", "check_requests", "run_stream"]

STREAM_SHARES: Mapping[TrafficKind, float] = MappingProxyType(
    {
        "own": 0.66,
        "paraphrase": 0.06,
        "typo": 0.05,
        "drift": 0.12,
        "near-miss": 0.04,
        "one-off": 0.02,
        "repeat": 0.05,
    }
)
"""Tools are not built for near-misses and one-offs: together they bound what can be saved, so they are few here."""

PART, LOOP = "stream", "loop"
"""The recordings of a model that is measured beside those of the roles: it answers everything, or plays the cheap
roles of the loop."""

OURS, WITHOUT_USER = "hammerstone", "hammerstone without the user route"
ONE_MODEL, BY_CHANCE = "everything to ", "mix of strong and "
STRONG, CHEAP = f"{ONE_MODEL}the strong model", f"{ONE_MODEL}the cheap model"
RULE_CHANGED = "rule changed"
DRAWN_THRESHOLD = 0.9  # of the semantic caches that are drawn
BLOCK = 40  # requests that a point of a plot sums up
EVERY = 10  # requests between two points of a running mean

_Strategies = Mapping[str, Sequence[StrategyStep]]


async def run_stream(bench: BenchRun, tasks: Sequence[str], requests: int) -> Result:
    """`requests` of generated traffic (`STREAM_SHARES`) by every strategy.

    A bound on the cost cuts the stream off for all strategies, or leaves out those that could no longer be paid for.
    Raises the errors of models, store and sandbox.
    """
    items = generate_traffic(requests, bench.seed, tasks=tasks, shares=STREAM_SHARES)
    run = await through_loop(bench, items, bench.every_role(), OURS)
    if not run.steps:
        return _result(bench, partial=run.partial)
    items = items[: len(run.steps)]
    strategies: dict[str, Sequence[StrategyStep]] = {OURS: run.steps}
    partial = run.partial
    try:
        await _add_baselines(bench, items, strategies)
    except CostReachedError as error:
        partial = partial or error.message
    return replace(
        _result(bench, partial=partial),
        figures=_measurements(items, strategies, run),
        series=_series(items, strategies),
        notes=_notes(items, strategies, run),
    )


def _result(bench: BenchRun, *, partial: str) -> Result:
    return Result(
        experiment="stream",
        title="A mixed stream from cold, end to end",
        seed=bench.seed,
        models={role: bench.models[role].name for role in Role},
        figures=(),
        partial=partial,
    )


def check_requests(requests: int) -> None:
    """Check the length. Raises `InputError` for a stream too short to have halves that can be compared."""
    if requests < BLOCK:
        raise InputError(f"a stream of {requests} requests is too short", hint=f"ask for {BLOCK} or more: --requests")


async def _add_loops(
    bench: BenchRun, items: Sequence[TrafficItem], strategies: dict[str, Sequence[StrategyStep]]
) -> None:
    """The loop without the user route, and with each small model in the cheap roles. Raises `CostReachedError`."""
    everyone = bench.every_role()

    async def add(name: str, models: Mapping[Role, AccountedModel]) -> None:
        run = await through_loop(bench, items, models, name)
        if run.partial:
            raise CostReachedError(run.partial)
        strategies[name] = run.steps

    await add(WITHOUT_USER, {role: one for role, one in everyone.items() if role is not Role.USER})
    small = zip(bench.models_of(Role.USER, LOOP)[1:], bench.models_of(Role.DISPATCHER, LOOP)[1:], strict=True)
    for user, dispatcher in small:
        with suppress(RecordingError):  # of one that was asked other requests
            await add(with_cheap(user.name), {**everyone, Role.USER: user, Role.DISPATCHER: dispatcher})


def with_cheap(name: str) -> str:
    """The loop whose cheap roles, dispatcher and user, this model plays."""
    return f"{OURS} with {name}"


async def _add_baselines(
    bench: BenchRun, items: Sequence[TrafficItem], strategies: dict[str, Sequence[StrategyStep]]
) -> None:
    """Add the baselines. Raises `CostReachedError`; what was paid for until then is added."""
    strategies[STRONG] = await through_model(bench, items, bench.model(Role.SOLVER), strong=True)
    for cache in (VerbatimCache(), *(SemanticCache(of, one) for of in bench.embeddings for one in THRESHOLDS)):
        strategies[cache.name] = await through_cache(cache, items, strategies[STRONG])
    await _add_loops(bench, items, strategies)
    cheap, *small = bench.models_of(Role.USER, PART)
    await _add_cheap(bench, items, strategies, cheap, "cheap", alone=CHEAP)
    for one in small:
        with suppress(RecordingError):  # of one that was asked other requests
            await _add_cheap(bench, items, strategies, one, one.name, alone=f"{ONE_MODEL}{one.name}")


async def _add_cheap(
    bench: BenchRun,
    items: Sequence[TrafficItem],
    strategies: dict[str, Sequence[StrategyStep]],
    model: AccountedModel,
    name: str,
    *,
    alone: str,
) -> None:
    """Everything to one cheap model, and the mix of it with the strong one, if their prices are known."""
    strategies[alone] = await through_model(bench, items, model, strong=False)
    costs = [one_bill([step.bill for step in strategies[one]]).cost_usd for one in (OURS, STRONG, alone)]
    if None not in costs:
        mixed = through_mix(strategies[STRONG], strategies[alone], costs[0] or 0.0, bench.seed)
        strategies[mix_of(name)] = mixed


def mix_of(name: str) -> str:
    """The strategy that sends a request to the strong model or to this one by chance."""
    return f"{BY_CHANCE}{name}, by chance, at hammerstone's cost"


# measurements


def _measurements(items: Sequence[TrafficItem], strategies: _Strategies, run: LoopRun) -> tuple[Measurement, ...]:
    counted = [k for k, item in enumerate(items) if not item.rule_changed]
    parts: dict[str, list[int]] = {ALL: counted}
    for kind in STREAM_SHARES:
        parts[kind] = [k for k in counted if items[k].kind == kind]
    parts[RULE_CHANGED] = [k for k, item in enumerate(items) if item.rule_changed]
    measurements = [
        _measurement(part, name, items, steps, ks, _strong_calls(steps, counted) if part == ALL else "")
        for part, ks in parts.items()
        for name, steps in strategies.items()
        if ks
    ]
    measurements += [_false_hits(name, items, steps, counted) for name, steps in strategies.items() if _may_hit(name)]
    return (*measurements, *_by_route(items, strategies, counted), *_by_tool(items, run, counted))


def _measurement(
    task: str,
    method: str,
    items: Sequence[TrafficItem],
    steps: Sequence[StrategyStep],
    ks: Sequence[int],
    detail: str = "",
) -> Measurement:
    bill = one_bill([steps[k].bill for k in ks])
    timed = all(steps[k].bill.seconds or not steps[k].bill.calls for k in ks)  # the frontier model's calls are not
    return Measurement(
        task=task,
        method=method,
        model="",
        n=len(ks),
        right=sum(steps[k].right(items[k]) for k in ks),
        wrong=sum(steps[k].answer is not None and not steps[k].right(items[k]) for k in ks),
        input_tokens=bill.usage.input_tokens,
        output_tokens=bill.usage.output_tokens,
        cost_usd=bill.cost_usd,
        model_calls=bill.calls,
        seconds=bill.seconds or None if timed else None,
        detail=detail,
    )


def _strong_calls(steps: Sequence[StrategyStep], counted: Sequence[int]) -> str:
    later = _second_half(len(steps), counted)
    return (
        f"strong calls: {sum(steps[k].strong for k in counted)} for all {len(counted)} requests, "
        f"{sum(steps[k].strong for k in later)} for the {len(later)} of the second half"
    )


def _second_half(count: int, counted: Sequence[int]) -> list[int]:
    """Those of the counted requests that lie in the second half of a stream of `count`."""
    return [k for k in counted if k >= count // 2]


def _may_hit(name: str) -> bool:
    return not name.startswith((ONE_MODEL, BY_CHANCE))


def _false_hits(
    method: str, items: Sequence[TrafficItem], steps: Sequence[StrategyStep], ks: Sequence[int]
) -> Measurement:
    """Right counts the requests without a false hit."""
    hits = [k for k in ks if steps[k].hit]
    wrong = sum(not steps[k].right(items[k]) for k in hits)
    return Measurement(
        task="false hits",
        method=method,
        model="",
        n=len(ks),
        right=len(ks) - wrong,
        detail=f"{len(hits)} of {len(ks)} hit",
    )


def _by_route(items: Sequence[TrafficItem], strategies: _Strategies, counted: Sequence[int]) -> list[Measurement]:
    """Measurements by route, of the loops alone: no other strategy has routes."""
    return [
        _measurement(f"{name}, by route", route, items, steps, ks)
        for name, steps in strategies.items()
        for route in Route
        if (ks := [k for k in counted if steps[k].route is route])
    ]


def _by_tool(items: Sequence[TrafficItem], run: LoopRun, counted: Sequence[int]) -> list[Measurement]:
    """How often each tool was used again, and how often it was right."""
    measurements: list[Measurement] = []
    for name, live_at in run.live_at.items():
        ks = [k for k in counted if run.steps[k].tool == name]
        parsed = sum(run.steps[k].route is Route.PARSER for k in ks)
        detail = f"built at request {live_at}; {parsed} times by its parser, {len(ks) - parsed} times by the user"
        measurements.append(_measurement(f"{OURS}, uses of each tool", name, items, run.steps, ks, detail))
    return measurements


# series


def _series(items: Sequence[TrafficItem], strategies: _Strategies) -> tuple[Series, ...]:
    if not items:
        return ()
    drawn = {name: steps for name, steps in strategies.items() if name in _drawn(strategies)}
    strong = strategies.get(STRONG)
    return (
        *(one for name, steps in drawn.items() if (one := _cost(name, items, steps, strong))),
        *_routes(strategies[OURS]),
        *(_strong(name, steps) for name, steps in drawn.items() if name == STRONG or _may_hit(name)),
        *(_accuracy(name, items, steps) for name, steps in drawn.items()),
    )


def _drawn(strategies: _Strategies) -> list[str]:
    """The strategies that are drawn: more lines than these cannot be told apart. The table has the others."""
    loops = [name for name in strategies if name.startswith(OURS) and name != WITHOUT_USER]
    caches = [name for name in strategies if name.endswith(f", {DRAWN_THRESHOLD:g}") or name == VerbatimCache.name]
    cheap = [name for name in strategies if name.startswith(ONE_MODEL) and name not in (STRONG, CHEAP)]
    return [*loops, STRONG, *caches, *cheap[:1]]


def _points(count: int) -> tuple[int, ...]:
    return (*range(EVERY, count, EVERY), count)


def _cost(
    name: str, items: Sequence[TrafficItem], steps: Sequence[StrategyStep], strong: Sequence[StrategyStep] | None
) -> Series | None:
    """Dollars so far; with hammerstone's, where it has paid for itself."""
    paid = _running(items, steps)
    if paid is None:
        return None
    xs = _points(len(steps))
    dear = _running(items, strong) if strong is not None and name == OURS else None
    even = _break_even(paid, dear) if dear is not None else None
    return Series(plot=COST_SO_FAR, name=name, x=tuple(map(float, xs)), y=tuple(paid[x - 1] for x in xs), mark=even)


def _running(items: Sequence[TrafficItem], steps: Sequence[StrategyStep]) -> list[float] | None:
    """The running total of the cost; `None` if a price is unknown.

    Requests whose rule has changed add nothing: all answer them wrongly, and a cheap wrong answer saves nothing.
    """
    sums: list[float] = []
    for item, step in zip(items, steps, strict=True):
        if step.bill.cost_usd is None:
            return None
        sums.append((sums[-1] if sums else 0.0) + (0.0 if item.rule_changed else step.bill.cost_usd))
    return sums


def _break_even(paid: Sequence[float], dear: Sequence[float]) -> float | None:
    """The number of the request from which on the first has cost less than the second, to the end.

    Where that is not reached, the number at which it would be if all went on as over the last half; `None` for never.
    """
    behind = [k for k, (one, other) in enumerate(zip(paid, dear, strict=True), 1) if one >= other]
    after = max(behind, default=0) + 1
    if after <= len(paid):
        return float(after)
    half = len(paid) // 2
    saved = ((dear[-1] - dear[half - 1]) - (paid[-1] - paid[half - 1])) / (len(paid) - half) if half else 0.0
    return float(len(paid) + math.ceil((paid[-1] - dear[-1]) / saved)) if saved > 0 else None


def _routes(steps: Sequence[StrategyStep]) -> list[Series]:
    blocks = _blocks(steps)
    xs = tuple(float(min((at + 1) * BLOCK, len(steps))) for at in range(len(blocks)))
    taken = [route for route in Route if any(step.route is route for step in steps)]
    return [
        Series(
            plot="routes",
            name=route,
            x=xs,
            y=tuple(sum(step.route is route for step in block) / len(block) for block in blocks),
        )
        for route in taken
    ]


def _blocks(steps: Sequence[StrategyStep]) -> list[Sequence[StrategyStep]]:
    return [steps[at : at + BLOCK] for at in range(0, len(steps), BLOCK)]


def _strong(name: str, steps: Sequence[StrategyStep]) -> Series:
    """Calls of the strong model per request, in blocks."""
    blocks = _blocks(steps)
    xs = tuple(float(min((at + 1) * BLOCK, len(steps))) for at in range(len(blocks)))
    return Series(
        plot="strong calls",
        name=name,
        x=xs,
        y=tuple(sum(step.strong for step in block) / len(block) for block in blocks),
    )


def _accuracy(name: str, items: Sequence[TrafficItem], steps: Sequence[StrategyStep]) -> Series:
    """The running accuracy, over requests whose right answer can be read from the question."""
    right = [(step.right(item), not item.rule_changed) for item, step in zip(items, steps, strict=True)]
    xs = [x for x in _points(len(items)) if any(counts for _, counts in right[:x])]
    shares = [sum(one and counts for one, counts in right[:x]) / sum(counts for _, counts in right[:x]) for x in xs]
    return Series(plot="accuracy", name=name, x=tuple(map(float, xs)), y=tuple(shares))


# notes


def _notes(items: Sequence[TrafficItem], strategies: _Strategies, run: LoopRun) -> tuple[str, ...]:
    changed = sum(item.rule_changed for item in items)
    return (
        "Kinds: " + ", ".join(f"{sum(item.kind == kind for item in items)} {kind}" for kind in STREAM_SHARES) + ".",
        f"{RULE_CHANGED}: {changed} requests whose caller now expects another answer to the same words. Nothing in the "
        "question shows this, so whatever reads only questions must fail; they are counted separately.",
        "Tools are not built for near-misses and one-offs. They are few in this stream; with more of them, fewer "
        "strong calls would be saved.",
        "A build is billed to the request that made it due, whatever the kind and route of that request.",
        *_saved(items, strategies),
        "Cache lookups count as free.",
        *([f"{run.failed_builds} builds ended without a live tool."] if run.failed_builds else []),
        *_mixed(strategies),
    )


def _mixed(strategies: _Strategies) -> list[str]:
    if mix_of("cheap") not in strategies:
        return ["There is no mix at hammerstone's cost: prices are unknown."]
    ours, strong = (one_bill([step.bill for step in strategies[name]]).cost_usd or 0.0 for name in (OURS, STRONG))
    return [
        "hammerstone's cost would have paid for the strong model throughout, so the mix is the strong model alone."
    ] * (ours >= strong)


def _saved(items: Sequence[TrafficItem], strategies: _Strategies) -> list[str]:
    """Sentences on the strong calls saved over the second half, and whether the builds have paid for themselves."""
    ours, strong = strategies[OURS], strategies.get(STRONG)
    if strong is None:
        return []
    later = _second_half(len(items), [k for k, item in enumerate(items) if not item.rule_changed])
    few, many = (sum(steps[k].strong for k in later) for steps in (ours, strong))
    saved = (
        [
            f"In the second half {OURS} calls the strong model {few} times, builds included, for {len(later)} "
            f"requests: {percent(1 - few / many)} fewer than the {many} of {STRONG}."
        ]
        if many
        else []
    )
    cost = _cost(OURS, items, ours, strong)
    if cost is not None and (cost.mark is None or cost.mark > len(ours)):
        when = "" if cost.mark is None else f"; extrapolated from the second half, it would at request {cost.mark:,.0f}"
        saved.append(f"Building has not paid for itself by the end of this stream{when}.")
    return saved
