"""An upstream without a model: it answers the questions that it has replies to, in each API's own form."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio
import httpx2
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from hammerstone.models import Reply
from hammerstone.server.bodies import fields_in, read_body
from hammerstone.server.protocols import AnthropicMessages, ChatCompletions, Completions, Responses, TextApi
from hammerstone.server.protocols.contract import Completion, NotServedError
from hammerstone.server.replies import GatewayError, completion_response, error_response
from hammerstone.server.upstream import Upstream, UpstreamPrices, Upstreams

__all__ = ["recorded_upstreams"]

MAX_MB = 1.0


def recorded_upstreams(replies: Mapping[str, Reply], *, think_s: float, prices: UpstreamPrices) -> Upstreams:
    """Replies by question, each of which takes `think_s` seconds; for another question an error of status 404.

    It stands in this process, and nothing goes over a network.
    """
    apis = (ChatCompletions(), Completions(), Responses(), AnthropicMessages())
    app = Starlette(routes=[Route(api.path, _answering(api, replies, think_s), methods=["POST"]) for api in apis])
    return Upstreams(openai=Upstream("http://recorded", transport=httpx2.ASGITransport(app), prices=prices))


def _answering(
    api: TextApi, replies: Mapping[str, Reply], think_s: float
) -> Callable[[HttpRequest], Awaitable[Response]]:
    async def endpoint(http: HttpRequest) -> Response:
        try:
            body = _fields(await read_body(http, MAX_MB))
            reply = _reply(api, body, replies)
        except GatewayError as error:
            return error_response(error, api, {})
        await anyio.sleep(think_s)
        completion = Completion(
            id="recorded",
            text=reply.text,
            created=int(time.time()),
            body=body,
            read=reply.usage.input_tokens or 0,
            written=reply.usage.output_tokens or 0,
        )
        return completion_response(api, completion, {})

    return endpoint


def _fields(body: bytes) -> Mapping[str, Any]:
    fields = fields_in(body)
    if fields is None:
        raise GatewayError("the body is not a JSON object", status=400, code="invalid_json")
    return fields


def _reply(api: TextApi, body: Mapping[str, Any], replies: Mapping[str, Reply]) -> Reply:
    try:
        messages = api.read(body).messages
    except NotServedError as error:
        raise GatewayError(f"this was never recorded: {error}", status=404, code="not_recorded") from None
    reply = replies.get(messages[0].content) if len(messages) == 1 else None
    if reply is None:
        raise GatewayError(
            "this was never recorded, and no model stands behind this upstream",
            status=404,
            code="not_recorded",
            hint="it answers the demonstration's own questions, each as one message; a tool answers new ones",
        )
    return reply
