"""The gateway: each request is answered by a tool that is sure of it, or goes to the upstream as it came.

request ─► controls, identity ─► exact ─► tools ─► answer in the client's own form          no model
              │ not served            │ no
              └──────────► upstream, byte for byte ─► client
                               └─► what it said ─► Learner, beside the traffic

Nothing that learns stands in a request's path, and if our own parts fail, requests still reach the upstream.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import Any, Protocol

import httpx2
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse

from hammerstone.loop import Hammerstone
from hammerstone.requests.rows import UnreadableRowError
from hammerstone.routes import Answer, Asked, Routed
from hammerstone.server.access import Access, credentials_for_upstream
from hammerstone.server.bodies import MEGABYTE
from hammerstone.server.call import Call
from hammerstone.server.controls import ControlError, read_controls
from hammerstone.server.exact import ExactCaches, Remembered, identity
from hammerstone.server.learner import Learner
from hammerstone.server.protocols.anthropic_messages import AnthropicMessages
from hammerstone.server.protocols.contract import NotServedError, TextApi
from hammerstone.server.protocols.limits import temperature_of
from hammerstone.server.replies import GatewayError, answer_response, error_response
from hammerstone.server.telemetry.health import Health
from hammerstone.server.upstream import UpstreamError, Upstreams, reply_bytes, reply_headers
from hammerstone.server.upstream_reply import UpstreamReply
from hammerstone.settings import ServeSettings, Settings
from hammerstone.store import Stores
from hammerstone.store.accounts import Bill
from hammerstone.types import Request, Route, Usage

__all__ = ["Gateway", "Tenants"]

NO_TOKENS = Usage(input_tokens=0, output_tokens=0)
CLIENT_LEFT = 499  # nginx's: nobody reads it


class Tenants(Protocol):
    """Gives each tenant's own loop."""

    async def of(self, tenant: str) -> Hammerstone: ...

    @property
    def stores(self) -> Stores: ...

    @property
    def loops(self) -> tuple[Hammerstone, ...]:
        """Those that are open."""
        ...

    settings: Settings


