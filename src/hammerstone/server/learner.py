"""What is learned from the traffic, beside it: the ledger, instances from the upstream's answers, builds, shadows."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import anyio
import anyio.lowlevel
from anyio import to_thread

from hammerstone.concurrency import task_group
from hammerstone.errors import StoreError
from hammerstone.faults import LogReporter, Reporter, place_of
from hammerstone.journal import Served
from hammerstone.loop import Hammerstone
from hammerstone.routes import Asked, Routed
from hammerstone.server.lessons import Lesson, of_a_tool

__all__ = ["Learner"]

_log = logging.getLogger(__name__)

WAITING, WAITING_BYTES = 10_000, 256_000_000
"""What may wait. Beyond, what comes in is served all the same, and nothing is learned from it."""
AT_ONCE = 100  # requests stored in one transaction
TENANTS_AT_ONCE = 8  # of which each may hold a thread, and a store that hangs holds it long
LARGE = 100_000  # bytes, from which on a lesson is read outside the event loop
GATHER_SECONDS = 0.1  # that the first of them waits for others


@dataclass(frozen=True, kw_only=True, eq=False)
class _Mark:
    """Somebody waits until all before it is done."""

    done: anyio.Event
    size: int = 0


Waiting: TypeAlias = "Lesson | _Mark"


class Learner:
    """Works off what the gateway hands over: the tenants side by side, each one's in order. What waits together is
    stored together, by a thread beside the event loop in one transaction.

    While a tenant's store is out of reach, what is to go there waits, and is tried again every `retry_s` seconds; the
    other tenants' goes on.
    """

    def __init__(self, *, retry_s: float = 1.0, reporter: Reporter | None = None) -> None:
        """`reporter` hears whether the store takes what is to be stored."""
        self._retry_s = retry_s
        self._reporter = reporter or LogReporter()
        self._waiting: dict[str, deque[Waiting]] = {}
        self._again: dict[str, float] = {}  # when tenants whose store failed are tried again
        self._count = 0
        self._bytes = 0
        self._working: dict[str, anyio.Event] = {}  # whose is done now; the event ends the wait for more of it
        self._places = anyio.Semaphore(TENANTS_AT_ONCE)
        self._news = anyio.Event()
        self._rest = anyio.Event()
        self._closed = False
        self.dropped = 0
        self.unread = 0

    async def run(self) -> None:
        """Work until `close` is called and all that waits then is done, or cannot be."""
        async with task_group() as group:
            while self._waiting or not self._closed:
                now = anyio.current_time()
                idle = [tenant for tenant in self._waiting if tenant not in self._working]
                for tenant in idle:
                    if self._closed or self._again.get(tenant, now) <= now:
                        self._working[tenant] = anyio.Event()
                        group.start_soon(self._work_off, tenant)
                if not self._waiting:
                    self._rest.set()
                later = (when for tenant, when in self._again.items() if tenant not in self._working)
                with anyio.move_on_after(min(later, default=math.inf) - now):
                    await self._wait_for_news()
        self._rest.set()

    async def _work_off(self, tenant: str) -> None:
        """Do all that waits of a tenant, until its store fails."""
        try:
            if not any(isinstance(one, _Mark) for one in self._waiting[tenant]):
                await self._gather(self._working[tenant])
            self._again.pop(tenant, None)
            while tenant in self._waiting and tenant not in self._again:
                async with self._places:
                    await self._work(tenant)
        finally:
            del self._working[tenant]
            self._news.set()

    async def _wait_for_news(self) -> None:
        self._news = anyio.Event()
        await self._news.wait()

    async def _gather(self, hurry: anyio.Event) -> None:
        """A moment in which more may come to be stored with what is there, unless somebody waits for it."""
        if not self._closed and self._count < AT_ONCE:
            with anyio.move_on_after(GATHER_SECONDS):
                await hurry.wait()

    def _hurry(self) -> None:
        """Gather no longer."""
        for one in self._working.values():
            one.set()

    async def _work(self, tenant: str) -> None:
        """Do what waits first. Where the store is out of reach, it waits on."""
        waiting = self._waiting[tenant]
        if not waiting:  # what was there has been dropped
            del self._waiting[tenant]
            return
        taken = self._take(waiting)
        try:
            if await self._do(taken):
                self._reporter.works(tenant)
        except StoreError as error:
            self._reporter.failed(error, tenant)
            waiting.extendleft(reversed(taken))
            if not self._closed:
                self._again[tenant] = anyio.current_time() + self._retry_s
                return
            taken = self._give_up(waiting)
        except Exception as error:
            _log.error("not learned from: %s", place_of(error))
        self._forget(taken)
        if not waiting:
            del self._waiting[tenant]

    @staticmethod
    def _take(waiting: deque[Waiting]) -> list[Waiting]:
        return [waiting.popleft() for _ in range(min(len(waiting), AT_ONCE))]

    async def _do(self, taken: list[Waiting]) -> bool:
        """Whether the store had to do with it."""
        batches: list[tuple[Hammerstone, list[tuple[Lesson, Served]]]] = []
        for one in taken:
            served = await self._read_of(one) if isinstance(one, Lesson) else None
            await anyio.lowlevel.checkpoint()  # so that no request waits for all of them
            if isinstance(one, _Mark) or served is None:
                continue
            loop = await one.loop()
            if not batches or batches[-1][0] is not loop:
                batches.append((loop, []))
            batches[-1][1].append((one, served))
        for loop, batch in batches:
            await self._keep(loop, batch)
        for one in taken:
            if isinstance(one, _Mark):
                one.done.set()
        return bool(batches)

    async def _read_of(self, one: Lesson) -> Served | None:
        """What is to be kept. Each lesson that gives nothing is counted, once."""
        served: Served | None = None
        try:
            served = one.read() if one.size < LARGE else await to_thread.run_sync(one.read)
        except Exception as error:
            _log.error("not learned from: %s", place_of(error))
        if served is None and not one.is_unread:
            one.is_unread = True
            self.unread += 1
        return served

    @staticmethod
    async def _keep(loop: Hammerstone, batch: Sequence[tuple[Lesson, Served]]) -> None:
        again = any(one.is_tried for one, _ in batch)
        for one, _ in batch:
            one.is_tried = True
        try:
            await loop.keep_all([served for _, served in batch], again=again)
        except StoreError:
            raise
        except Exception as error:
            _log.error("not learned from: %s", place_of(error))
            return
        for one, served in batch:
            if one.kept is not None:
                one.kept(loop, served)

    def _give_up(self, waiting: deque[Waiting]) -> list[Waiting]:
        """All ends, and a store is not there: what was to go there is lost."""
        lost = list(waiting)
        waiting.clear()
        self.dropped += len(lost)
        _log.error("lost, since the store is out of reach as the gateway ends: %d answers and lessons", len(lost))
        return lost

    async def caught_up(self) -> None:
        """Wait until all that was handed over is done."""
        while self._waiting:
            self._rest = anyio.Event()
            self._hurry()
            await self._rest.wait()

    async def flushed(self, tenant: str, within_s: float) -> bool:
        """Wait until all that was handed over of a tenant before is done; false if that takes longer than `within_s`
        seconds.
        """
        done = anyio.Event()
        self._add(tenant, _Mark(done=done))
        self._hurry()
        with anyio.move_on_after(within_s):
            await done.wait()
        return done.is_set()

    def close(self) -> None:
        self._closed = True
        self._news.set()
        self._hurry()

    @property
    def waiting(self) -> int:
        """How much is still to be done."""
        return self._count

    @property
    def answers_waiting(self) -> int:
        """How many answers of tools are still to be stored."""
        return sum(isinstance(one, Lesson) and one.is_of_a_tool for some in self._waiting.values() for one in some)

    def _add(self, tenant: str, one: Waiting) -> None:
        """Put it at the end of the queue. If too much waits, the last item of the longest queue is dropped."""
        self._waiting.setdefault(tenant, deque()).append(one)
        self._count += 1
        self._bytes += one.size
        while self._count > WAITING or self._bytes > WAITING_BYTES:
            longest = max(self._waiting.values(), key=len)
            if not longest:
                break
            self._forget([longest.pop()])
            self.dropped += 1
        self._news.set()
        if self._count >= AT_ONCE:
            self._hurry()

    def _forget(self, some: Sequence[Waiting]) -> None:
        self._count -= len(some)
        self._bytes -= sum(one.size for one in some)

    def served(self, loop: Hammerstone, asked: Asked, routed: Routed, ms: float, size: int) -> None:
        """A tool's answer has gone out, to a request of so many bytes."""
        self.take(asked.request.tenant, of_a_tool(loop, asked, routed, ms, size))

    def take(self, tenant: str, lesson: Lesson) -> None:
        """A request is over, and this is to be kept of it."""
        self._add(tenant, lesson)
