"""The gateway: each request is answered by a tool that is sure of it, or goes to the upstream as it came.

request ─► controls, identity ─► exact ─► tools ─► answer in the client's own form          no model
              │ not served            │ no
              └──────────► upstream, byte for byte ─► client
                               └─► what it said ─► Learner, beside the traffic

Nothing that learns stands in a request's path, and if our own parts fail, requests still reach the upstream.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any
from urllib.parse import unquote

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from hammerstone.loop import Hammerstone
from hammerstone.requests import UnreadableRowError
from hammerstone.routes import Answer, Asked, Routed
from hammerstone.server.access import Access
from hammerstone.server.audits import Audits
from hammerstone.server.bodies import MEGABYTE
from hammerstone.server.call import Call
from hammerstone.server.controls import ControlError, read_controls
from hammerstone.server.exact import SHAPING, ExactCaches, Remembered, identity
from hammerstone.server.learner import Learner
from hammerstone.server.lessons import saved_usd
from hammerstone.server.misses import Misses
from hammerstone.server.protocols.anthropic_messages import AnthropicMessages
from hammerstone.server.protocols.contract import NotServedError, TextApi
from hammerstone.server.protocols.limits import temperature_of
from hammerstone.server.replies import GatewayError, answer_response, error_response
from hammerstone.server.structured import has_form
from hammerstone.server.telemetry.health import Health
from hammerstone.server.tenants import Tenants
from hammerstone.server.upstream import Upstreams
from hammerstone.settings import ServeSettings
from hammerstone.store import Bill
from hammerstone.types import Request, Route, Usage

__all__ = ["Gateway"]

NO_TOKENS = Usage(input_tokens=0, output_tokens=0)
MOST_ESCAPED = 4  # times that a path may be escaped, and once that it is found not to be
CLIENT_LEFT = 499  # nginx's: nobody reads it


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
        self._learner = learner
        self._settings = settings
        megabytes = settings.exact_mb if settings.store == "all" else 0.0
        self._exact = ExactCaches(ttl_s=settings.exact_ttl_s, max_bytes=int(megabytes * MEGABYTE))
        self._upstreams = upstreams
        self._audits = Audits(upstreams, settings)
        self._misses = Misses(
            tenants=tenants,
            upstreams=upstreams,
            learner=learner,
            access=access,
            exact=self._exact,
            shares=settings.share,
        )

    def running(self) -> AbstractAsyncContextManager[None]:
        """The gateway reads replies of the upstream within this block."""
        return self._misses.relays.running()

    async def text(self, http: HttpRequest, api: TextApi) -> Response:
        """A request of one of the text APIs: a hit if a tool is sure of it, else the upstream's reply."""
        call = Call(http=http, api=api)
        try:
            await self._enter(call)
            await self._read(call)
            answer = await self._own_parts(call, self._hit(call, api))
            if answer is not None:
                return answer
            self._check_upstream_wanted(call)
            self._say_fault(call)
            return await self._misses.pass_on(call)
        except GatewayError as error:
            return error_response(error, api, call.headers)
        except ClientDisconnect:
            return Response(status_code=CLIENT_LEFT)

    async def forward(self, http: HttpRequest) -> Response:
        """Anything else: to the upstream and back, unless only a hit is wanted."""
        call = Call(http=http)
        try:
            await self._enter(call)
            self._read_controls(call)
            if _leads_out(call.path):
                raise GatewayError("a path with `.` or `..` in it is not passed on", status=404, code="not_found")
            self._check_upstream_wanted(call)
            await call.read_body(self._settings.max_body_mb)
            if call.caller.key is not None:
                await call.read_fields()  # who pays for which model?
            return await self._misses.pass_on(call)
        except GatewayError as error:
            form = AnthropicMessages() if call.path.startswith(AnthropicMessages.path) else None
            return error_response(error, form, call.headers)
        except ClientDisconnect:
            return Response(status_code=CLIENT_LEFT)

    # reading

    async def _enter(self, call: Call) -> None:
        """Let the caller in by the head alone: the body of a refused request is never read."""
        call.come_from(await self._access.enter(call.http))

    async def _read(self, call: Call) -> None:
        await call.read_body(self._settings.max_body_mb)
        await call.read_fields()
        self._read_controls(call)

    @staticmethod
    def _read_controls(call: Call) -> None:
        try:
            call.controls = read_controls(call.http.headers, call.fields)
        except ControlError as error:
            raise GatewayError(str(error), status=400, code="invalid_control") from None

    @staticmethod
    def _check_upstream_wanted(call: Call) -> None:
        if call.controls.only_if_hit:
            raise GatewayError("no tool answers this request", status=504, code="no_hit", kind="hammerstone_error")

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
        asked = self._ask(call, api)
        if asked is None or call.controls.upstream_answers:
            return None
        loop = await self._tenants.of(call.tenant)
        call.gathers = partial(loop.gathers, asked)
        routed = await loop.router.corrected(await self._route(call, loop, asked), asked)
        return await self._serve(call, api, loop, routed)

    def _ask(self, call: Call, api: TextApi) -> Asked | None:
        """What a tool could be asked; `None` for a request that only the upstream may answer."""
        if call.fields is None:
            return None
        try:
            chat = api.read(call.fields)
        except NotServedError:
            return None
        if (temperature_of(call.fields) or 0) > self._settings.max_temperature:
            return None
        if not call.controls.no_store:
            call.record.chat = chat
        request = Request(id=call.id, chat=chat, tenant=call.tenant, task=call.controls.task)
        call.asked = Asked(request=request, bill=Bill(request_id=call.id), upstream=self._audits.model_for(call, api))
        call.exact_key = _exact_key(call, api, call.fields)
        return call.asked

    async def _route(self, call: Call, loop: Hammerstone, asked: Asked) -> Routed:
        """The answer to an identical request, else that of a tool."""
        remembered = await self._look_exact(call, loop)
        if remembered is not None:
            exact = Answer(text=remembered.text, route=Route.EXACT, origin=remembered.request_id)
            return Routed(answer=exact, refusals=())
        call.record.trace.tools_began()
        routed = await loop.router.cheaply(asked)
        tool = routed.answer.tool if routed.answer is not None else None
        call.record.trace.tools_ended(tool.task if tool is not None else None)
        asked.refusals = routed.refusals
        return routed

    async def _serve(self, call: Call, api: TextApi, loop: Hammerstone, routed: Routed) -> Response | None:
        """The response with this answer, or with the upstream's where it is audited; `None` if it may not be served."""
        answer, asked = routed.answer, call.asked
        if answer is None or asked is None:
            return None
        if answer.route is not Route.EXACT and not _suits(answer.text, api, call.fields or {}, asked):
            return None
        if self._is_withheld(loop, call, answer):
            instead = await self._misses.audit(call)
            if instead is not None:
                return instead
        self._learner.served(loop, asked, routed, call.ms, len(call.body))
        notes = {"tool": f"{answer.tool.task}@{answer.tool.version}"} if answer.tool is not None else {}
        return self._answer(call, api, answer.text, answer.route.value, notes)

    def _is_withheld(self, loop: Hammerstone, call: Call, answer: Answer) -> bool:
        """Whether the upstream answers in a tool's place, as an audit: nobody may ask it again for this request."""
        asked, controls = call.asked, call.controls
        if answer.tool is None or asked is None or asked.upstream is not None:
            return False
        if controls.only_if_hit or not loop.is_audited(asked, answer.tool):
            return False
        asked.withheld = answer
        return True

    def _answer(self, call: Call, api: TextApi, text: str, route: str, notes: Mapping[str, str]) -> Response:
        prices = self._upstreams.of(api.path, call.http.headers.raw).prices
        call.notes.update({"route": route, **notes, "saved-usd": saved_usd(call.asked, text, prices)})
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
        if cache.cleared_for(loop.catalog.forgetting) or loop.catalog.depends_on_time(asked.request.task):
            return None
        if loop.catalog.is_withdrawn(asked.request.question, remembered.text):
            cache.drop(call.exact_key)
            return None
        return remembered


def _suits(text: str, api: TextApi, fields: Mapping[str, Any], asked: Asked) -> bool:
    """Whether a text is within the limits and of the form that were asked for. The upstream's answer to the very same
    request ended by itself within them.
    """
    return api.fits(text, fields) and has_form(text, asked.request.chat.response_format)


def _leads_out(path: str) -> bool:
    """Whether some server could read the path as one with `.` or `..` in it: escaped more than once, with parameters
    (`..;x`), or with `\\` for `/`.
    """
    for _ in range(MOST_ESCAPED):
        path, before = unquote(path), path
        if path == before:
            return any(one.partition(";")[0] in {".", ".."} for one in path.replace("\\", "/").split("/"))
    return True


def _exact_key(call: Call, api: TextApi, fields: Mapping[str, Any]) -> str | None:
    """The identity of a request that asks for no variety."""
    if temperature_of(fields) != 0:
        return None
    query = call.http.scope.get("query_string", b"").decode("latin-1")
    try:
        return identity(api.path, fields, [query, *map(call.header, SHAPING)])
    except (UnreadableRowError, NotServedError):
        return None
