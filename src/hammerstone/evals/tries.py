"""Independent makings from the same instances (LATM, table 3), each in a store of its own."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass

from anyio import to_thread

from hammerstone.evals.bench import Bench, Samples
from hammerstone.latm.accounts import Bill
from hammerstone.latm.maker import Maker
from hammerstone.latm.records import Attempt, Making
from hammerstone.latm.store import open_store
from hammerstone.latm.tool import Tool
from hammerstone.types import Role, Usage

__all__ = ["Try", "make_try", "tool_for"]


@dataclass(frozen=True, kw_only=True)
class Try:
    """One making: what came of it, and its attempts."""

    making: Making
    attempts: tuple[Attempt, ...]

    @property
    def tool(self) -> Tool | None:
        return self.making.tool if self.making.state == "live" else None

    @property
    def reason(self) -> str:
        """Where and why it failed; empty for a live tool."""
        if self.tool is not None:
            return ""
        stage = self.attempts[-1].stage if self.attempts else "reply"
        return f"{stage}: {' '.join(self.making.reason.split())[:160]}"

    @property
    def bill(self) -> Bill:
        """What the maker's replies have cost."""
        total = Bill()
        for attempt in self.attempts:
            total.add(Bill(calls=1, cost_usd=attempt.cost_usd, usage=attempt.usage))
        return total


async def make_try(bench: Bench, samples: Samples, number: int) -> Try:
    """The making `number` (from 0) from the shown instances. Its completions are kept in the bench's store."""
    with tempfile.TemporaryDirectory() as folder, open_store(folder) as store:
        task = store.add_task(samples.task, samples.description)
        for index, instance in enumerate(samples.shown):
            store.add_instance(task.name, instance, request_id=str(index + 1))
        maker = Maker(
            store=store,
            sandbox=bench.sandbox,
            model=bench.model(Role.MAKER),
            user=bench.model(Role.USER),
            solver=None,  # the labels are known to be right
            settings=bench.settings,
            sample=number,
        )
        making = await maker.make(task)
        if making is None:
            raise AssertionError("nobody else knows this store")
        attempts = await to_thread.run_sync(store.attempts, making.id)
    return Try(making=making, attempts=attempts)


async def tool_for(bench: Bench, samples: Samples, tries: int = 3) -> tuple[Tool | None, Bill]:
    """The tool of the first try that ends in one, and what the tries up to it have cost."""
    total = Bill(usage=Usage(input_tokens=0, output_tokens=0))
    for number in range(tries):
        made = await make_try(bench, samples, number)
        total.add(made.bill)
        if made.tool is not None:
            return made.tool, total
    return None, total
