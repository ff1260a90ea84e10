"""The live tools over the Model Context Protocol, asked by the official client."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ToolsListChanged

from hammerstone.loop import Hammerstone, Models
from hammerstone.sandbox import Sandbox
from hammerstone.server.learner import Learner
from hammerstone.server.mcp_server import PAGE, ToolServer
from hammerstone.server.tool_calls import ToolCalls
from hammerstone.store import Store
from hammerstone.store.records import ToolState

from ..samples.sums import PRODUCT, tool
from .sums import open_gateway

pytestmark = pytest.mark.anyio

MODES = ["legacy", "2026-07-28"]


@pytest.fixture
async def served(store: Store, sandbox: Sandbox) -> AsyncIterator[ToolServer]:
    store.publish(tool())
    async with Hammerstone(store=store, sandbox=sandbox, models=Models()) as loop:
        yield ToolServer(ToolCalls(loop, Learner()))


def said(result: Any) -> str:
    return result.content[0].text


@pytest.mark.parametrize("mode", MODES)
async def test_live_tools_are_listed_with_their_schemas_and_called(served: ToolServer, mode: str) -> None:
    async with Client(served.server, mode=mode) as client:
        [listed] = (await client.list_tools()).tools
        assert (listed.name, listed.input_schema["required"]) == ("sum", ["left", "right"])
        assert listed.input_schema["properties"]["left"] == {"type": "integer"}
        result = await client.call_tool("sum", {"left": 40, "right": 2})
        assert (said(result), result.is_error) == ("42", False)


@pytest.mark.parametrize("mode", MODES)
async def test_arguments_that_do_not_fit_are_a_result_that_a_model_can_act_on(served: ToolServer, mode: str) -> None:
    async with Client(served.server, mode=mode) as client:
        result = await client.call_tool("sum", {"left": "40"})
        assert result.is_error
        assert said(result) == "left: Input should be a valid integer; right: Field required"


@pytest.mark.parametrize("task", ["größe_in_cm", "日付", "sum_π"])
@pytest.mark.parametrize("mode", MODES)
async def test_a_name_beyond_ascii_becomes_one_that_every_client_accepts(
    served: ToolServer, store: Store, mode: str, task: str
) -> None:
    store.publish(tool(task, PRODUCT))
    async with Client(served.server, mode=mode) as client:
        [listed] = [one for one in (await client.list_tools()).tools if one.title == task]
        assert re.fullmatch(r"[a-z0-9_]{1,64}", listed.name)
        assert said(await client.call_tool(listed.name, {"left": 6, "right": 7})) == "42"


async def test_a_tool_that_is_not_live_is_an_error_of_the_protocol(served: ToolServer) -> None:
    async with Client(served.server) as client:
        with pytest.raises(MCPError, match="no live tool"):
            await client.call_tool("product", {})


async def test_many_tools_come_in_pages(served: ToolServer, store: Store) -> None:
    for number in range(PAGE + 4):
        store.publish(tool(f"product_{number:03}", PRODUCT))
    async with Client(served.server) as client:
        first = await client.list_tools()
        second = await client.list_tools(cursor=first.next_cursor)
        assert (len(first.tools), len(second.tools), second.next_cursor) == (PAGE, 5, None)
        assert second.tools[-1].name == "sum"


async def test_clients_hear_when_a_tool_goes_live_or_is_withdrawn(served: ToolServer, store: Store) -> None:
    heard: list[str] = []
    news = anyio.Event()

    async def hear(message: Any) -> None:
        heard.append(message.method)
        news.set()

    async with Client(served.server, mode="legacy", message_handler=hear) as client:
        assert client.server_capabilities.tools is not None
        assert client.server_capabilities.tools.list_changed
        await client.list_tools()
        for change in ("published", "withdrawn"):
            await served.look()
            assert heard == []
            if change == "published":
                store.publish(tool("product", PRODUCT))
            else:
                store.set_tool_state("product", None, ToolState.DISABLED)
            await served.look()
            with anyio.fail_after(30):
                await news.wait()
            assert heard == ["notifications/tools/list_changed"]
            heard.clear()
            news = anyio.Event()


async def test_clients_of_the_newer_protocol_subscribe_to_changes(served: ToolServer, store: Store) -> None:
    async with Client(served.server, mode="2026-07-28") as client, client.listen(tools_list_changed=True) as changes:
        await client.list_tools()
        store.publish(tool("product", PRODUCT))
        await served.look()
        with anyio.fail_after(30):
            assert await anext(aiter(changes)) == ToolsListChanged()


@pytest.mark.parametrize("mode", MODES)
async def test_the_gateway_serves_them_over_http(tmp_path: Path, sandbox: Sandbox, mode: str) -> None:
    async with open_gateway(tmp_path / "home", sandbox) as gateway:
        (await gateway.loop()).store.publish(tool())
        transport = streamable_http_client("http://localhost/mcp", http_client=gateway.client)
        async with Client(transport, mode=mode) as client:
            assert [one.name for one in (await client.list_tools()).tools] == ["sum"]
            assert said(await client.call_tool("sum", {"left": 40, "right": 2})) == "42"
        assert gateway.upstream.seen == []


async def test_web_pages_of_another_site_may_not_ask_over_http(tmp_path: Path, sandbox: Sandbox) -> None:
    async with open_gateway(tmp_path / "home", sandbox) as gateway:
        for headers in ({"origin": "https://evil.example"}, {"host": "evil.example", "origin": "http://evil.example"}):
            response = await gateway.client.post("/mcp", json={}, headers=headers)
            assert response.status_code == 403


async def test_a_request_that_would_hold_up_all_others_is_not_read(tmp_path: Path, sandbox: Sandbox) -> None:
    """The package that speaks the protocol reads JSON on the event loop."""
    async with open_gateway(tmp_path / "home", sandbox) as gateway:
        head = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
        for size, status in ((900_000, 400), (1_100_000, 413)):
            body = b'{"x": "' + b"x" * size + b'"}'
            assert (await gateway.client.post("/mcp", content=body, headers=head)).status_code == status


async def test_the_command_speaks_the_protocol_and_nothing_else(tmp_path: Path, store: Store) -> None:
    store.publish(tool())
    home = str(tmp_path / "home")
    command = StdioServerParameters(command=sys.executable, args=["-m", "hammerstone", "mcp", "--home", home])
    async with Client(command) as client:
        assert [one.name for one in (await client.list_tools()).tools] == ["sum"]
        assert said(await client.call_tool("sum", {"left": 40, "right": 2})) == "42"


async def test_every_line_of_the_command_s_output_is_a_message(tmp_path: Path, store: Store) -> None:
    store.publish(tool())
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    sent = [{"method": "initialize", "id": 1, "params": hello}, {"method": "notifications/initialized"}]
    sent += [{"method": "tools/list", "id": 2}]
    lines = "".join(json.dumps({"jsonrpc": "2.0", **one}) + "\n" for one in sent)
    command = [sys.executable, "-m", "hammerstone", "mcp", "--home", str(tmp_path / "home")]
    async with await anyio.open_process(command) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        await process.stdin.send(lines.encode())
        written = b""
        while written.count(b"\n") < 2:
            written += await process.stdout.receive()
        await process.stdin.aclose()
        written += b"".join([chunk async for chunk in process.stdout])
    replies = [json.loads(line) for line in written.splitlines()]
    assert [one["id"] for one in replies] == [1, 2]
    assert [one["name"] for one in replies[1]["result"]["tools"]] == ["sum"]


async def test_a_tenant_that_is_not_there_is_an_error_before_the_protocol_begins(tmp_path: Path, store: Store) -> None:
    del store
    command = [sys.executable, "-m", "hammerstone", "mcp", "--home", str(tmp_path / "home"), "--tenant", "nobody"]
    done = await anyio.run_process(command, check=False)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"nobody" in done.stderr
