"""A tenant's live tools as tools of the Model Context Protocol, over whatever transport.

Clients of the protocol up to 2025-11-25 hear of another list as `notifications/tools/list_changed`, later ones where
they have subscribed to it. Importing this module takes a second or two: the protocol's package is large.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any
from weakref import WeakSet

import mcp_types as types
from mcp import MCPError
from mcp.server.connection import Connection
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.models import InitializationOptions
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged

from hammerstone.digests import sha256
from hammerstone.errors import HammerstoneError
from hammerstone.server.replies import GatewayError, client_error_of
from hammerstone.server.tool_calls import ToolCalls
from hammerstone.server.tool_documents import tool_description
from hammerstone.store import StoredTool
from hammerstone.tools import read_signature

__all__ = ["PAGE", "ToolServer"]

PAGE = 100
"""Tools of one answer to `tools/list`."""

_INSTRUCTIONS = "Functions that were verified on real requests. They are exact and deterministic, and need no model."
_HINTS = types.ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)

_Context = ServerRequestContext[Any, Any]


class ToolServer:
    """`server` is what a transport runs; call `look` now and then."""

    def __init__(self, calls: ToolCalls) -> None:
        self._calls = calls
        self._bus = InMemorySubscriptionBus()
        self._connections: WeakSet[Connection] = WeakSet()
        self._seen: frozenset[str] | None = None
        self._listening = ListenHandler(self._bus)
        self.server: Server[Any] = _ChangingServer(
            "hammerstone",
            version=version("hammerstone"),
            instructions=_INSTRUCTIONS,
            on_list_tools=self._list,
            on_call_tool=self._call,
            on_subscriptions_listen=self._listening,
            get_tool_input_schema=self._schema,
        )
        self.server.add_notification_handler("notifications/initialized", types.NotificationParams, self._joined)

    async def look(self) -> None:
        """Notify the clients if other tools or versions are live than at the last look. Raises `StoreError`."""
        former = self._seen
        if former is None or self._note(await self._calls.live()) == former:
            return
        await self._bus.publish(ToolsListChanged())
        for connection in list(self._connections):
            await connection.send_tool_list_changed()

    def close(self) -> None:
        """End the streams of those who have subscribed."""
        self._listening.close()

    def _note(self, tools: tuple[StoredTool, ...]) -> frozenset[str]:
        self._seen = frozenset(tool.tool.digest for tool in tools)
        return self._seen

    async def _list(self, context: _Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        """The live tools by name; a cursor is the last name of the previous page."""
        del context
        tools = await self._calls.live()
        if self._seen is None:
            self._note(tools)
        after = params.cursor if params is not None and params.cursor is not None else ""
        left = sorted((tool for tool in tools if tool.task > after), key=lambda tool: tool.task)
        return types.ListToolsResult(
            tools=[_described(tool) for tool in left[:PAGE]],
            next_cursor=left[PAGE - 1].task if len(left) > PAGE else None,
        )

    async def _call(self, context: _Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        """A model can act on what a call that fails has to say: it is a result, as the protocol asks for."""
        del context
        tool = _named(params.name, await self._calls.live())
        if tool is None:
            raise MCPError(types.INVALID_PARAMS, f"there is no live tool {params.name[:80]!r}")
        try:
            called = await self._calls.call(tool, params.arguments or {})
        except (GatewayError, HammerstoneError) as error:
            said = types.TextContent(text=client_error_of(error).message)
            return types.CallToolResult(content=[said], is_error=True)
        return types.CallToolResult(content=[types.TextContent(text=called.answer)])

    async def _joined(self, context: _Context, params: types.NotificationParams | None) -> None:
        """Remember a client of the earlier protocol as long as its connection lasts."""
        del params
        self._connections.add(context.session._connection)  # pyright: ignore[reportPrivateUsage] - the only way to it
        await self.look()

    def _schema(self, name: str) -> dict[str, Any] | None:
        tool = _named(name, self._calls.known)
        return None if tool is None else read_signature(tool.tool.source).schema


class _ChangingServer(Server[Any]):
    """Says from the start that its list of tools changes."""

    def create_initialization_options(
        self,
        notification_options: NotificationOptions | None = None,
        experimental_capabilities: dict[str, dict[str, Any]] | None = None,
        extensions: dict[str, dict[str, Any]] | None = None,
    ) -> InitializationOptions:
        options = notification_options or NotificationOptions(tools_changed=True)
        return super().create_initialization_options(options, experimental_capabilities, extensions)


def _client_name(task: str) -> str:
    """A tool's name for clients: the protocol wants ASCII, and some model providers refuse anything else."""
    if task.isascii():
        return task
    plain = unicodedata.normalize("NFKD", task).encode("ascii", "ignore").decode()
    return f"{plain.strip('_') or 'tool'}_{sha256(task)[:8]}"


def _named(name: str, tools: Sequence[StoredTool]) -> StoredTool | None:
    return next((tool for tool in tools if _client_name(tool.task) == name), None)


def _described(tool: StoredTool) -> types.Tool:
    return types.Tool(
        name=_client_name(tool.task),
        title=tool.task,
        description=tool_description(tool),
        input_schema=read_signature(tool.tool.source).schema,
        annotations=_HINTS,
    )
