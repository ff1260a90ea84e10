"""Each live tool as an API of its own: listed, described as OpenAPI 3.1, and called by name.

GET  /tools                 the live tools
GET  /tools/NAME            an OpenAPI document of this one
POST /tools/NAME            {"left": 3, "right": 4}, or {"question": "What is the sum of 3 and 4?"}
POST /tools/NAME/batch      [{…}, {…}]: a result or an error for each
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

import anyio
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from hammerstone.concurrency import map_concurrently
from hammerstone.errors import HammerstoneError
from hammerstone.server.bodies import json_body
from hammerstone.server.entry import Entry
from hammerstone.server.learner import Learner
from hammerstone.server.protocols.chat_completions import openai_error
from hammerstone.server.replies import GatewayError, answered, client_error_of
from hammerstone.server.telemetry.record import RequestRecord, record_of
from hammerstone.server.tenants import Tenants
from hammerstone.server.tool_calls import ToolCalls
from hammerstone.server.tool_documents import openapi_document, takes_question, tool_document
from hammerstone.settings import ServeSettings
from hammerstone.store import StoredTool
from hammerstone.types import JSON

__all__ = ["MAX_BATCH", "ToolsApi"]

MAX_BATCH = 1_000
"""Items of one batch."""
AT_ONCE = 8  # items of one batch that run at a time: others want the sandbox, too

_ID = "x-hammerstone-request-id"


class ToolsApi:
    """The routes below `/tools`."""

    def __init__(self, *, tenants: Tenants, entry: Entry, learner: Learner, settings: ServeSettings) -> None:
        self._tenants = tenants
        self._entry = entry
        self._learner = learner
        self._settings = settings
        self._calls: dict[str, ToolCalls] = {}

    def routes(self) -> list[Route]:
        return [
            Route("/tools", self._answered(self._list), methods=["GET"]),
            Route("/tools/{name}", self._answered(self._describe), methods=["GET"]),
            Route("/tools/{name}", self._answered(self._call), methods=["POST"]),
            Route("/tools/{name}/batch", self._answered(self._batch), methods=["POST"]),
        ]

    async def of(self, tenant: str) -> ToolCalls:
        """The live tools of a tenant. Raises `StoreError`."""
        loop = await self._tenants.of(tenant)
        return self._calls.setdefault(tenant, ToolCalls(loop, self._learner))

    def _answered(self, handle: Callable[[_Asked], Awaitable[JSON]]) -> Callable[[HttpRequest], Awaitable[Response]]:
        """An endpoint that lets the caller in, then answers what `handle` returns."""

        async def endpoint(http: HttpRequest) -> Response:
            record = record_of(http.scope)
            record.id = uuid.uuid4().hex
            return await answered(self._let_in(http, record, handle), {_ID: record.id})

        return endpoint

    async def _let_in(
        self, http: HttpRequest, record: RequestRecord, handle: Callable[[_Asked], Awaitable[JSON]]
    ) -> JSON:
        record.tenant = await self._entry.admit(http)
        return await handle(_Asked(http=http, calls=await self.of(record.tenant), id=record.id))

    async def _list(self, asked: _Asked) -> JSON:
        return {"object": "list", "data": [tool_document(tool) for tool in await asked.calls.live()]}

    async def _describe(self, asked: _Asked) -> JSON:
        return openapi_document(await asked.tool())

    async def _call(self, asked: _Asked) -> JSON:
        tool = await asked.tool()
        return await _result(asked.calls, tool, await json_body(asked.http, self._settings.max_body_mb), asked.id)

    async def _batch(self, asked: _Asked) -> JSON:
        tool = await asked.tool()
        items = await json_body(asked.http, self._settings.max_body_mb)
        if not isinstance(items, list) or len(items) > MAX_BATCH:
            message = f"a batch is a list of at most {MAX_BATCH:,} objects"
            raise GatewayError(message, status=422, code="invalid_batch")
        numbered = [(item, f"{asked.id}-{number}") for number, item in enumerate(items, 1)]
        limiter = anyio.CapacityLimiter(AT_ONCE)

        async def one(given: tuple[JSON, str]) -> JSON:
            async with limiter:
                try:
                    return await _result(asked.calls, tool, *given)
                except (GatewayError, HammerstoneError) as failure:
                    error = client_error_of(failure)
                    return cast("JSON", openai_error(error.message, kind=error.kind, code=error.code))

        return {"object": "list", "data": await map_concurrently(one, numbered) if numbered else []}


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """A request that was let in."""

    http: HttpRequest
    calls: ToolCalls
    id: str

    async def tool(self) -> StoredTool:
        """The one in the path. Raises `GatewayError` 404."""
        return await self.calls.find(self.http.path_params["name"])


async def _result(calls: ToolCalls, tool: StoredTool, given: JSON, request_id: str) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise GatewayError("the arguments are a JSON object", status=422, code="invalid_arguments")
    asks = takes_question(tool) and list(given) == ["question"]
    question = given["question"] if asks else None
    if asks and not isinstance(question, str):
        raise GatewayError("question: Input should be a valid string", status=422, code="invalid_arguments")
    called = await (calls.ask(tool, question, request_id) if isinstance(question, str) else calls.call(tool, given))
    return {
        "tool": called.tool.task,
        "version": called.tool.version,
        "answer": called.answer,
        **({"request_id": request_id} if isinstance(question, str) else {}),  # a call with arguments is not stored
        **({"labeled": True} if called.labeled else {}),
    }
