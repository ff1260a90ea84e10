"""`/metrics` and `/readyz`: what the gateway shows of itself, and to whom."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from prometheus_client.parser import text_string_to_metric_families

from hammerstone.errors import SandboxError, StoreError
from hammerstone.loop import Hammerstone
from hammerstone.sandbox import Sandbox
from hammerstone.server.telemetry.health import STALE_SECONDS, Health
from hammerstone.server.telemetry.record import RequestRecord
from hammerstone.server.telemetry.tool_gauges import ToolGauges
from hammerstone.settings import LifeSettings, ServeSettings
from hammerstone.store import open_stores
from hammerstone.store.key_records import KeyRole

from ..samples.sums import SETTINGS
from .fake_upstream import FakeUpstream, Reply
from .sums import CHAT, Served, body, open_gateway

pytestmark = pytest.mark.anyio

NEW = "What is the sum of 4000 and 321?"
PRIVATE = "What is the sum of 8 and 9, dear Zebedee?"


@pytest.fixture
async def served(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Served]:
    async with open_gateway(tmp_path / "home", sandbox) as one:
        yield one


async def scrape(served: Served) -> dict[tuple[str, ...], float]:
    """Each sample by its name and the values of its labels."""
    response = await served.client.get("/metrics")
    assert response.status_code == 200
    families = text_string_to_metric_families(response.text)
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


async def test_requests_are_counted_by_route_api_and_status(served: Served) -> None:
    await served.learn_sums()
    await served.ask(NEW)
    await served.client.get("/v1/models")
    await served.ask("hm?", headers={"x-hammerstone-only-if-hit": "true"})
    seen = await scrape(served)
    assert seen["hammerstone_requests_total", CHAT, "upstream", "2xx"] == 5
    assert seen["hammerstone_requests_total", CHAT, "parser", "2xx"] == 1
    assert seen["hammerstone_requests_total", "/v1/models", "upstream", "2xx"] == 1
    assert seen["hammerstone_requests_total", CHAT, "none", "5xx"] == 1


async def test_a_hit_counts_once_and_its_price_is_saved(served: Served) -> None:
    await served.learn_sums()
    before = await scrape(served)
    response = await served.ask(NEW)
    after = await scrape(served)
    saved = float(response.headers["x-hammerstone-saved-usd"])
    assert after["hammerstone_saved_usd_total",] - before["hammerstone_saved_usd_total",] == pytest.approx(saved)
    assert after["hammerstone_added_seconds_count", "parser"] == 1


async def test_a_hit_of_unknown_price_is_counted_apart(served: Served) -> None:
    await served.learn_sums(model="house-model")
    await served.ask(NEW, model="house-model")
    assert (await scrape(served))["hammerstone_saved_unpriced_total",] == 1


async def test_replies_that_nothing_can_be_learned_from_are_counted(tmp_path: Path, sandbox: Sandbox) -> None:
    """A provider that adds a field, or replies that end too early, must not stop the learning unnoticed."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "4321"}, "finish_reason": "stop"}
    replies = iter([{"choices": [choice], "sources": ["a page"]}, {"choices": [{**choice, "finish_reason": "length"}]}])
    upstream = FakeUpstream(lambda _: Reply.of(next(replies, {"choices": [choice]})))
    async with open_gateway(tmp_path / "home", sandbox, upstream=upstream) as served:
        for number in range(3):
            await served.ask(f"What is the sum of {number} and 1?")
        assert (await scrape(served))["hammerstone_unread_total",] == 2


def test_the_time_that_others_take_is_not_added() -> None:
    record = RequestRecord(started=100.0)
    record.waited, record.ready = 2.0, 102.25
    assert record.added == 0.25


async def test_an_error_of_the_upstream_is_counted_as_its_status(tmp_path: Path, sandbox: Sandbox) -> None:
    upstream = FakeUpstream(lambda _: Reply.of({"error": {"message": "no"}}, 503))
    async with open_gateway(tmp_path, sandbox, upstream) as served:
        await served.ask(NEW)
        assert (await scrape(served))["hammerstone_requests_total", CHAT, "upstream", "5xx"] == 1


