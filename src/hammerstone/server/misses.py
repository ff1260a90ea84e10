"""What no tool answers: to the upstream as it came, and what it says back to the client, byte for byte."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import anyio
import httpx2
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse

from hammerstone.journal import Served
from hammerstone.loop import Hammerstone
from hammerstone.server.access import Access, Charge, credentials_for_upstream
from hammerstone.server.access.charges import NoCharge
from hammerstone.server.call import Call
from hammerstone.server.exact import ExactCaches
from hammerstone.server.learner import Learner
from hammerstone.server.leaving import while_there
from hammerstone.server.lessons import of_another_call, of_the_upstream
from hammerstone.server.relay import Relay, RelayResponse, Relays
from hammerstone.server.replies import GatewayError
from hammerstone.server.sharing import SharedKey, shared_key
from hammerstone.server.tenants import Tenants
from hammerstone.server.upstream import RawHeaders, UpstreamError, Upstreams, reply_bytes, reply_headers, whole_body
from hammerstone.server.upstream_reply import UpstreamReply
from hammerstone.types import Route

__all__ = ["Misses"]


@dataclass(frozen=True, kw_only=True)
class _Replied:
    """The head of a reply, and its body: whole, if it came with the head, or to be read as it comes in."""

    call: Call
    head: httpx2.Response
    charge: Charge | NoCharge
    whole: bytes | None

    def chunks(self) -> AsyncIterator[bytes]:
        """The body's chunks, counted against the caller's budget."""
        return self.charge.counted(_noted(self.call, self.head), self.head)


class Leading:
    """Whoever asks the upstream for all who ask the same at this moment. `relay` is there when `ready`, or never."""

    def __init__(self, request_id: str) -> None:
        self.request_id = request_id
        self.ready = anyio.Event()
        self.relay: Relay | None = None
        self.followers: list[Call] = []

    @property
    def is_awaited(self) -> bool:
        """Whether others wait for the reply to begin."""
        return self.ready.statistics().tasks_waiting > 0


class Misses:
    """Sends requests to the upstream, and hands over what is learned from its replies."""

    def __init__(
        self,
        *,
        tenants: Tenants,
        upstreams: Upstreams,
        learner: Learner,
        access: Access,
        exact: ExactCaches,
        shares: bool,
    ) -> None:
        """With `shares`, concurrent equal requests share one call unless they say otherwise."""
        self._tenants = tenants
        self._upstreams = upstreams
        self._learner = learner
        self._access = access
        self._exact = exact
        self._shares = shares
        self._leading: dict[SharedKey, Leading] = {}
        self.relays = Relays()

    async def pass_on(self, call: Call) -> Response:
        """The upstream's reply, whatever it is. Raises `GatewayError` where there is none."""
        key = shared_key(call, by_default=self._shares)
        if key is None:
            return self._response(call, await self._send(call))
        while (leading := self._leading.get(key)) is not None:
            shared = await self._follow(call, leading)
            if shared is not None:
                return shared
            if self._leading.get(key) is leading:  # its reply cannot be joined any more
                del self._leading[key]
        return await self._lead(call, key)

    async def audit(self, call: Call) -> Response | None:
        """The upstream's reply in a live tool's place, if it is a good one: an audit never fails a request, but for a
        stream that breaks off after its first part went out.
        """
        try:
            replied = await self._send(call)
        except GatewayError:
            return None
        if replied.head.status_code == 200:
            response = self._response(call, replied)
            return response if await self._comes_well(call, response) else None
        with suppress(UpstreamError):
            async for _ in replied.chunks():
                pass
        return None

    async def _comes_well(self, call: Call, response: Response) -> bool:
        """Raises `ClientDisconnect` where the client leaves before a whole reply is there."""
        if not isinstance(response, RelayResponse) or call.streams:
            return True
        with while_there(call.http.scope, call.gathers):
            return await response.comes_whole()
        raise ClientDisconnect

    # several that ask the same

    async def _lead(self, call: Call, key: SharedKey) -> Response:
        leading = self._leading[key] = Leading(call.id)
        try:
            return self._response(call, await self._send(call, leading), leading)
        finally:
            leading.ready.set()
            if leading.relay is None and self._leading.get(key) is leading:
                del self._leading[key]

    async def _follow(self, call: Call, leading: Leading) -> Response | None:
        """The same bytes; `None` if whoever leads has failed before the first of them could go out, or its reply is too
        long to be kept for this one. Raises `ClientDisconnect` where the client leaves while it waits.
        """
        with while_there(call.http.scope, lambda: False):
            return await self._join(call, leading)
        raise ClientDisconnect

    async def _join(self, call: Call, leading: Leading) -> Response | None:
        await leading.ready.wait()
        relay = leading.relay
        if relay is None or not relay.open:
            return None
        reader = relay.join()
        leading.followers.append(call)
        is_well = False
        try:
            is_well = await reader.begins_well(whole=not call.streams)
        finally:
            if not is_well:
                leading.followers.remove(call)
                reader.leave()
        if not is_well:
            return None
        call.notes.update({"route": Route.EXACT.value, "shared": leading.request_id})
        headers = [one for one in _headers(call, relay.head) if one[0] != b"set-cookie"]  # it is the first client's
        return RelayResponse(reader, status_code=relay.head.status_code, headers=headers)

    # one call

    def _response(self, call: Call, replied: _Replied, leading: Leading | None = None) -> Response:
        """What a tool could have been asked is learned from, once it is whole."""
        head, headers = replied.head, _headers(call, replied.head)
        teaches = call.asked is not None and head.status_code == 200 and not call.controls.no_store
        if replied.whole is not None and leading is None:
            replied.charge.ended(head, replied.whole)
            if teaches:
                self._learn(call, UpstreamReply.of(head, replied.whole), None)
            return _with(headers, Response(replied.whole, status_code=head.status_code))
        if not teaches:
            return _with(headers, StreamingResponse(replied.chunks(), status_code=head.status_code))

        def end(body: bytes | None) -> None:
            self._leading = {key: one for key, one in self._leading.items() if one is not leading}
            if body is not None:
                self._learn(call, UpstreamReply.of(head, body), leading)

        relay = Relay(head, replied.chunks(), keeps_on=call.gathers, on_end=end)
        if leading is not None:
            leading.relay = relay
        reader = relay.join()
        self.relays.start(relay)
        return RelayResponse(reader, status_code=200, headers=headers)

    async def _send(self, call: Call, leading: Leading | None = None) -> _Replied:
        """Raises `ClientDisconnect` where the client leaves before the reply begins, and nobody else wants it."""

        def is_wanted() -> bool:
            return call.gathers() or (leading is not None and leading.is_awaited)

        method, query = call.http.method, call.http.scope.get("query_string", b"")
        charge = await self._access.charge(
            call.caller, method=method, path=call.path, body=call.body, fields=call.fields, api=call.api
        )
        call.notes.setdefault("route", "upstream")
        try:
            upstream = self._upstreams.of(call.path, call.http.headers.raw)
            headers = credentials_for_upstream(call.http.headers.raw, upstream.key_header)
            headers = call.record.trace.upstream_began(upstream.base_url, headers)
            with (
                while_there(call.http.scope, is_wanted) as waiting,
                charge.until_reply(),
                call.record.waiting_for_upstream(),
            ):
                reply = await upstream.send(method, call.raw_path, query, headers, call.body)
            if waiting.cancelled_caught:
                raise ClientDisconnect
        except UpstreamError as error:
            call.record.upstream_failed = error.code
            raise GatewayError(
                error.message, status=error.status, code=error.code, kind="upstream_error", hint=error.hint
            ) from error
        if not 200 <= reply.status_code < 600:  # HTTP knows no other end of a request, and our server sends none
            charge.ended(reply, None)
            await reply.aclose()
            message = f"the upstream replied with status {reply.status_code}, which ends no request"
            raise GatewayError(message, status=502, code="upstream_unreadable", kind="upstream_error")
        call.record.trace.upstream_replied(reply.status_code)
        return _Replied(call=call, head=reply, charge=charge, whole=whole_body(reply))

    def _learn(self, call: Call, reply: UpstreamReply, leading: Leading | None) -> None:
        if call.api is None or call.asked is None:
            return
        if call.record.trace.is_on:
            call.record.trace.answered(*reply.answer(call.api))
        if not call.api.reports_end(call.fields or {}):
            return

        kept = partial(self._remember, call.exact_key)
        prices = self._upstreams.of(call.api.path, call.http.headers.raw).prices
        size = len(call.body)
        lesson = of_the_upstream(self._tenants, call.asked, call.api, reply, call.ms, kept, prices, size)
        self._learner.take(call.tenant, lesson)
        for one in leading.followers if leading is not None else ():
            if one.asked is not None:
                lesson = of_another_call(self._tenants, one.asked, call.api, reply, one.ms, call.id, size)
                self._learner.take(one.tenant, lesson)

    def _remember(self, key: str | None, loop: Hammerstone, served: Served) -> None:
        """Keep what was answered for the very same request. What waits until then holds no more of it than this."""
        asked, routed, _ = served
        cache = self._exact.of(asked.request.tenant)
        if cache is None or key is None or routed.answer is None:
            return
        cache.cleared_for(loop.catalog.forgetting)
        if loop.catalog.may_repeat(asked.task):
            cache.store(key, routed.answer.text, request_id=asked.request.id)


async def _noted(call: Call, reply: httpx2.Response) -> AsyncIterator[bytes]:
    """The reply's bytes."""
    try:
        async for chunk in reply_bytes(reply):
            yield chunk
    except UpstreamError as error:
        call.record.upstream_failed = error.code
        raise


def _with(headers: RawHeaders, response: Response) -> Response:
    """The response with these headers and no others."""
    response.raw_headers = list(headers)
    return response


def _headers(call: Call, head: httpx2.Response) -> list[tuple[bytes, bytes]]:
    ours = {name.encode(): value.encode() for name, value in call.headers.items()}
    return [*(one for one in reply_headers(head) if one[0] not in ours), *ours.items()]
