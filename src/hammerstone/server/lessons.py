"""What is to be kept of a request that is over: read from a copy of its reply, once its turn has come."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hammerstone.journal import Served
from hammerstone.loop import Hammerstone
from hammerstone.models import estimate_tokens
from hammerstone.routes import Answer, Asked, Routed
from hammerstone.server.protocols.contract import TextApi
from hammerstone.server.tenants import Tenants
from hammerstone.server.upstream import UpstreamPrices
from hammerstone.server.upstream_reply import UpstreamReply
from hammerstone.store import LONGEST_MODEL, Bill, PaidCall
from hammerstone.types import Role, Route, Usage

__all__ = ["Lesson", "of_a_tool", "of_another_call", "of_the_upstream", "saved_usd"]


@dataclass(kw_only=True, eq=False)
class Lesson:
    """`read` gives what is to be kept, if there is anything, and `loop` whose it is. `size` is in bytes.

    `kept` is called once it is stored. `is_tried` says that it may have been stored by a write that failed, `is_unread`
    that there was nothing to keep.
    """

    read: Callable[[], Served | None]
    loop: Callable[[], Awaitable[Hammerstone]]
    size: int
    kept: Callable[[Hammerstone, Served], None] | None = None
    is_of_a_tool: bool = False
    is_tried: bool = False
    is_unread: bool = False


def of_a_tool(loop: Hammerstone, asked: Asked, routed: Routed, ms: float, size: int) -> Lesson:
    """A tool's answer has gone out, to a request of so many bytes."""

    async def known() -> Hammerstone:
        return loop

    return Lesson(read=lambda: (asked, routed, ms), loop=known, size=size, is_of_a_tool=True)


def of_the_upstream(
    tenants: Tenants,
    asked: Asked,
    api: TextApi,
    reply: UpstreamReply,
    ms: float,
    kept: Callable[[Hammerstone, Served], None],
    prices: UpstreamPrices,
    size: int,
) -> Lesson:
    """The upstream's answer has gone out, which cost what `prices` say, to a request of `size` bytes."""

    @functools.cache
    def read() -> Served | None:
        text, usage = reply.answer(api)
        if text is None:
            return None
        asked.paid = _call(asked, usage, ms, prices)
        asked.bill = Bill(request_id=asked.request.id, calls=1, cost_usd=asked.paid.cost_usd, usage=usage)
        answer = Answer(text=text, route=Route.SOLVER)
        return asked, Routed(answer=answer, refusals=asked.refusals, route=Route.SOLVER), ms

    return Lesson(read=read, loop=_loop_of(tenants, asked), size=size + len(reply.body), kept=kept)


def _call(asked: Asked, usage: Usage, ms: float, prices: UpstreamPrices) -> PaidCall:
    """What the upstream was paid for. Its texts are those of the request, and are not stored twice."""
    model = asked.request.chat.model or ""
    return PaidCall(
        key="",
        role=Role.SOLVER,
        model=model[:LONGEST_MODEL],
        prompt={},
        text="",
        usage=usage,
        cost_usd=prices.of(model, usage),
        seconds=ms / 1000,
        request_id=asked.request.id,
        task=None,
    )


def of_another_call(
    tenants: Tenants, asked: Asked, api: TextApi, reply: UpstreamReply, ms: float, origin: str, size: int
) -> Lesson:
    """A request got the bytes that the upstream sent to another one at the same moment: that of the id `origin`."""

    def read() -> Served | None:
        text, _ = reply.answer(api)
        if text is None:
            return None
        return asked, Routed(answer=Answer(text=text, route=Route.EXACT, origin=origin), refusals=()), ms

    return Lesson(read=read, loop=_loop_of(tenants, asked), size=size)


def saved_usd(asked: Asked | None, text: str, prices: UpstreamPrices) -> str:
    """About what the upstream's answer would have cost in US dollars, its tokens estimated; or `unknown`."""
    if asked is None or asked.request.chat.model is None:
        return "unknown"
    read = sum(estimate_tokens(one.content) for one in asked.request.chat.messages)
    dollars = prices.of(asked.request.chat.model, Usage(input_tokens=read, output_tokens=estimate_tokens(text)))
    return "unknown" if dollars is None else f"{dollars:.6f}"


def _loop_of(tenants: Tenants, asked: Asked) -> Callable[[], Awaitable[Hammerstone]]:
    return functools.partial(tenants.of, asked.request.tenant)