async def test_builds_and_bounds_of_live_tools_are_shown(tmp_path: Path, sandbox: Sandbox) -> None:
    settings = replace(SETTINGS, life=LifeSettings(shadow=3))
    async with open_gateway(tmp_path, sandbox, settings=settings) as served:
        await served.learn_sums(count=8)
        figures = ToolGauges(served.host, served.signals.health.store("reading tools"))
        served.signals.metrics.show(served.learner, figures)
        await figures.look()
        seen = await scrape(served)
        (tool,) = (await served.loop()).store.live_tools()
        assert seen["hammerstone_builds_total", "passed"] == 1
        assert seen["hammerstone_builds_running",] == 0
        assert 0 < seen["hammerstone_false_hit_bound", tool.task] < 1
        assert seen["hammerstone_all_false_hit_bound",] == seen["hammerstone_false_hit_bound", tool.task]


async def test_tools_of_two_tenants_with_one_name_share_the_larger_bound(tmp_path: Path, sandbox: Sandbox) -> None:
    with keys(tmp_path) as (key, admin):
        async with open_gateway(tmp_path, sandbox, settings=replace(SETTINGS, life=LifeSettings(shadow=2))) as served:
            await served.access.exchange()
            for secret, count in ((key, 9), (admin, 7)):
                for number in range(count):
                    headers = {"authorization": f"Bearer {secret}"}
                    await served.ask(f"What is the sum of {number} and 7?", headers=headers)
            figures = ToolGauges(served.host, served.signals.health.store("reading tools"))
            await figures.look()
            (shared,) = [one for one in figures.metrics(by_tenant=False) if one.name == "hammerstone_false_hit_bound"]
            (apart,) = [one for one in figures.metrics(by_tenant=True) if one.name == "hammerstone_false_hit_bound"]
            assert sorted(one.labels["tenant"] for one in apart.samples) == ["", "acme"]
            assert [one.value for one in shared.samples] == [max(one.value for one in apart.samples)]


async def test_a_fault_while_tools_are_looked_at_ends_nothing_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Faulty:
        looked = anyio.Event()

        @property
        def loops(self) -> tuple[Hammerstone, ...]:
            self.looked.set()
            raise KeyError("dear Zebedee")

    async with ToolGauges(Faulty(), Health().store("reading tools")).running():
        await Faulty.looked.wait()
        await anyio.lowlevel.checkpoint()
    assert "KeyError in test_metrics.py" in caplog.text
    assert "Zebedee" not in caplog.text


async def test_nothing_of_a_prompt_or_a_key_is_in_the_metrics(served: Served) -> None:
    await served.client.post(CHAT, json=body(PRIVATE), headers={"authorization": "Bearer sk-secret"})
    await served.client.get("/v1/Zebedee/sk-secret")
    text = (await served.client.get("/metrics")).text
    assert "Zebedee" not in text
    assert "sk-secret" not in text


@contextmanager
def keys(home: Path) -> Iterator[tuple[str, str]]:
    with open_stores(home) as stores:
        yield stores.keys.create("a", tenant="acme").secret, stores.keys.create("b", role=KeyRole.ADMIN).secret


@pytest.mark.parametrize("tenants", [True, False])
async def test_tenants_are_told_apart_only_where_somebody_asks_for_it(
    tmp_path: Path, sandbox: Sandbox, tenants: bool
) -> None:
    with keys(tmp_path) as (key, admin):
        async with open_gateway(tmp_path, sandbox, serve=ServeSettings(tenant_metrics=tenants)) as served:
            await served.access.exchange()
            await served.ask(NEW, headers={"authorization": f"Bearer {key}"})
            page = await served.client.get("/metrics", headers={"authorization": f"Bearer {admin}"})
            assert ('tenant="acme"' in page.text) is tenants


async def test_with_keys_the_metrics_are_for_admin_keys(tmp_path: Path, sandbox: Sandbox) -> None:
    with keys(tmp_path) as (key, admin):
        async with open_gateway(tmp_path, sandbox) as served:
            await served.access.exchange()
            asked = [{}, {"authorization": f"Bearer {key}"}, {"authorization": f"Bearer {admin}"}]
            statuses = [(await served.client.get("/metrics", headers=one)).status_code for one in asked]
            assert statuses == [401, 403, 200]


