"""What is learned from the traffic, beside it: the ledger, instances from the upstream's answers, builds, shadows."""

from __future__ import annotations

import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import anyio
import httpx2

from hammerstone.errors import StoreError
from hammerstone.faults import reason_of
from hammerstone.journal import Served
from hammerstone.loop import Hammerstone
from hammerstone.models.price import estimate_tokens, price
from hammerstone.routes import Answer, Asked, Routed
from hammerstone.server.protocols.contract import TextApi
from hammerstone.server.sse import read_events
from hammerstone.store.accounts import Bill
from hammerstone.types import Route, Usage

if TYPE_CHECKING:
    from hammerstone.server.gateway import Tenants

__all__ = ["Learner", "UpstreamReply"]

_log = logging.getLogger(__name__)

WAITING = 10_000
"""Jobs that may wait. Beyond, what comes in is served all the same, and nothing is learned from it."""
AT_ONCE = 500  # answers stored in one transaction
MAX_REPLY = 4_000_000  # bytes of a reply that is learned from


@dataclass(frozen=True, kw_only=True)
class UpstreamReply:
    """A whole reply as it came over the wire."""

    content_type: str
    encoding: str
    body: bytes

    @classmethod
    def of(cls, response: httpx2.Response, body: bytes) -> UpstreamReply:
        head = response.headers
        return cls(content_type=head.get("content-type", ""), encoding=head.get("content-encoding", ""), body=body)

    def text(self) -> str | None:
        """Decoded; `None` if it cannot be."""
        headers = {"content-encoding": self.encoding} if self.encoding else {}
        try:
            return httpx2.Response(200, headers=headers, content=self.body).content.decode()
        except (httpx2.DecodingError, UnicodeDecodeError):
            return None


Job = Callable[[], Awaitable[object]]


@dataclass(frozen=True, kw_only=True)
class _Served:
    """An answer of a tool that has gone out."""

    loop: Hammerstone
    served: Served


class Learner:
    """Works off what the gateway hands over, in order. Answers of tools that wait together are stored together.

    While the store is out of reach what is handed over waits, and is tried again every `retry_s` seconds.
    """

    def __init__(self, *, retry_s: float = 1.0, on_fault: Callable[[Exception], None] | None = None) -> None:
        """`on_fault` hears of each failure of the store."""
        self._retry_s = retry_s
        self._on_fault = on_fault or _tell
        self._waiting: deque[Job | _Served] = deque()
        self._news = anyio.Event()
        self._rest = anyio.Event()
        self._closed = False
        self.dropped = 0

    async def run(self) -> None:
        """Until `close` is called, and all that waits then is done."""
        while self._waiting or not self._closed:
            if not self._waiting:
                self._rest.set()
                self._news = anyio.Event()
                await self._news.wait()
            elif not await self._work():
                await anyio.sleep(self._retry_s)
        self._rest.set()

    async def _work(self) -> bool:
        """Do what waits first; whether it is done, well or badly. When all ends, it is not tried again."""
        first = self._waiting[0]
        together = self._together(first.loop) if isinstance(first, _Served) else []
        try:
            if isinstance(first, _Served):
                await first.loop.keep_served(together)
            else:
                await first()
        except StoreError as error:
            self._on_fault(error)
            if not self._closed:
                return False
        except Exception as error:
            _log.error("not learned from: %s", reason_of(error))
        for _ in range(max(1, len(together))):
            self._waiting.popleft()
        return True

    def _together(self, loop: Hammerstone) -> list[Served]:
        """What waits first of one loop."""
        found: list[Served] = []
        for one in islice(self._waiting, AT_ONCE):
            if not isinstance(one, _Served) or one.loop is not loop:
                break
            found.append(one.served)
        return found

    async def caught_up(self) -> None:
        """Wait until all that was handed over is done."""
        while self._waiting:
            self._rest = anyio.Event()
            await self._rest.wait()

    async def flushed(self, within_s: float) -> bool:
        """Wait until all that was handed over before is done; false if that takes longer than `within_s` seconds."""
        done = anyio.Event()

        async def mark() -> None:
            done.set()

        self._add(mark)
        with anyio.move_on_after(within_s):
            await done.wait()
        return done.is_set()

    def close(self) -> None:
        self._closed = True
        self._news.set()

    @property
    def waiting(self) -> int:
        """How much is still to be done."""
        return len(self._waiting)

    @property
    def answers_waiting(self) -> int:
        """How many answers of tools are still to be stored."""
        return sum(isinstance(one, _Served) for one in self._waiting)

    def _add(self, one: Job | _Served) -> None:
        if len(self._waiting) >= WAITING:
            self.dropped += 1
            return
        self._waiting.append(one)
        self._news.set()

    def served(self, loop: Hammerstone, asked: Asked, routed: Routed, ms: float) -> None:
        """A tool's answer has gone out."""
        self._add(_Served(loop=loop, served=(asked, routed, ms)))

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

        async def job() -> None:
            text, usage = _answer_in(api, reply)
            if text is None:
                return
            answered(text)
            cost_usd = price(asked.request.chat.model or "", usage)
            asked.bill = Bill(request_id=asked.request.id, calls=1, cost_usd=cost_usd, usage=usage)
            loop = await tenants.of(asked.request.tenant)
            routed = Routed(answer=Answer(text=text, route=Route.SOLVER), refusals=(), route=Route.SOLVER)
            await loop.keep(asked, routed, ms)

        self._add(job)

    def saved(self, asked: Asked | None, text: str) -> str:
        """About what the upstream's answer would have cost in US dollars, its tokens estimated; or `unknown`."""
        if asked is None or asked.request.chat.model is None:
            return "unknown"
        read = sum(estimate_tokens(one.content) for one in asked.request.chat.messages)
        dollars = price(asked.request.chat.model, Usage(input_tokens=read, output_tokens=estimate_tokens(text)))
        return "unknown" if dollars is None else f"{dollars:.6f}"


def _tell(error: Exception) -> None:
    _log.error("%s", reason_of(error))


def _answer_in(api: TextApi, reply: UpstreamReply) -> tuple[str | None, Usage]:
    text = reply.text() if len(reply.body) <= MAX_REPLY else None
    if text is None:
        return None, Usage()
    if reply.content_type.startswith("text/event-stream"):
        events = read_events(text)
        return (None, Usage()) if events is None else (api.answer_streamed(events), api.usage_streamed(events))
    try:
        whole: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None, Usage()
    if not isinstance(whole, dict):
        return None, Usage()
    fields = cast("dict[str, Any]", whole)
    return api.answer_in(fields), api.usage_in(fields)
