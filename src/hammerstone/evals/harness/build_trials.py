"""Independent builds from the same instances (LATM, table 3), each in a store of its own."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace

from anyio import to_thread

from hammerstone.builder import Maker
from hammerstone.evals.harness.bench_run import BenchRun, one_bill
from hammerstone.evals.harness.samples import Samples
from hammerstone.store import AccountedModel, Attempt, Bill, Build, BuildState, Store, Task, open_store
from hammerstone.tools import Recipe, Tool
from hammerstone.types import Role

__all__ = ["BuildTrial", "run_build_trial", "tool_for"]

_TRIALS = 3  # builds of one task before it counts as having no tool


@dataclass(frozen=True, kw_only=True)
class BuildTrial:
    """One build and its attempts."""

    build: Build
    attempts: tuple[Attempt, ...]

    @property
    def tool(self) -> Tool | None:
        return self.build.tool if self.build.state is BuildState.LIVE else None

    @property
    def stage(self) -> str:
        """Where it failed; empty for a live tool."""
        if self.tool is not None:
            return ""
        if self.build.state is BuildState.NEEDS_REVIEW:
            return "needs review"
        return self.attempts[-1].stage if self.attempts else "reply"

    @property
    def reason(self) -> str:
        """Where and why it failed; empty for a live tool."""
        return f"{self.stage}: {' '.join(self.build.reason.split())[:160]}" if self.stage else ""

    @property
    def bill(self) -> Bill:
        """The cost of the maker's replies. The gate's findings are stored as attempts too, but are no replies."""
        replies = [one for one in self.attempts if one.stage != "gate"]
        return one_bill([Bill(calls=1, cost_usd=one.cost_usd, usage=one.usage) for one in replies])


async def run_build_trial(
    bench: BenchRun,
    samples: Samples,
    number: int,
    *,
    maker: AccountedModel | None = None,
    user: AccountedModel | None = None,
    recipe: Recipe | None = None,
) -> BuildTrial:
    """The build `number` (from 0) from the shown instances, by the bench's maker, user and recipe or by others.

    Its completions are kept in the bench's store.
    """
    build_settings = replace(bench.settings.build, recipe=recipe or bench.settings.build.recipe)
    with tempfile.TemporaryDirectory() as folder, open_store(folder) as store:
        task = await to_thread.run_sync(_fill, store, samples)
        builder = Maker(
            store=store,
            sandbox=bench.sandbox,
            model=maker or bench.model(Role.MAKER),
            user=user or bench.model(Role.USER),
            solver=None,  # the labels are known to be right
            settings=replace(bench.settings, build=build_settings),
            sample=number,
        )
        build = await builder.make(task)
        if build is None:
            raise AssertionError("nobody else knows this store")
        attempts = await to_thread.run_sync(store.attempts, build.id)
    return BuildTrial(build=build, attempts=attempts)


def _fill(store: Store, samples: Samples) -> Task:
    """The task, with the shown instances."""
    task = store.add_task(samples.task, samples.description)
    for index, instance in enumerate(samples.shown):
        store.add_instance(task.name, instance, request_id=str(index + 1))
    return task


async def tool_for(
    bench: BenchRun, samples: Samples, *, user: AccountedModel | None = None
) -> tuple[Tool | None, Bill]:
    """The tool of the first trial that ends in one, and what the trials up to it have cost.

    `user` takes the place of the bench's own at the gate.
    """
    total = Bill()
    for number in range(_TRIALS):
        made = await run_build_trial(bench, samples, number, user=user)
        total.add(made.bill)
        if made.tool is not None:
            return made.tool, total
    return None, total
