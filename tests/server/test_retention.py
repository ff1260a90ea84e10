"""What a gateway keeps, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hammerstone.sandbox import Sandbox
from hammerstone.server.controls import HEADER
from hammerstone.server.keeper import Keeper
from hammerstone.settings import ServeSettings
from hammerstone.store import open_stores
from hammerstone.store.selection import Selection

from .sums import Served, open_gateway
from .test_feedback import say

pytestmark = pytest.mark.anyio

NEW = "What is the sum of 4000 and 321?"
ROUTE = HEADER + "route"


def aged(monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """Let what is stored from now on be so old."""
    moment = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="microseconds")
    for table in ("answers", "instances", "tasks"):
        monkeypatch.setattr(f"hammerstone.store.{table}.timestamp", lambda: moment)


async def test_a_gateway_removes_what_is_too_old_when_it_starts(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    with monkeypatch.context() as past:
        aged(past, 31)
        async with open_gateway(home, sandbox) as served:
            await served.ask("How much is 1 and 2?")
    async with open_gateway(home, sandbox, serve=ServeSettings(keep_days=30)) as served:
        await served.ask("How much is 3 and 4?")
        keeper = Keeper(served.host.stores, 30)
        await keeper.purge(30)  # as the gateway's own has done, or is about to do
        store = (await served.loop()).store
        assert {str(kept): count for kept, count in store.kept().items()} == {"whole": 1, "masked": 0, "nothing": 1}
        left = [one.question for task in store.tasks() for one in store.instances(task.name)]
        assert left == ["How much is 3 and 4?"]
    assert all(b"How much is 1" not in file.read_bytes() for file in home.rglob("*") if file.is_file())


async def test_a_tool_serves_on_when_all_that_it_was_built_from_is_gone(tmp_path: Path, sandbox: Sandbox) -> None:
    async with open_gateway(tmp_path / "home", sandbox) as served:
        await served.learn_sums()
        (await served.loop()).store.purge(Selection())
        answered = await served.ask(NEW)
        assert answered.headers[ROUTE] == "parser"
        assert (await say(served, answered, correct=False)).json()["quarantined"]


async def test_a_kind_is_known_again_after_a_restart_by_what_its_tool_was_checked_on(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    async with open_gateway(tmp_path / "home", sandbox) as served:
        await served.learn_sums()
        (await served.loop()).store.purge(Selection())
    async with open_gateway(tmp_path / "home", sandbox) as served:
        await served.ask(NEW, headers={HEADER + "bypass": "true"})
        (task,) = (await served.loop()).store.tasks()
        assert task.instances == 1


async def test_what_is_purged_is_in_no_exact_cache_either(tmp_path: Path, sandbox: Sandbox) -> None:
    question = "How much is 1 and 2 and 3?"
    async with open_gateway(tmp_path / "home", sandbox) as served:
        for _ in range(2):
            answered = await served.ask(question, temperature=0)
        assert answered.headers[ROUTE] == "exact"
        with open_stores(tmp_path / "home") as stores:  # as another process would
            stores.of("").purge(Selection(request_id=answered.headers[HEADER + "request-id"]))
        assert (await served.ask(question, temperature=0)).headers[ROUTE] == "upstream"
        assert (await served.ask(question, temperature=0)).headers[ROUTE] == "exact"
        assert (await say(served, answered, correct=False)).status_code == 404


async def test_a_tenant_whose_store_is_broken_keeps_no_others_text(
    tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_gateway(tmp_path / "home", sandbox) as served:
        stores = served.host.stores
        for tenant in ("broken", "acme"):
            loop = await served.host.of(tenant)
            await fill(served, tenant)
            if tenant == "broken":
                monkeypatch.setattr(loop.store, "purge", None)
        keeper = Keeper(stores, 1)
        monkeypatch.setattr("hammerstone.server.keeper.timestamp", lambda **_: "9")
        await keeper.purge(1)
        kept = [dict(stores.of(tenant).kept())["whole"] for tenant in ("broken", "acme")]
        assert kept == [1, 0]


async def fill(served: Served, tenant: str) -> None:
    from hammerstone.store.records import Answered
    from hammerstone.types import Route

    served.host.stores.of(tenant).add_answer(Answered(id="r", question="?", answer="!", route=Route.SOLVER))
