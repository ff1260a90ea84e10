"""Strategies for a whole stream: the closed loop, one model for everything, a cache before it, a mix of two models.

Each gives a step for every request, in order, with what it has cost, so that they can be compared along the stream.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hammerstone.evals.baselines.caches import Cache
from hammerstone.evals.harness.bench_run import BenchRun, CostReachedError, for_each
from hammerstone.evals.harness.metered import Meter, metered_models
from hammerstone.evals.traffic.mixed_traffic import TrafficItem
from hammerstone.loop import Hammerstone
from hammerstone.requests import agree
from hammerstone.routes import solve
from hammerstone.store import AccountedModel, Bill, Build, BuildState, open_store
from hammerstone.types import Role, Route

__all__ = ["LoopRun", "StrategyStep", "through_cache", "through_loop", "through_mix", "through_model"]


@dataclass(frozen=True, kw_only=True)
class StrategyStep:
    """One strategy's step at one request. `hit` says that the answer came from a tool or a cache.

    `bill` is all that was paid for it, a build that it started included; `strong` counts the strong model's calls.
    `route` and `tool` are the loop's alone.
    """

    answer: str | None
    hit: bool
    bill: Bill
    strong: int = 0
    route: Route | None = None
    tool: str | None = None

    def right(self, item: TrafficItem) -> bool:
        return self.answer is not None and agree(self.answer, item.request.answer or "")


@dataclass(kw_only=True)
class LoopRun:
    """The loop on a stream: its steps so far, and the number of the request (from 1) that completed each live tool.

    `partial` says why it was cut off, if it was.
    """

    steps: list[StrategyStep] = field(default_factory=list[StrategyStep])
    live_at: dict[str, int] = field(default_factory=dict[str, int])
    failed_builds: int = 0
    partial: str = ""


async def through_loop(
    bench: BenchRun, items: Sequence[TrafficItem], models: Mapping[Role, AccountedModel], name: str
) -> LoopRun:
    """The closed loop with an empty store, one request at a time; builds hold the stream, so that it repeats exactly.

    `models` play their roles; without a user no model writes arguments, and what no parser takes goes to the solver.
    `name` is the strategy's, for the progress. A bound on the cost that is reached leaves the steps so far.
    """
    run = LoopRun()
    meter = Meter()

    def note(task: str, build: Build | None) -> None:
        if build is not None and build.state is BuildState.LIVE:
            run.live_at.setdefault(task, len(run.steps) + 1)
        run.failed_builds += build is not None and build.state is not BuildState.LIVE

    with tempfile.TemporaryDirectory() as folder, open_store(folder) as store:
        async with Hammerstone(
            store=store,
            sandbox=bench.sandbox,
            models=metered_models(models, meter),
            settings=replace(bench.settings, loop=replace(bench.settings.loop, background=False)),
            on_build=note,
        ) as hammerstone:
            for number, item in enumerate(items, 1):
                meter.reset()
                try:
                    answered = await hammerstone.solve(item.request)
                except CostReachedError as error:
                    run.partial = error.message
                    break
                step = StrategyStep(
                    answer=answered.answer,
                    hit=answered.route in (Route.PARSER, Route.USER),
                    bill=meter.bill,
                    strong=meter.strong,
                    route=answered.route,
                    tool=answered.tool,
                )
                run.steps.append(step)
                bench.on_progress(f"stream: {name}", number, len(items))
    return run


async def through_model(
    bench: BenchRun, items: Sequence[TrafficItem], model: AccountedModel, *, strong: bool
) -> list[StrategyStep]:
    """Everything to one model, asked as the loop's solver is. Raises `CostReachedError`."""
    done = 0

    async def one(item: TrafficItem) -> StrategyStep:
        nonlocal done
        bill = Bill()
        answer = await solve(model, item.request.chat, bill)
        done += 1
        bench.on_progress(f"stream: everything to {model.name}", done, len(items))
        return StrategyStep(answer=answer, hit=False, bill=bill, strong=bill.calls if strong else 0)

    return await for_each(one, items)


async def through_cache(
    cache: Cache, items: Sequence[TrafficItem], strong: Sequence[StrategyStep]
) -> list[StrategyStep]:
    """A cache, and on a miss the strong model's answer, which is stored. A lookup costs nothing here."""
    steps: list[StrategyStep] = []
    for item, asked in zip(items, strong, strict=True):
        question = item.request.question
        found = await cache.look(question)
        if found is None and asked.answer is not None:
            await cache.store(question, asked.answer)
        steps.append(asked if found is None else StrategyStep(answer=found, hit=True, bill=Bill()))
    return steps


def through_mix(
    strong: Sequence[StrategyStep], cheap: Sequence[StrategyStep], dollars: float, seed: int
) -> list[StrategyStep]:
    """Each request to the strong or the cheap model by chance, the strong as often as `dollars` for all allow."""
    dear, low = (sum(step.bill.cost_usd or 0.0 for step in steps) for steps in (strong, cheap))
    share = min(1.0, max(0.0, (dollars - low) / (dear - low))) if dear > low else 0.0
    rng = random.Random(f"mix {seed}")  # noqa: S311 - a sample, not a secret
    return [one if rng.random() < share else other for one, other in zip(strong, cheap, strict=True)]
