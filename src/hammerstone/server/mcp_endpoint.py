"""The Model Context Protocol over streamable HTTP, at `/mcp` of the gateway.

Each tenant has a server and sessions of its own, so a session's id is worth nothing to another tenant. The protocol's
package is imported with the first request that comes here: a gateway without such clients need not hold it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup, TaskStatus
from starlette.requests import Request as HttpRequest
from starlette.types import Receive, Scope, Send

from hammerstone.concurrency import task_group
from hammerstone.errors import HammerstoneError
from hammerstone.faults import loggable
from hammerstone.server.bodies import MEGABYTE
from hammerstone.server.entry import Entry
from hammerstone.server.replies import GatewayError, client_error_of, error_response
from hammerstone.server.tool_calls import ToolCalls
from hammerstone.settings import ServeSettings

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from hammerstone.server.mcp_server import ToolServer

__all__ = ["McpEndpoint", "watch"]

LOOK_SECONDS = 0.5  # between two looks at whether other tools are live
MOST_MB = 1.0  # of a request: the package `mcp` reads its JSON while every other request waits

_log = logging.getLogger(__name__)


class Looking(Protocol):
    async def look(self) -> None: ...


async def watch(servers: Callable[[], Sequence[Looking]], sleep: Callable[[float], Awaitable[object]]) -> None:
    """Look after these servers, for ever."""
    while True:
        await sleep(LOOK_SECONDS)
        for server in servers():
            try:
                await server.look()
            except Exception as error:
                _log.warning("MCP clients do not hear of changed tools: %s", loggable(error))


class McpEndpoint:
    """An ASGI application. Serves within `running`."""

    def __init__(self, calls: Callable[[str], Awaitable[ToolCalls]], entry: Entry, settings: ServeSettings) -> None:
        self._calls = calls
        self._entry = entry
        self._max_bytes = int(min(settings.max_body_mb, MOST_MB) * MEGABYTE)
        self._servers: dict[str, ToolServer] = {}
        self._managers: dict[str, StreamableHTTPSessionManager] = {}
        self._opening = anyio.Lock()
        self._group: TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        async with task_group() as group:
            self._group = group
            group.start_soon(watch, lambda: list(self._servers.values()), anyio.sleep)
            yield
            self.close()
            group.cancel_scope.cancel()

    def close(self) -> None:
        """End the streams of those who have subscribed to changes."""
        for server in self._servers.values():
            server.close()

    async def look(self) -> None:
        """Look now whether other tools are live."""
        for server in list(self._servers.values()):
            await server.look()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            tenant = await self._entry.admit(HttpRequest(scope, receive))
            manager = await self._manager(tenant)
        except (GatewayError, HammerstoneError) as error:
            await error_response(client_error_of(error), None, {})(scope, receive, send)
            return
        await manager.handle_request(scope, receive, send)

    async def _manager(self, tenant: str) -> StreamableHTTPSessionManager:
        async with self._opening:
            if tenant not in self._managers:
                if self._group is None:
                    raise RuntimeError("use `async with McpEndpoint(...).running()`")
                await to_thread.run_sync(_import)
                await self._group.start(self._serve, tenant)
            return self._managers[tenant]

    async def _serve(self, tenant: str, *, task_status: TaskStatus[None]) -> None:
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        from hammerstone.server.mcp_server import ToolServer

        tools = ToolServer(await self._calls(tenant))
        manager = StreamableHTTPSessionManager(tools.server, max_request_body_size=self._max_bytes)
        async with manager.run():
            self._servers[tenant], self._managers[tenant] = tools, manager
            task_status.started()
            await anyio.sleep_forever()


def _import() -> None:
    """Run in a thread: it takes a second or two. Raises `GatewayError` where the package is not installed."""
    try:
        import_module("hammerstone.server.mcp_server")
    except ModuleNotFoundError as error:
        if error.name not in {"mcp", "mcp_types"}:
            raise
        message = "this gateway cannot speak MCP: the package `mcp` is not installed with it"
        raise GatewayError(message, status=501, code="mcp_not_installed", kind="hammerstone_error") from None
