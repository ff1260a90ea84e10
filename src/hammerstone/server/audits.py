"""Audits of live tools by the upstream: who may be asked again, and for whose money.

A request goes to the upstream once more, after its answer went out, with the gateway's key. Where only clients have
keys, their money is not spent unasked: then the upstream answers the audited request in the tool's place.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio

from hammerstone.errors import ModelError
from hammerstone.models import Prompt, Reply
from hammerstone.requests import as_json
from hammerstone.server.access.charges import Charge, NoCharge
from hammerstone.server.access.credentials import CREDENTIALS, credentials_for_upstream
from hammerstone.server.call import Call
from hammerstone.server.protocols.contract import TextApi
from hammerstone.server.upstream import RawHeaders, Upstream, UpstreamError, Upstreams, reply_bytes
from hammerstone.server.upstream_reply import MAX_REPLY, UpstreamReply
from hammerstone.settings import ServeSettings

__all__ = ["Audits", "UpstreamModel"]

AT_ONCE = 4  # audits and second opinions under way
WAITING = 64  # that wait for their turn; what comes beyond is not compared

_OF_DELIVERY = frozenset(("stream", "stream_options"))
_ONCE = frozenset((b"idempotency-key", b"accept-encoding", b"accept"))
"""Headers of the first call that would bring its own reply back, or another form of it."""


async def _nobodys(body: bytes) -> NoCharge:
    del body
    return NoCharge()


class Audits:
    """Gives the upstream as a model where a request may be asked again."""

    def __init__(self, upstreams: Upstreams, settings: ServeSettings) -> None:
        self._upstreams = upstreams
        self._with_client_keys = settings.audit_with_client_keys
        self._limiter = anyio.CapacityLimiter(AT_ONCE)

    def model_for(self, call: Call, api: TextApi) -> UpstreamModel | None:
        """None where it would spend a client's money unasked, nothing of the request may be kept, or a reply would not
        say whether it is whole.

        What it holds of the request, the client's key with it, is in memory alone, and goes with the request.
        """
        named = (call.fields or {}).get("model")
        if call.controls.no_store or call.fields is None or not isinstance(named, str):
            return None
        if not api.reports_end(call.fields):
            return None
        headers = call.http.headers.raw
        upstream = self._upstreams.of(api.path, headers)
        if not (upstream.has_key or self._with_client_keys) and _has_key(headers, upstream):
            return None
        return UpstreamModel(
            upstream=upstream,
            api=api,
            query=call.http.scope.get("query_string", b""),
            headers=headers,
            fields=call.fields,
            model=named,
            limiter=self._limiter,
        )


@dataclass(frozen=True, kw_only=True)
class UpstreamModel:
    """The upstream, asked one request: as it came, but not as a stream. Of a prompt it reads nothing.

    `charge` counts a call with such a body in somebody's budget; an audit is in nobody's.
    """

    upstream: Upstream
    api: TextApi
    query: bytes
    headers: RawHeaders = field(repr=False)
    fields: Mapping[str, Any] = field(repr=False)
    model: str
    limiter: anyio.CapacityLimiter = field(repr=False)
    charge: Callable[[bytes], Awaitable[Charge | NoCharge]] = field(default=_nobodys, repr=False)

    @property
    def name(self) -> str:
        return self.model

    @property
    def identity(self) -> str:
        return f"{self.model} at {self.upstream.base_url}"

    async def complete(self, prompt: Prompt) -> Reply:
        """A reply that does not end by itself is `cut`. Raises `ModelError`."""
        del prompt
        if self.limiter.statistics().tasks_waiting >= WAITING:
            raise ModelError("too many requests wait to be compared with the upstream's answers")
        async with self.limiter:
            began = time.perf_counter()
            try:
                said = await self._ask()
            except UpstreamError as error:
                raise ModelError(error.message) from error
        text, usage = said.answer(self.api)
        return Reply(
            text=text or "",
            model=self.model,
            usage=usage,
            cost_usd=self.upstream.prices.of(self.model, usage),
            seconds=time.perf_counter() - began,
            cut=text is None,
        )

    async def _ask(self) -> UpstreamReply:
        fields = {name: value for name, value in self.fields.items() if name not in _OF_DELIVERY}
        theirs = credentials_for_upstream(self.headers, self.upstream.key_header)
        headers = [(name, value) for name, value in theirs if name.lower() not in _ONCE]
        body = as_json(fields).encode(errors="backslashreplace")  # half a surrogate pair stays an escape
        charge = await self.charge(body)
        with charge.until_reply():
            reply = await self.upstream.send("POST", self.api.path, self.query, headers, body)
        chunks: list[bytes] = []
        left = MAX_REPLY
        async for chunk in charge.counted(reply_bytes(reply), reply):
            chunks.append(chunk)
            left -= len(chunk)
            if left < 0:
                await reply.aclose()
                break
        if reply.status_code != 200:
            raise ModelError(f"the upstream answered with status {reply.status_code}")
        return UpstreamReply.of(reply, b"".join(chunks))


def _has_key(headers: RawHeaders, upstream: Upstream) -> bool:
    """Whether a client's key would go to the upstream."""
    theirs = credentials_for_upstream(headers, upstream.key_header)
    return any(name.lower().decode("latin-1") in CREDENTIALS for name, _ in theirs)
