"""When parts of hammerstone fail: requests still reach the upstream, which is told, and nothing accounted is lost."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from sqlalchemy import create_engine, text

from hammerstone.errors import SandboxError
from hammerstone.sandbox import Outcome, Sandbox, open_sandbox
from hammerstone.sandbox.contract import Process
from hammerstone.sandbox.lasting import open_lasting
from hammerstone.server.telemetry.signals import open_signals
from hammerstone.settings import ServeSettings
from hammerstone.store import open_stores
from hammerstone.types import Route

from ..processes import family, kill_and_await
from ..samples.flaky import Outage
from .sums import CHAT, Served, body, eventually, open_gateway

pytestmark = pytest.mark.anyio

NEW = "What is the sum of 4000 and 321?"
FULL = frozenset(("finish_requests",))


@pytest.fixture
def outage() -> Outage:
    return Outage()


@pytest.fixture
async def served(tmp_path: Path, sandbox: Sandbox, outage: Outage) -> AsyncIterator[Served]:
    async with open_gateway(tmp_path, sandbox, outage=outage, fresh_s=0.001) as one:
        await one.learn_sums()
        await one.ask("What is the sum of 4000 and 1?")  # so that the tool is known here
        yield one


async def post(served: Served, question: str) -> tuple[int, str, str | None]:
    """Status, route and fault; nobody waits until it is learned from."""
    response = await served.client.post(CHAT, json=body(question))
    return response.status_code, response.headers["x-hammerstone-route"], response.headers.get("x-hammerstone-fault")


async def until(served: Served, waiting: int) -> None:
    await eventually(lambda: served.learner.waiting == waiting)


async def routes(served: Served) -> list[Route | None]:
    return [row.route for row in (await served.loop()).store.routes() for _ in range(row.requests)]


async def test_without_the_store_live_tools_answer_from_memory_and_their_answers_wait(
    served: Served, outage: Outage
) -> None:
    before = await routes(served)
    outage.tenants = {""}
    for number in range(3):
        assert await post(served, f"What is the sum of 4000 and {number}?") == (200, "parser", None)
    assert served.learner.waiting == 3
    outage.tenants = set()
    await until(served, 0)
    assert sorted(await routes(served), key=str) == sorted([*before, *[Route.PARSER] * 3], key=str)


async def test_without_the_store_a_miss_says_so_and_is_learned_from_once_it_is_back(
    served: Served, outage: Outage
) -> None:
    outage.tenants = {""}
    assert (await post(served, "What is two?"))[:2] == (200, "upstream")
    await eventually(lambda: served.signals.health.fault() is not None)
    assert await post(served, "What is three?") == (200, "upstream", "StoreError")
    assert (await served.client.get("/readyz")).json()["parts"]["store"] == "failed"
    outage.tenants = set()
    await until(served, 0)
    assert await post(served, "What is four?") == (200, "upstream", None)
    await until(served, 0)
    assert [route for route in await routes(served) if route is Route.SOLVER] == [Route.SOLVER] * 8


async def test_a_full_disk_loses_nothing_and_keeps_nobody_waiting(served: Served, outage: Outage) -> None:
    outage.tenants, outage.names = {""}, FULL
    assert (await post(served, NEW))[:2] == (200, "parser")
    assert (await post(served, "What is two?"))[:2] == (200, "upstream")
    assert served.learner.waiting == 2
    outage.tenants = set()
    await until(served, 0)
    assert served.learner.dropped == 0
    assert (await routes(served)).count(Route.PARSER) == 2


async def test_the_metrics_answer_at_once_without_the_store(served: Served, outage: Outage) -> None:
    outage.tenants = {""}
    await post(served, NEW)
    await eventually(lambda: served.signals.health.fault() is not None)
    text = (await served.client.get("/metrics")).text
    assert 'hammerstone_part_up{part="store"} 0.0' in text
    assert 'hammerstone_waiting{what="answers"} 1.0' in text


async def test_a_store_that_was_never_opened_sends_requests_to_the_upstream(tmp_path: Path, sandbox: Sandbox) -> None:
    with open_stores(tmp_path) as stores:
        secret = stores.keys.create("a", tenant="acme").secret
    outage = Outage(tenants={"acme"})
    async with open_gateway(tmp_path, sandbox, outage=outage) as served:
        await served.access.exchange()
        headers = {"authorization": f"Bearer {secret}"}
        response = await served.client.post(CHAT, json=body(NEW), headers=headers)
        assert (response.status_code, response.headers["x-hammerstone-fault"]) == (200, "StoreError")
        tools = await served.client.get("/tools", headers=headers)
        assert (tools.status_code, tools.json()["error"]["code"]) == (503, "store")
        assert "disk" not in tools.json()["error"]["message"]  # what has failed is the operator's business
        over_mcp = await served.client.post("/mcp", json={}, headers=headers)
        assert (over_mcp.status_code, over_mcp.json()["error"]["type"]) == (503, "hammerstone_error")
        outage.tenants = set()
        await until(served, 0)
        assert len((await served.host.of("acme")).store.routes()) == 1


async def test_one_tenants_lost_store_delays_no_other_tenants(tmp_path: Path, sandbox: Sandbox) -> None:
    with open_stores(tmp_path) as stores:
        keys = {tenant: stores.keys.create(tenant, tenant=tenant).secret for tenant in ("a", "b")}
    outage = Outage(tenants={"a"}, names=FULL)
    async with open_gateway(tmp_path, sandbox, outage=outage) as served:
        await served.access.exchange()
        for tenant in ("a", "b"):
            await served.client.post(CHAT, json=body(NEW), headers={"authorization": f"Bearer {keys[tenant]}"})
        await until(served, 1)
        assert len((await served.host.of("b")).store.routes()) == 1
        assert (served.signals.health.fault("a"), served.signals.health.fault("b")) == ("StoreError", None)


async def test_a_missing_table_is_a_fault_and_no_error_of_the_client(tmp_path: Path, sandbox: Sandbox) -> None:
    async with open_gateway(tmp_path, sandbox) as served:
        await served.host.of()
        with create_engine(f"sqlite:///{tmp_path}/hammerstone.db").begin() as connection:
            connection.execute(text("ALTER TABLE tools RENAME TO gone"))
        assert (await post(served, NEW))[:2] == (200, "upstream")
        assert (await post(served, NEW)) == (200, "upstream", "StoreError")
        with create_engine(f"sqlite:///{tmp_path}/hammerstone.db").begin() as connection:
            connection.execute(text("ALTER TABLE gone RENAME TO tools"))
        await until(served, 0)


# the sandbox


@dataclass
class Breakable:
    """Opens real sandboxes, unless `broken`; what is open is then dead, too."""

    broken: bool = False

    def check(self) -> None:
        if self.broken:
            raise SandboxError("the worker is gone")

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Sandbox]:
        self.check()
        async with open_sandbox() as opened:
            yield cast("Sandbox", _Checked(opened, self))


class _Checked:
    def __init__(self, sandbox: Sandbox, backend: Breakable) -> None:
        self._sandbox = sandbox
        self._backend = backend
        self.name = sandbox.name

    async def call(self, *arguments: Any, **named: Any) -> Outcome:
        self._backend.check()
        return await self._sandbox.call(*arguments, **named)

    def process(self, *arguments: Any, **named: Any) -> AbstractAsyncContextManager[Process]:
        self._backend.check()
        return self._sandbox.process(*arguments, **named)


async def test_a_dead_sandbox_sends_hits_to_the_upstream_until_it_is_opened_again(tmp_path: Path) -> None:
    backend, signals = Breakable(), open_signals(ServeSettings())
    async with (
        open_lasting(backend.open, signals.health.sandbox(), first_s=0.01) as sandbox,
        open_gateway(tmp_path, sandbox, signals=signals) as served,
    ):
        await served.learn_sums()
        assert (await post(served, NEW))[1] == "parser"
        backend.broken = True
        assert await post(served, "What is the sum of 1 and 2?") == (200, "upstream", "SandboxError")
        backend.broken = False
        await eventually(lambda: signals.health.fault() is None)
        assert await post(served, "What is the sum of 3 and 4?") == (200, "parser", None)


async def test_killed_workers_cost_one_answer_and_no_request(tmp_path: Path) -> None:
    async with open_sandbox() as sandbox, open_gateway(tmp_path, sandbox) as served:
        await served.learn_sums()
        assert (await post(served, NEW))[1] == "parser"
        kill_and_await(family())
        assert (await post(served, "What is the sum of 5 and 6?"))[0] == 200
        assert (await post(served, "What is the sum of 7 and 8?"))[1] == "parser"


async def test_clients_of_tools_are_not_told_how_the_sandbox_died(tmp_path: Path, sandbox: Sandbox) -> None:
    backend = Breakable()
    async with open_gateway(tmp_path, cast("Sandbox", _Checked(sandbox, backend))) as served:
        await served.learn_sums()
        (name,) = [one["name"] for one in (await served.client.get("/tools")).json()["data"]]
        backend.broken = True
        arguments = {"left": 1, "right": 2}
        alone = await served.client.post(f"/tools/{name}", json=arguments)
        batch = await served.client.post(f"/tools/{name}/batch", json=[arguments, "?"])
        transport = streamable_http_client("http://localhost/mcp", http_client=served.client)
        async with Client(transport) as client:
            over_mcp = await client.call_tool(name, arguments)
        assert (alone.status_code, batch.status_code, over_mcp.is_error) == (503, 200, True)
        assert [one["error"]["code"] for one in batch.json()["data"]] == ["sandbox", "invalid_arguments"]
        assert "worker" not in f"{alone.text} {batch.text} {over_mcp}"
