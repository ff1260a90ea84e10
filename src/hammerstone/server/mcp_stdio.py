"""The live tools of a home for one MCP client, over standard input and output."""

from __future__ import annotations

import anyio
from mcp.server.stdio import stdio_server

from hammerstone.concurrency import task_group
from hammerstone.loop import Hammerstone, Models
from hammerstone.sandbox import open_sandbox
from hammerstone.server.learner import Learner
from hammerstone.server.mcp_endpoint import watch
from hammerstone.server.mcp_server import ToolServer
from hammerstone.server.tool_calls import ToolCalls
from hammerstone.settings import Settings
from hammerstone.store import Store

__all__ = ["serve_stdio"]


async def serve_stdio(store: Store, sandbox: str, settings: Settings, tenant: str) -> None:
    """Serve until the client closes our standard input. Meanwhile standard output is the protocol's, and what else
    would be written there goes to standard error. Raises `SandboxError`, `StoreError`.
    """
    async with (
        open_sandbox(sandbox, settings=settings.sandbox) as confined,
        Hammerstone(store=store, sandbox=confined, models=Models(), settings=settings, tenant=tenant) as loop,
        stdio_server() as (read, write),
        task_group() as group,
    ):
        tools = ToolServer(ToolCalls(loop, Learner()))
        group.start_soon(watch, lambda: [tools], anyio.sleep)
        await tools.server.run(read, write, tools.server.create_initialization_options())
        group.cancel_scope.cancel()
