"""One call of the upstream that a key pays for: an estimate when it begins, what it came to when it has ended.

The estimate counts from the first moment on, so that calls under way are part of what is used. What a reply says of
its tokens is read later, beside the traffic. A whole reply that says nothing of them, as a stream does unless it is
asked to, counts by its length. A call whose price nobody knows counts as the ceiling: also one whose reply broke off,
or whose client left before its end. A call that the upstream refused, or never got, costs nothing.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import httpx2

from hammerstone.faults import place_of
from hammerstone.models import CHARACTERS_PER_TOKEN, estimate_tokens
from hammerstone.requests import Number, object_of
from hammerstone.server.access.prices import Prices
from hammerstone.server.protocols.contract import Body, TextApi, token_count
from hammerstone.server.upstream import UpstreamError
from hammerstone.server.upstream_reply import MAX_REPLY, UpstreamReply
from hammerstone.store import Amount
from hammerstone.types import Usage

__all__ = ["Charge", "Ended", "NoCharge", "came_to", "estimated", "tokens_of"]

MOST_READ = 20_000
"""Tokens that a body counts as at most before its reply: it may hold an image, whose length says little."""
WRITTEN = 500
"""Tokens that a reply counts as before it is there, unless the request allows fewer."""

_log = logging.getLogger(__name__)

_READ, _WRITTEN = ("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens")
_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A call that is over. `reply` is `None` if it did not end well, or is too long to be read."""

    charge: Charge
    refused: bool = False
    reply: UpstreamReply | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Charge:
    """What key, when, for which model, and the estimate that counts until `on_end` has had what the call came to.

    `read` is about how many tokens its body has.
    """

    key_id: int
    started: float
    model: str | None
    api: TextApi | None
    read: int
    estimate: Amount
    on_end: Callable[[Ended], None] = field(repr=False)

    @contextmanager
    def until_reply(self) -> Generator[None]:
        """Covers the wait for the upstream's reply."""
        try:
            yield
        except UpstreamError as error:
            self._end(refused=error.status != 504)  # one that was too slow may have been paid for
            raise
        except BaseException:
            self._end()
            raise

    async def counted(self, chunks: AsyncIterator[bytes], reply: httpx2.Response) -> AsyncIterator[bytes]:
        """The same chunks; afterwards the call is over, however it ended."""
        kept, size, whole = list[bytes](), 0, False
        try:
            async for chunk in chunks:
                size += len(chunk)
                if size <= MAX_REPLY:
                    kept.append(chunk)
                yield chunk
            whole = True
        finally:
            self.ended(reply, b"".join(kept) if whole and size <= MAX_REPLY else None)

    def ended(self, reply: httpx2.Response, body: bytes | None) -> None:
        """The call is over. `body` is all of the reply, unless it broke off or is too long to be read."""
        said = None if body is None else UpstreamReply.of(reply, body)
        self._end(refused=reply.status_code >= 400, reply=said)

    def _end(self, *, refused: bool = False, reply: UpstreamReply | None = None) -> None:
        self.on_end(Ended(charge=self, refused=refused, reply=reply))


class NoCharge:
    """A call that nobody counts."""

    def until_reply(self) -> AbstractContextManager[None]:
        return nullcontext()

    def counted(self, chunks: AsyncIterator[bytes], reply: httpx2.Response) -> AsyncIterator[bytes]:
        del reply
        return chunks

    def ended(self, reply: httpx2.Response, body: bytes | None) -> None:
        del reply, body


def tokens_of(body: bytes) -> int:
    """About how many tokens a body has."""
    return min(-(-len(body) // CHARACTERS_PER_TOKEN), MOST_READ)


async def estimated(read: int, fields: Body | None, model: str | None, prices: Prices) -> Amount:
    """What a call will use, about."""
    named = ((fields or {}).get(name) for name in _LIMITS)
    written = min(
        [WRITTEN, *(int(one) for one in named if isinstance(one, Number) and one.isdecimal() and len(one) < 10)]
    )
    return Amount(tokens=read + written, usd=await prices.estimate(model, read, written))


def came_to(ended: Ended, prices: Prices) -> Amount:
    """What a call has used. Reads its reply, and may take a while: not in the event loop.

    A reply may hold anything: one that cannot be read counts as the ceiling, and never keeps others from being counted.
    """
    if ended.refused:
        return Amount()
    try:
        return _counted(ended, prices)
    except Exception as error:
        _log.error("the tokens of a reply cannot be counted: %s", place_of(error))
        return Amount(tokens=ended.charge.estimate.tokens, usd=prices.ceiling, unpriced=1)


def _counted(ended: Ended, prices: Prices) -> Amount:
    charge = ended.charge
    said = (ended.reply.objects() if ended.reply is not None else None) or ()
    usage = _usage(said, charge.api)
    usage = _by_length(said, charge) if usage == Usage() else usage
    cost = _cost(said, charge.model, usage, prices)
    tokens = charge.estimate.tokens if usage == Usage() else (usage.input_tokens or 0) + (usage.output_tokens or 0)
    if cost is None:
        return Amount(tokens=tokens, usd=prices.ceiling, unpriced=1)
    return Amount(tokens=tokens, usd=cost)


def _cost(said: tuple[Body, ...], model: str | None, usage: Usage, prices: Prices) -> float | None:
    """The price by the model that was asked for, or else by the one that the reply names."""
    named = next((one["model"] for one in said if isinstance(one.get("model"), str)), None)
    costs = (prices.cost(one, usage) for one in (model, named) if one)
    return next((one for one in costs if one is not None), None)


def _usage(said: tuple[Body, ...], api: TextApi | None) -> Usage:
    if not said:
        return Usage()
    if api is not None:
        return api.usage_in(said[0]) if len(said) == 1 else api.usage_streamed(said)
    counted = next((object_of(one["usage"]) for one in reversed(said) if one.get("usage")), object_of(None))
    written = _count(counted, *_WRITTEN)
    if counted and not counted.keys() & set(_WRITTEN):  # as of an embedding
        written = 0
    return Usage(input_tokens=_count(counted, *_READ), output_tokens=written)


def _by_length(said: tuple[Body, ...], charge: Charge) -> Usage:
    """About the tokens of a reply that does not count them: its text, or one for each event of a stream."""
    if charge.api is None or not said:
        return Usage()
    text = charge.api.answer_in(said[0]) if len(said) == 1 else charge.api.answer_streamed(said)
    return Usage(input_tokens=charge.read, output_tokens=max(len(said), estimate_tokens(text or "")))


def _count(counted: Mapping[str, Any], *names: str) -> int | None:
    return next((one for one in map(token_count, map(counted.get, names)) if one is not None), None)
