"""What is learned from the traffic, beside it: the ledger, instances from the upstream's answers, builds, shadows."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import anyio

from hammerstone.errors import StoreError
from hammerstone.faults import LogReporter, Reporter, place_of
from hammerstone.journal import Served
from hammerstone.loop import Hammerstone
from hammerstone.models.price import estimate_tokens, price
from hammerstone.routes import Answer, Asked, Routed
from hammerstone.server.protocols.contract import TextApi
from hammerstone.server.tenants import Tenants
from hammerstone.server.upstream_reply import UpstreamReply
from hammerstone.store.accounts import Bill
from hammerstone.types import Route, Usage

__all__ = ["Learner"]

_log = logging.getLogger(__name__)

WAITING, WAITING_BYTES = 10_000, 256_000_000
"""What may wait. Beyond, what comes in is served all the same, and nothing is learned from it."""
AT_ONCE = 500  # answers stored in one transaction


@dataclass(frozen=True, kw_only=True)
class _Job:
    """`run` says whether it wrote to the store; `size` is what it holds, in bytes."""

    run: Callable[[], Awaitable[bool]]
    size: int = 0


@dataclass(frozen=True, kw_only=True)
class _Served:
    """An answer of a tool that has gone out."""

    loop: Hammerstone
    served: Served
    size: int


Waiting: TypeAlias = "_Job | _Served"


class Learner:
    """Works off what the gateway hands over, each tenant's in order. Answers of tools that wait together are stored
    together.

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
        self._news = anyio.Event()
        self._rest = anyio.Event()
        self._closed = False
        self.dropped = 0

    async def run(self) -> None:
        """Until `close` is called, and all that waits then is done, or cannot be."""
        while self._waiting or not self._closed:
            if not self._waiting:
                self._rest.set()
                await self._wait_for_news()
                continue
            now = anyio.current_time()
            ready = [tenant for tenant in self._waiting if self._closed or self._again.get(tenant, now) <= now]
            for tenant in ready:
                await self._work(tenant)
            if not ready:
                with anyio.move_on_after(min(self._again.values()) - now):
                    await self._wait_for_news()
        self._rest.set()

    async def _wait_for_news(self) -> None:
        self._news = anyio.Event()
        await self._news.wait()

    async def _work(self, tenant: str) -> None:
        """Do what waits first, well or badly. Where the store is out of reach, it waits on."""
        waiting = self._waiting[tenant]
        if not waiting:  # what was there has been dropped
            del self._waiting[tenant]
            return
        taken = self._take(waiting)
        self._again.pop(tenant, None)
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
        """What waits first, with the answers of the same loop that follow it."""
        taken = [waiting.popleft()]
        while isinstance(first := taken[0], _Served) and waiting and len(taken) < AT_ONCE:
            following = waiting[0]
            if not isinstance(following, _Served) or following.loop is not first.loop:
                break
            taken.append(waiting.popleft())
        return taken

    @staticmethod
    async def _do(taken: list[Waiting]) -> bool:
        """Whether the store had to do with it."""
        first = taken[0]
        if not isinstance(first, _Served):
            return await first.run()
        await first.loop.keep_served([one.served for one in taken if isinstance(one, _Served)])
        return True

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
            await self._rest.wait()

    async def flushed(self, tenant: str, within_s: float) -> bool:
        """Wait until all that was handed over of a tenant before is done; false if that takes longer than `within_s`
        seconds.
        """
        done = anyio.Event()

        async def mark() -> bool:
            done.set()
            return False

        self._add(tenant, _Job(run=mark))
        with anyio.move_on_after(within_s):
            await done.wait()
        return done.is_set()

    def close(self) -> None:
        self._closed = True
        self._news.set()

    @property
    def waiting(self) -> int:
        """How much is still to be done."""
        return self._count

    @property
    def answers_waiting(self) -> int:
        """How many answers of tools are still to be stored."""
        return sum(isinstance(one, _Served) for some in self._waiting.values() for one in some)

    def _add(self, tenant: str, one: Waiting) -> None:
        """At the end of what waits. Where too much does, the last of whoever has most waiting is dropped."""
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

    def _forget(self, some: Sequence[Waiting]) -> None:
        self._count -= len(some)
        self._bytes -= sum(one.size for one in some)

    def served(self, loop: Hammerstone, asked: Asked, routed: Routed, ms: float) -> None:
        """A tool's answer has gone out."""
        self._add(asked.request.tenant, _Served(loop=loop, served=(asked, routed, ms), size=_size(asked)))

    def learn(
        self,
        tenants: Tenants,
        asked: Asked,
        api: TextApi,
        reply: UpstreamReply,
        ms: float,
        answered: Callable[[str], None],
    ) -> None:
        """The upstream's answer has gone out. `answered` gets its text, if it is whole."""

        async def job() -> bool:
            text, usage = reply.answer(api)
            if text is None:
                return False
            answered(text)
            cost_usd = price(asked.request.chat.model or "", usage)
            asked.bill = Bill(request_id=asked.request.id, calls=1, cost_usd=cost_usd, usage=usage)
            loop = await tenants.of(asked.request.tenant)
            routed = Routed(answer=Answer(text=text, route=Route.SOLVER), refusals=(), route=Route.SOLVER)
            await loop.keep(asked, routed, ms)
            return True

        self._add(asked.request.tenant, _Job(run=job, size=_size(asked) + len(reply.body)))

    def shared(
        self, tenants: Tenants, asked: Asked, api: TextApi, reply: UpstreamReply, ms: float, origin: str
    ) -> None:
        """A request got the bytes that the upstream sent to another one at the same moment: that of the id `origin`."""

        async def job() -> bool:
            text, _ = reply.answer(api)
            if text is None:
                return False
            loop = await tenants.of(asked.request.tenant)
            answer = Answer(text=text, route=Route.EXACT, origin=origin)
            await loop.keep_served([(asked, Routed(answer=answer, refusals=()), ms)])
            return True

        self._add(asked.request.tenant, _Job(run=job, size=_size(asked)))

    def saved(self, asked: Asked | None, text: str) -> str:
        """About what the upstream's answer would have cost in US dollars, its tokens estimated; or `unknown`."""
        if asked is None or asked.request.chat.model is None:
            return "unknown"
        read = sum(estimate_tokens(one.content) for one in asked.request.chat.messages)
        dollars = price(asked.request.chat.model, Usage(input_tokens=read, output_tokens=estimate_tokens(text)))
        return "unknown" if dollars is None else f"{dollars:.6f}"


def _size(asked: Asked) -> int:
    return sum(len(one.content) for one in asked.request.chat.messages)