class Gateway:
    """What answers HTTP requests. One object for each process."""

    def __init__(
        self,
        *,
        tenants: Tenants,
        upstreams: Upstreams,
        learner: Learner,
        settings: ServeSettings,
        access: Access,
        health: Health,
    ) -> None:
        self._access = access
        self._health = health
        self._tenants = tenants
        self._upstreams = upstreams
        self._learner = learner
        self._settings = settings
        megabytes = settings.exact_mb if settings.store == "all" else 0.0
        self._exact = ExactCaches(ttl_s=settings.exact_ttl_s, max_bytes=int(megabytes * MEGABYTE))

    async def text(self, http: HttpRequest, api: TextApi) -> Response:
        """A request of one of the text APIs: a hit if a tool is sure of it, else the upstream's reply."""
        call = Call(http=http, api=api)
        try:
            await self._enter(call)
            await self._read(call)
            answer = await self._own_parts(call, self._hit(call, api))
            if answer is not None:
                return answer
            if call.controls.only_if_hit:
                raise GatewayError("no tool answers this request", status=504, code="no_hit", kind="hammerstone_error")
            self._say_fault(call)
            return await self._miss(call)
        except GatewayError as error:
            return error_response(error, api, call.headers)
        except ClientDisconnect:
            return Response(status_code=CLIENT_LEFT)

    async def forward(self, http: HttpRequest) -> Response:
        """Anything else: to the upstream and back."""
        call = Call(http=http)
        try:
            await self._enter(call)
            await call.read_body(self._settings.max_body_mb)
            if call.caller.key is not None:
                call.read_fields()  # who pays for which model?
            return await self._miss(call)
        except GatewayError as error:
            form = AnthropicMessages() if http.url.path.startswith(AnthropicMessages.path) else None
            return error_response(error, form, call.headers)
        except ClientDisconnect:
            return Response(status_code=CLIENT_LEFT)

    # reading

    async def _enter(self, call: Call) -> None:
        """By its head alone: nobody reads the body of one who may not come in."""
        call.come_from(await self._access.enter(call.http))

    async def _read(self, call: Call) -> None:
        await call.read_body(self._settings.max_body_mb)
        call.read_fields()
        try:
            call.controls = read_controls(call.http.headers, call.fields)
        except ControlError as error:
            raise GatewayError(str(error), status=400, code="invalid_control") from None

    # a hit

    async def _own_parts(self, call: Call, work: Awaitable[Response | None]) -> Response | None:
        """What our own parts come to; if they fail, the request goes on to the upstream, which a header says."""
        try:
            return await work
        except (GatewayError, ClientDisconnect):
            raise
        except Exception as error:
            self._failed(call, error)
            return None

    def _say_fault(self, call: Call) -> None:
        """Where a part fails at present, a tool might have answered instead of the upstream."""
        fault = self._health.fault(call.tenant)
        if fault is not None and not call.controls.upstream_answers:
            call.notes.setdefault("fault", fault)

    def _failed(self, call: Call, error: Exception) -> None:
        self._health.failed(error)
        call.notes.clear()
        call.notes["fault"] = type(error).__name__

    async def _hit(self, call: Call, api: TextApi) -> Response | None:
        if call.fields is None:
            return None
        try:
            chat = api.read(call.fields)
        except NotServedError:
            return None
        call.record.chat = chat
        request = Request(id=call.id, chat=chat, tenant=call.tenant, task=call.controls.task)
        call.asked = Asked(request=request, bill=Bill(request_id=call.id))
        call.exact_key = _exact_key(api, call.fields)
        if call.controls.upstream_answers:
            return None
        loop = await self._tenants.of(call.tenant)
        remembered = await self._look_exact(call, loop)
        if remembered is not None:
            exact = Answer(text=remembered.text, route=Route.EXACT, origin=remembered.request_id)
            routed = Routed(answer=exact, refusals=())
        else:
            call.record.trace.tools_began()
            routed = await loop.router.cheaply(call.asked)
            tool = routed.answer.tool if routed.answer is not None else None
            call.record.trace.tools_ended(tool.task if tool is not None else None)
        answer = routed.answer
        if answer is None or not api.fits(answer.text, call.fields):
            return None
        if not call.controls.no_store:
            self._learner.served(loop, call.asked, routed, call.ms)
        tool = {"tool": f"{answer.tool.task}@{answer.tool.version}"} if answer.tool is not None else {}
        return self._answer(call, api, answer.text, answer.route.value, tool)

    def _answer(self, call: Call, api: TextApi, text: str, route: str, notes: Mapping[str, str]) -> Response:
        call.notes.update({"route": route, **notes, "saved-usd": self._learner.saved(call.asked, text)})
        call.record.trace.answered(text, NO_TOKENS)
        return answer_response(api, text, request_id=call.id, body=call.fields or {}, headers=call.headers)

    async def _look_exact(self, call: Call, loop: Hammerstone) -> Remembered | None:
        """What this very request was answered before, unless somebody has said that it is wrong."""
        cache, asked = self._exact.of(call.tenant), call.asked
        if call.exact_key is None or cache is None or asked is None:
            return None
        remembered = cache.look(call.exact_key, max_age=call.controls.max_age)
        if remembered is None:
            return None
        await loop.catalog.refresh()
        if cache.cleared_for(loop.catalog.purges):
            return None
        if loop.catalog.is_withdrawn(asked.request.question, remembered.text):
            cache.drop(call.exact_key)
            return None
        return remembered

    # a miss

    async def _miss(self, call: Call) -> Response:
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
        chunks = charge.counted(self._passed_on(call, reply), reply)
        response = StreamingResponse(chunks, status_code=reply.status_code)
        ours = {name.encode(): value.encode() for name, value in call.headers.items()}
        response.raw_headers = [*(one for one in reply_headers(reply) if one[0] not in ours), *ours.items()]
        return response

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


def _exact_key(api: TextApi, fields: Mapping[str, Any]) -> str | None:
    """The identity of a request that asks for no variety."""
    try:
        return identity(api.path, fields) if temperature_of(fields) == 0 else None
    except (UnreadableRowError, NotServedError):
        return None
