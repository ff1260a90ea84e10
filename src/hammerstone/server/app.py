"""The routes of the gateway."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hammerstone.concurrency import task_group
from hammerstone.server.access import Access
from hammerstone.server.admin import AdminApi
from hammerstone.server.feedback import FEEDBACK, Feedback
from hammerstone.server.gateway import Gateway
from hammerstone.server.keeper import Keeper
from hammerstone.server.learner import Learner
from hammerstone.server.mcp_endpoint import McpEndpoint
from hammerstone.server.pages import Pages
from hammerstone.server.pages.visit import Place
from hammerstone.server.protocols import AnthropicMessages, ChatCompletions, Completions, Responses, TextApi
from hammerstone.server.replies import GatewayError, error_response
from hammerstone.server.telemetry.middleware import Telemetry
from hammerstone.server.telemetry.routes import telemetry_routes
from hammerstone.server.telemetry.signals import Signals, open_signals
from hammerstone.server.telemetry.tool_gauges import ToolGauges
from hammerstone.server.tenants import Tenants
from hammerstone.server.tools_api import ToolsApi
from hammerstone.server.upstream import Upstreams
from hammerstone.settings import ServeSettings

__all__ = ["build_app", "build_pages_app"]

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def build_app(
    tenants: Tenants,
    upstreams: Upstreams,
    settings: ServeSettings,
    learner: Learner | None = None,
    access: Access | None = None,
    signals: Signals | None = None,
) -> Starlette:
    """The application over what a host has opened. Its lifespan runs the learner and closes the upstreams."""
    signals = signals or open_signals(settings)
    learner = learner or Learner(reporter=signals.health.store("writing answers"))
    access = access or Access(reporter=signals.health.store("exchanging keys"))
    gauges = ToolGauges(tenants, signals.health.store("reading tools"))
    signals.metrics.show(learner, gauges)
    tools = ToolsApi(tenants=tenants, entry=access, learner=learner, settings=settings)
    feedback = Feedback(tenants=tenants, entry=access, learner=learner, settings=settings)
    admin = AdminApi(tenants=tenants, access=access, settings=settings)
    pages = Pages(Place(tenants=tenants, settings=settings, health=signals.health, access=access, upstreams=upstreams))
    mcp = McpEndpoint(tools.of, access, settings)
    gateway = Gateway(
        tenants=tenants,
        upstreams=upstreams,
        learner=learner,
        settings=settings,
        access=access,
        health=signals.health,
    )

    keeper = Keeper(tenants.stores, settings.keep_days, signals.health.store("removing what is too old"))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        del app
        async with task_group() as group:
            group.start_soon(learner.run)
            group.start_soon(access.run)
            group.start_soon(keeper.run)
            async with gauges.running(), mcp.running(), gateway.running(), pages.running():
                yield
            learner.close()
            access.close()
            keeper.close()
        await upstreams.aclose()

    apis = (ChatCompletions(), Completions(), Responses(), AnthropicMessages())
    return Starlette(
        routes=[
            *(Route(api.path, _text(gateway, api), methods=["POST"]) for api in apis),
            *tools.routes(),
            *(Route(path, feedback.take, methods=["POST"]) for path in (FEEDBACK, f"{FEEDBACK}/")),
            *(Route(path, _only_posted, methods=_METHODS) for path in (FEEDBACK, f"{FEEDBACK}/")),
            *admin.routes(),
            *pages.routes(),
            Route("/mcp", mcp),
            *telemetry_routes(signals, access, settings.metrics),
            Route("/v1/{path:path}", gateway.forward, methods=_METHODS),
        ],
        middleware=[Middleware(Telemetry, observers=signals.observers, spans=signals.spans)],
        exception_handlers={HTTPException: _not_here, Exception: _failed},
        lifespan=lifespan,
    )


def build_pages_app(tenants: Tenants, settings: ServeSettings, access: Access, signals: Signals) -> Starlette:
    """The pages alone, without a gateway."""
    pages = Pages(Place(tenants=tenants, settings=settings, health=signals.health, access=access))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        del app
        async with task_group() as group:
            group.start_soon(access.run)
            async with pages.running():
                yield
            access.close()

    return Starlette(routes=pages.routes(), lifespan=lifespan)


async def _not_here(http: Request, error: Exception) -> Response:
    """A path or a method that there is not."""
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (404, None)
    path = http.scope["path"]
    refused = GatewayError(
        f"there is no {http.method} {path[:80]} here",
        status=status,
        code="not_found",
        hint="" if path.startswith("/v1/") else "OpenAI's and Anthropic's APIs are below /v1",
        headers=headers,
    )
    return error_response(refused, None, {})


async def _only_posted(http: Request) -> Response:
    """The upstream has no such path."""
    del http
    raise HTTPException(405, headers={"Allow": "POST"})


async def _failed(http: Request, error: Exception) -> Response:
    """What nobody foresaw: it is in the log."""
    del http, error
    failed = GatewayError("hammerstone has failed", status=500, code="internal_error", kind="hammerstone_error")
    return error_response(failed, None, {})


def _text(gateway: Gateway, api: TextApi) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await gateway.text(request, api)

    return endpoint