async def test_where_loopback_may_scrape_a_proxy_on_this_machine_may_not(tmp_path: Path, sandbox: Sandbox) -> None:
    with keys(tmp_path):
        async with open_gateway(tmp_path, sandbox, serve=ServeSettings(metrics="loopback")) as served:
            await served.access.exchange()
            heads = [{}, {"x-forwarded-for": "10.0.0.1"}, {"host": "gateway.example.com"}]
            statuses = [(await served.client.get("/metrics", headers=one)).status_code for one in heads]
            assert statuses == [200, 401, 401]


async def test_without_keys_the_metrics_are_for_this_machine(served: Served) -> None:
    response = await served.client.get("/metrics", headers={"host": "gateway.example.com"})
    assert response.status_code == 403


# readiness


async def test_a_gateway_is_ready_with_each_of_its_parts(served: Served) -> None:
    response = await served.client.get("/readyz")
    assert (response.status_code, response.json()) == (
        200,
        {
            "status": "ready",
            "version": version("hammerstone"),
            "tools": True,
            "parts": {"store": "ok", "sandbox": "ok", "upstream": "configured"},
        },
    )


async def test_a_gateway_without_a_part_stays_in_rotation_and_says_so(served: Served) -> None:
    served.signals.health.sandbox().failed(SandboxError("gone"))
    response = await served.client.get("/readyz")
    assert (response.status_code, response.json()["status"], response.json()["tools"]) == (200, "degraded", False)
    assert response.json()["parts"]["sandbox"] == "failed"
    assert (await scrape(served))["hammerstone_part_up", "sandbox"] == 0


async def test_without_the_store_hits_can_still_be_expected(served: Served) -> None:
    served.signals.health.store("reading tools").failed(StoreError("gone"))
    said = (await served.client.get("/readyz")).json()
    assert (said["status"], said["tools"], said["parts"]["store"]) == ("degraded", True, "failed")


async def test_a_gateway_that_stops_leaves_the_rotation(served: Served) -> None:
    served.signals.health.stopping = True
    response = await served.client.get("/readyz")
    assert (response.status_code, response.json()["status"]) == (503, "stopping")


def test_a_store_that_says_nothing_for_long_counts_as_out_of_reach() -> None:
    now = [0.0]
    health = Health(clock=lambda: now[0])
    store = health.store("reading tools")
    store.works()
    now[0] = STALE_SECONDS + 1
    assert (health.fault(), health.report()[0]) == ("StoreError", 200)
    store.works()
    assert health.fault() is None


def test_a_part_that_fails_again_and_again_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    health = Health()
    store = health.store("writing answers")
    for _ in range(3):
        store.failed(StoreError("the disk is full"))
    store.works()
    said = ["store (writing answers): the disk is full", "store (writing answers): works again"]
    assert [record.message for record in caplog.records] == said
    assert health.faults()["store"] == 3


def test_one_tenants_failing_store_is_no_fault_for_another(caplog: pytest.LogCaptureFixture) -> None:
    health = Health()
    store = health.store("writing answers")
    for _ in range(3):
        store.failed(StoreError("gone"), "acme")
        store.works("")
    assert (health.fault("acme"), health.fault("")) == ("StoreError", None)
    assert [record.message for record in caplog.records] == ["store (writing answers of tenant 'acme'): gone"]


def test_a_store_that_can_be_read_but_not_written_is_not_well() -> None:
    health = Health()
    health.store("writing answers").failed(StoreError("the disk is full"))
    health.store("reading tools").works()
    assert health.fault() == "StoreError"


async def test_the_guide_names_every_metric_and_no_other(served: Served) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "operating.md").read_text(encoding="utf-8")
    await served.learn_sums()
    await served.ask(NEW)
    figures = ToolGauges(served.host, served.signals.health.store("reading tools"))
    served.signals.metrics.show(served.learner, figures)
    await figures.look()
    shown = {re.sub("_(total|bucket|count|sum|created)$", "", name) for name, *_ in await scrape(served)}
    named = {re.sub("_(total|bucket)$", "", one) for one in re.findall(r"\bhammerstone_[a-z_]+", guide)}
    assert named == {one for one in shown if one.startswith("hammerstone_")}
