"""What no tool answers: to the upstream as it came, and what it says back to the client, byte for byte."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2
from starlette.responses import Response, StreamingResponse

from hammerstone.server.access import Access, credentials_for_upstream
from hammerstone.server.access.charges import Charge, NoCharge
from hammerstone.server.call import Call
from hammerstone.server.exact import ExactCaches
from hammerstone.server.learner import Learner
from hammerstone.server.replies import GatewayError
from hammerstone.server.tenants import Tenants
from hammerstone.server.upstream import UpstreamError, Upstreams, reply_bytes, reply_headers
from hammerstone.server.upstream_reply import UpstreamReply

__all__ = ["Misses"]


@dataclass(frozen=True, kw_only=True)
class _Replied:
    """The head of a reply, and its bytes as whoever pays for them counts them."""

    head: httpx2.Response
    chunks: AsyncIterator[bytes]


class Misses:
    """Sends requests to the upstream, and hands over what is learned from its replies."""

    def __init__(
        self, *, tenants: Tenants, upstreams: Upstreams, learner: Learner, access: Access, exact: ExactCaches
    ) -> None:
        self._tenants = tenants
        self._upstreams = upstreams
        self._learner = learner
        self._access = access
        self._exact = exact

    async def pass_on(self, call: Call) -> Response:
        """The upstream's reply, whatever it is. Raises `GatewayError` where there is none."""
        return _response(call, await self._send(call))

    async def audit(self, call: Call) -> Response | None:
        """The upstream's reply in a live tool's place, if it is a good one: an audit never fails a request."""
        try:
            replied = await self._send(call)
        except GatewayError:
            return None
        if replied.head.status_code == 200:
            return _response(call, replied)
        async for _ in replied.chunks:
            pass
        return None

    async def _send(self, call: Call) -> _Replied:
        url = call.http.url
        method, query = call.http.method, call.http.scope.get("query_string", b"")
        charge = self._access.charge(call.caller, method=method, body=call.body, fields=call.fields, api=call.api)
        call.notes.setdefault("route", "upstream")
        try:
            upstream = self._upstreams.of(url.path)
            headers = credentials_for_upstream(call.http.headers.raw, upstream.key_header)
            headers = call.record.trace.upstream_began(upstream.base_url, headers)
            with charge.until_reply(), call.record.waiting_for_upstream():
                reply = await upstream.send(method, url.path, query, headers, call.body)
        except UpstreamError as error:
            call.record.upstream_failed = error.code
            raise GatewayError(error.message, status=error.status, code=error.code, kind="upstream_error") from error
        call.record.trace.upstream_replied(reply.status_code)
        return _Replied(head=reply, chunks=self._counted(call, reply, charge))

    def _counted(self, call: Call, reply: httpx2.Response, charge: Charge | NoCharge) -> AsyncIterator[bytes]:
        return charge.counted(self._passed_on(call, reply), reply)

    async def _passed_on(self, call: Call, reply: httpx2.Response) -> AsyncIterator[bytes]:
        """The reply's bytes. What a tool could have been asked is learned from, once it is whole."""
        wanted = call.asked is not None and reply.status_code == 200 and not call.controls.no_store
        kept: list[bytes] = []
        try:
            async for chunk in reply_bytes(reply):
                if wanted:
                    kept.append(chunk)
                yield chunk
        except UpstreamError as error:
            call.record.upstream_failed = error.code
            raise
        if wanted:
            self._learn(call, UpstreamReply.of(reply, b"".join(kept)))

    def _learn(self, call: Call, reply: UpstreamReply) -> None:
        if call.api is None or call.asked is None:
            return
        if call.record.trace.is_on:
            call.record.trace.answered(*reply.answer(call.api))

        def answered(text: str) -> None:
            cache = self._exact.of(call.tenant)
            if cache is not None and call.exact_key is not None:
                cache.store(call.exact_key, text, request_id=call.id)

        self._learner.learn(self._tenants, call.asked, call.api, reply, call.ms, answered)


def _response(call: Call, replied: _Replied) -> Response:
    response = StreamingResponse(replied.chunks, status_code=replied.head.status_code)
    ours = {name.encode(): value.encode() for name, value in call.headers.items()}
    response.raw_headers = [*(one for one in reply_headers(replied.head) if one[0] not in ours), *ours.items()]
    return response
