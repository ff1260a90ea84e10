"""What the store knows of the tools, read beside the traffic and kept for the next scrape."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import anyio
from anyio import to_thread
from prometheus_client.core import GaugeMetricFamily, Metric

from hammerstone.concurrency import task_group
from hammerstone.errors import StoreError
from hammerstone.faults import Reporter, place_of
from hammerstone.life import false_hit_rate, together
from hammerstone.loop import Hammerstone
from hammerstone.store import ToolState, ToolTally

__all__ = ["Loops", "ToolGauges"]

LOOK_SECONDS = 5.0  # between two looks

_log = logging.getLogger(__name__)


class Loops(Protocol):
    """The loops of the tenants that have asked here."""

    @property
    def loops(self) -> tuple[Hammerstone, ...]: ...


class ToolGauges:
    """Looks into each tenant's store every few seconds, which also shows whether the store can be reached."""

    def __init__(self, tenants: Loops, reporter: Reporter) -> None:
        self._tenants = tenants
        self._reporter = reporter
        self._confidence = 0.95
        self._tallies: dict[str, tuple[ToolTally, ...]] = {}
        self._bounds: dict[tuple[str, str], float] = {}
        self._whole: float | None = None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Look again and again beside the block."""
        async with task_group() as group:
            group.start_soon(self._run)
            yield
            group.cancel_scope.cancel()

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception as error:  # of ours: the gateway goes on
                _log.error("the tools were not looked at: %s", place_of(error))
            await anyio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Read the stores now. What cannot be read stays as it was."""
        for loop in self._tenants.loops:
            self._confidence = loop.settings.life.confidence  # the same of all
            try:
                found = await to_thread.run_sync(loop.store.tallies, abandon_on_cancel=True)
            except StoreError as error:
                self._reporter.failed(error, loop.tenant)
                continue
            self._reporter.works(loop.tenant)
            _log_changes(loop.tenant, self._tallies.get(loop.tenant), found)
            self._tallies[loop.tenant] = found
        await to_thread.run_sync(self._count)

    def _count(self) -> None:
        """The bounds: not in the event loop, as a new one takes a millisecond."""
        every = [(tenant, one) for tenant, some in self._tallies.items() for one in some]
        self._bounds = {
            (tenant, one.tool): false_hit_rate(one.tally, self._confidence).upper
            for tenant, one in every
            if one.state is ToolState.LIVE
        }
        tally = together(one.tally for _, one in every)
        self._whole = false_hit_rate(tally, self._confidence).upper if self._tallies else None

    def metrics(self, *, by_tenant: bool) -> Iterator[Metric]:
        """The gauges as of the last look."""
        running = GaugeMetricFamily("hammerstone_builds_running", "Builds under way in this process.")
        running.add_metric([], sum(loop.builder.running for loop in self._tenants.loops))
        yield running
        labels = ["tool", "tenant"] if by_tenant else ["tool"]
        bounds = GaugeMetricFamily(
            "hammerstone_false_hit_bound", "Upper bound of a live tool's false-hit rate.", labels=labels
        )
        for values, some in _grouped(self._bounds, by_tenant=by_tenant).items():
            bounds.add_metric(values, max(some))
        yield bounds
        if self._whole is not None:
            yield GaugeMetricFamily(
                "hammerstone_all_false_hit_bound", "The same of all versions of all tools together.", self._whole
            )


def _log_changes(tenant: str, before: Sequence[ToolTally] | None, now: Sequence[ToolTally]) -> None:
    """A line for each version whose state has changed since the last look, whoever changed it."""
    if before is None:
        return
    states = {(one.tool, one.version): one.state for one in before}
    whose = f" of tenant {tenant!r}" if tenant else ""
    for one in now:
        if states.get((one.tool, one.version)) is not one.state:
            _log.info("tool %s@%d%s: %s", one.tool, one.version, whose, one.state)


def _grouped(bounds: dict[tuple[str, str], float], *, by_tenant: bool) -> dict[tuple[str, ...], Sequence[float]]:
    """The bounds by their labels' values. Tools of several tenants with one name are grouped under it."""
    groups: defaultdict[tuple[str, ...], list[float]] = defaultdict(list)
    for (tenant, tool), bound in bounds.items():
        groups[(tool, tenant) if by_tenant else (tool,)].append(bound)
    return dict(groups)
