"""The administration over HTTP: what the commands can do, for whom, and what is refused."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hammerstone.models.price import price
from hammerstone.sandbox import Sandbox
from hammerstone.server.admin.api import ACTIONS
from hammerstone.server.controls import HEADER
from hammerstone.settings import LifeSettings
from hammerstone.store.records import BuildState, Disagreement
from hammerstone.types import Instance, Source, Usage

from ...samples.sums import SETTINGS, SUM, ask, instances, tool
from ..access.test_access import key
from ..sums import CHAT, Served, body, open_gateway

pytestmark = pytest.mark.anyio

NEW = "What is the sum of 4000 and 321?"
ROUTE = HEADER + "route"


@pytest.fixture
async def served(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Served]:
    """A gateway whose default tenant has learned to add."""
    async with open_gateway(tmp_path / "home", sandbox) as one:
        await one.learn_sums()
        yield one


async def call(served: Served, method: str, path: str, sent: Any = None, **options: Any) -> httpx2.Response:
    return await served.client.request(method, f"/admin{path}", json=sent, **options)


async def get(served: Served, path: str, **options: Any) -> Any:
    response = await call(served, "GET", path, **options)
    assert response.status_code == 200, response.text
    return response.json()


async def post(served: Served, path: str, sent: Any = None, **options: Any) -> Any:
    response = await call(served, "POST", path, sent, **options)
    assert response.status_code == 200, response.text
    return response.json()


async def name_of(served: Served) -> str:
    return (await served.loop()).store.tasks()[0].name


# tools


async def test_tools_are_listed_and_shown_as_the_command_does(served: Served) -> None:
    await served.ask(NEW)
    (listed,) = (await get(served, "/tools"))["data"]
    assert (listed["state"], listed["routes"], listed["answers"]) == ("live", ["parser"], 1)
    shown = await get(served, f"/tools/{listed['name']}")
    assert (shown["served"], shown["corrected"], shown["compared"]) == (1, 0, 0)
    assert "def solve" in shown["content"]["source"]
    assert [one["after"] for one in shown["changes"]] == ["live"]


async def test_a_tool_is_disabled_and_enabled_at_once(served: Served) -> None:
    name = await name_of(served)
    assert (await post(served, f"/tools/{name}/disable"))["state"] == "disabled"
    assert (await served.ask(NEW, headers={HEADER + "no-store": "true"})).headers[ROUTE] == "upstream"
    assert (await post(served, f"/tools/{name}/enable", {}))["state"] == "live"
    assert (await served.ask(NEW)).headers[ROUTE] == "parser"


async def test_a_tool_is_quarantined_with_its_reason_and_the_version_before_brought_back(served: Served) -> None:
    name, store = await name_of(served), (await served.loop()).store
    first = store.tools()[0].tool
    store.publish(replace(first, source=f"{first.source}\n# once more\n"))
    done = await post(served, f"/tools/{name}/quarantine", {"reason": "wrong since May", "version": 2})
    assert (done["version"], done["state"]) == (2, "quarantined")
    assert store.changes(name)[-1].reason == "wrong since May"
    assert (await post(served, f"/tools/{name}/rollback", {}))["version"] == 1


async def test_a_tool_that_waits_for_approval_is_approved(tmp_path: Path, sandbox: Sandbox) -> None:
    settings = replace(SETTINGS, life=LifeSettings(approval="manual", shadow=2))
    async with open_gateway(tmp_path / "home", sandbox, settings=settings) as served:
        await served.learn_sums()
        name = await name_of(served)
        assert (await get(served, "/tools"))["data"][0]["state"] == "gated"
        assert (await post(served, f"/tools/{name}/approve", {}))["state"] == "shadow"


async def test_a_tool_is_removed(served: Served) -> None:
    name = await name_of(served)
    assert (await call(served, "DELETE", f"/tools/{name}")).json() == {"name": name, "state": "removed"}
    assert (await get(served, "/tools"))["data"] == []


async def test_a_tool_is_exported_and_imported_elsewhere(served: Served, tmp_path: Path, sandbox: Sandbox) -> None:
    store = (await served.loop()).store
    store.publish(tool())
    package = await get(served, "/tools/sum/package")
    assert package["digest"] == tool().digest
    async with open_gateway(tmp_path / "other", sandbox) as other:
        imported = await post(other, "/tools", package)
        assert (imported["state"], imported["reasons"], imported["checks"]) == ("live", [], 5)
        edited = {**package, "tool": {**package["tool"], "source": SUM.replace("+", "-")}}
        refused = await call(other, "POST", "/tools", edited)
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "tool_refused")


async def test_a_tool_is_published_to_another_tenant(served: Served) -> None:
    name = await name_of(served)
    served.host.stores.of("acme")
    given = await post(served, f"/tools/{name}/publish", {"to": ["acme"]})
    assert given["data"] == [{"tenant": "acme", "name": name, "version": 1, "state": "shadow", "problem": ""}]
    assert (await get(served, "/tools", params={"tenant": "acme"}))["data"][0]["state"] == "shadow"


# tasks, labels, ledger


async def test_tasks_are_listed_shown_and_renamed(served: Served) -> None:
    name = await name_of(served)
    (listed,) = (await get(served, "/tasks"))["data"]
    assert (listed["instances"], listed["standing"]) == (5, "tool live: parser")
    assert await post(served, f"/tasks/{name}/rename", {"name": "adding"}) == {"name": "adding", "former_name": name}
    assert (await get(served, "/tasks/adding"))["refused"] == []
    assert (await served.ask(NEW)).headers[HEADER + "tool"] == "adding@1"


async def test_requests_of_a_task_that_is_renamed_while_the_gateway_runs_are_of_its_new_name(served: Served) -> None:
    name = await name_of(served)
    await post(served, f"/tasks/{name}/rename", {"name": "adding"})
    for number in range(3):
        await served.ask(f"What is the sum of {number} and 5000?", headers={HEADER + "bypass": "true"})
    tasks = (await get(served, "/tasks"))["data"]
    assert [one["name"] for one in tasks] == ["adding"]
    assert tasks[0]["instances"] > 5


async def test_instances_come_in_pages(served: Served) -> None:
    name, seen, after = await name_of(served), [], 0
    while after is not None:
        page = await get(served, f"/tasks/{name}/instances", params={"limit": 2, "after": after})
        seen += [one["answer"] for one in page["data"]]
        after = page["next"]
    assert seen == [one.answer for one in (await served.loop()).store.instances(name)]


async def test_tasks_are_merged_and_removed(served: Served) -> None:
    store = (await served.loop()).store
    for name in ("one", "two"):
        store.add_task(name, "")
        store.add_instance(name, Instance(question=name, answer="1", source=Source.SOLVER), request_id="r")
    assert (await post(served, "/tasks/one/merge", {"into": "two"}))["instances"] == 1
    assert (await call(served, "DELETE", "/tasks/two")).json()["state"] == "removed"
    assert [one["name"] for one in (await get(served, "/tasks"))["data"]] == [await name_of(served)]


async def test_a_tool_that_needs_review_is_settled(served: Served) -> None:
    store = (await served.loop()).store
    store.add_task("sum", "")
    one = store.add_instance("sum", instances(1)[0], request_id="r")
    build = store.start_build("sum", owner="x:1:1")
    assert one is not None
    assert build is not None
    differ = Disagreement(instance_id=one.id, question=ask(0), stored="7", tool="8")
    store.end_build(build, BuildState.NEEDS_REVIEW, reason="?", tool=tool(), disagreement=differ)
    assert [held["state"] for held in (await get(served, "/builds", params={"task": "sum"}))["data"]] == [
        "needs-review"
    ]
    assert (await post(served, "/tasks/sum/settle", {"tool_is_right": False}))["state"] == "failed"


async def test_builds_are_listed_with_their_attempts(served: Served) -> None:
    (build,) = (await get(served, "/builds", params={"state": "live"}))["data"]
    assert [one["stage"] for one in build["attempts"]] == ["passed"]
    assert (await get(served, "/builds", params={"state": "failed"}))["data"] == []


async def test_what_waits_for_a_person_is_listed_put_off_and_answered(served: Served) -> None:
    store = (await served.loop()).store
    first, second = (store.enqueue(f"q{number}", ask(number), "sum").id for number in range(2))
    await post(served, f"/queue/{first}/skip")
    assert [one["id"] for one in (await get(served, "/queue"))["data"]] == [second, first]
    assert (await post(served, f"/queue/{second}/answer", {"answer": "22"}))["answer"] == "22"
    assert [one["id"] for one in (await get(served, "/queue"))["data"]] == [first]
    gone = await call(served, "POST", f"/queue/{second}/skip")
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "not_found")


async def test_an_answer_is_corrected_and_the_correction_listed(served: Served) -> None:
    answered = await served.ask(NEW)
    request_id = answered.headers[HEADER + "request-id"]
    done = await post(served, "/corrections", {"request_id": request_id, "answer": "4322"})
    assert done["correction"]["quarantined"]
    (given,) = (await get(served, "/corrections"))["data"]
    assert (given["request_id"], given["wrong"], given["answer"]) == (request_id, "4321", "4322")


async def test_the_ledger_has_totals_and_requests_that_can_be_filtered(served: Served) -> None:
    await served.ask(NEW)
    totals = await get(served, "/ledger")
    assert {row["route"]: row["requests"] for row in totals["routes"]} == {"parser": 1, "solver": 5}
    (upstream,) = [row for row in totals["calls"] if row["role"] == "solver"]
    assert (upstream["model"], upstream["calls"], upstream["input_tokens"]) == ("gpt-4o-mini", 5, 5 * 21)
    each = price("gpt-4o-mini", Usage(input_tokens=21, output_tokens=2))
    assert each is not None
    assert totals["baseline"]["baseline_usd"] == pytest.approx(6 * each)
    (hit,) = (await get(served, "/requests", params={"route": "parser"}))["data"]
    assert (hit["question"], hit["answer"], hit["kept"]) == (NEW, "4321", "whole")
    pages, after = [], None
    while True:
        page = await get(served, "/requests", params={"limit": 4} | ({"after": after} if after else {}))
        pages.append(len(page["data"]))
        after = page["next"]
        if after is None:
            break
    assert pages == [4, 2]
    assert (await get(served, "/requests", params={"until": hit["created"], "since": hit["created"]}))["data"] == []


async def test_text_is_purged_once_it_is_asked_for_without_a_dry_run(served: Served) -> None:
    dry = await post(served, "/purge", {"everything": True})
    assert (dry["dry_run"], dry["purged"]["instances"]) == (True, 5)
    assert len((await served.loop()).store.instances(await name_of(served))) == 5
    assert (await post(served, "/purge", {"everything": True, "dry_run": False}))["purged"]["requests"] == 5
    assert (await served.loop()).store.instances(await name_of(served)) == ()
    for nothing in ({}, {"everything": True, "task": "x"}, {"older_than": "soon"}):
        assert (await call(served, "POST", "/purge", nothing)).status_code == 422


# keys and tenants


async def test_keys_are_created_listed_and_revoked(served: Served) -> None:
    made = await post(served, "/keys", {"name": "root", "admin": True, "budget_usd": 5})
    headers = {"authorization": f"Bearer {made['secret']}"}
    assert (await call(served, "GET", "/keys")).status_code == 401, "the first key changes who may come in"
    listed = await get(served, "/keys", headers=headers)
    assert [(one["name"], one["budget_usd"]) for one in listed["data"]] == [("root", 5.0)]
    assert made["secret"] not in json.dumps(listed)
    web = await post(served, "/keys", {"name": "team / web"}, headers=headers, params={"tenant": "acme"})
    assert (web["tenant"], web["admin"]) == ("acme", False)
    revoked = await call(served, "DELETE", "/keys/team%20/%20web", headers=headers)
    assert revoked.json()["revoked"]
    used = {"authorization": f"Bearer {web['secret']}"}
    assert (await served.client.post(CHAT, json=body(NEW), headers=used)).status_code == 401


@pytest.mark.parametrize("action", ACTIONS, ids=lambda one: f"{one.method} {one.path}")
async def test_every_action_needs_an_admin_key(served: Served, action: Any) -> None:
    plain = await key(served, "web")
    path = action.template.format(name="x", number=1)
    for headers, status in ((None, 401), (plain, 403)):
        assert (await call(served, action.method, path, {}, headers=headers)).status_code == status


async def test_an_admin_of_a_tenant_looks_after_that_tenant_alone(served: Served) -> None:
    root = await key(served, "root", admin=True)
    acme = await key(served, "acme-admin", tenant="acme", admin=True)
    assert (await get(served, "/tools", headers=acme))["data"] == []
    assert len((await get(served, "/tools", headers=root))["data"]) == 1
    assert (await get(served, "/tenants", headers=acme))["data"] == ["acme"]
    assert [one["name"] for one in (await get(served, "/keys", headers=acme))["data"]] == ["acme-admin"]
    name = await name_of(served)
    for refused in (
        await call(served, "GET", "/tools", headers=acme, params={"tenant": ""}),
        await call(served, "GET", "/tools", headers=acme, params={"tenant": "globex"}),
        await call(served, "POST", f"/tools/{name}/publish", {"to": ["acme"]}, headers=acme),
        await served.client.get("/metrics", headers=acme),
    ):
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "tenant_admin")
    assert (await call(served, "DELETE", "/keys/root", headers=acme)).status_code == 404
    made = await post(served, "/keys", {"name": "acme-2", "admin": True}, headers=acme)
    assert made["tenant"] == "acme"


async def test_without_keys_this_machine_alone_may_use_it(served: Served) -> None:
    for headers in (
        {"origin": "https://evil.example"},
        {"host": "gateway.example"},
        {"x-forwarded-for": "192.0.2.1"},
    ):
        assert (await call(served, "GET", "/keys", headers=headers)).status_code == 403


async def test_a_tenant_that_is_not_there_is_refused(served: Served) -> None:
    refused = await call(served, "GET", "/tools", params={"tenant": "nobody"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (404, "not_found")


# what is refused


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/tools?versions=1", None, 422),
        ("GET", "/tools/none", None, 404),
        ("GET", "/tools/none?version=x", None, 422),
        ("GET", "/requests?route=elsewhere", None, 422),
        ("POST", "/tools/none/quarantine", {}, 422),
        ("POST", "/tools/none/quarantine", {"reason": "x", "more": 1}, 422),
        ("POST", "/tools/none/enable", [], 422),
        ("POST", "/tools/none/enable", {"version": "1"}, 422),
        ("POST", "/queue/x/answer", {"answer": "1"}, 422),
        ("GET", f"/tools/none?version={10**22}", None, 422),
        ("GET", f"/corrections?after={10**22}", None, 422),
        ("GET", f"/requests?after={10**22}", None, 422),
        ("POST", f"/queue/{10**22}/skip", None, 422),
        ("POST", "/keys", {"name": ""}, 422),
        ("POST", "/keys", {"name": "a", "budget_usd": -1}, 422),
        ("POST", "/tools", {"tool": 1}, 422),
        ("GET", "/nothing", None, 404),
        ("PUT", "/tools", None, 404),
    ],
)
async def test_what_makes_no_sense_is_an_error_of_one_shape(
    served: Served, method: str, path: str, sent: Any, status: int
) -> None:
    refused = await call(served, method, path, sent)
    assert refused.status_code == status
    assert set(refused.json()["error"]) == {"message", "type", "param", "code"}


async def test_a_store_that_is_out_of_reach_is_said(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from hammerstone.errors import StoreError

    def broken() -> None:
        raise StoreError("the database is gone", hint="bring it back")

    monkeypatch.setattr((await served.loop()).store, "tasks", broken)
    refused = await call(served, "GET", "/tasks")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "store")


# the document


async def test_the_document_describes_every_action_and_every_reply_fits_it(served: Served) -> None:
    from jsonschema import Draft202012Validator

    document = await get(served, "/openapi.json")
    described = {(method.upper(), path) for path, one in document["paths"].items() for method in one}
    assert described == {(one.method, f"/admin{one.template}") for one in ACTIONS}
    await served.ask(NEW)
    name = await name_of(served)
    for path in ("/tools", f"/tools/{name}", "/tasks", f"/tasks/{name}/instances", "/builds", "/ledger", "/requests"):
        template = f"/admin{path.replace(name, '{name}')}"
        schema = document["paths"][template]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": document["components"]}).validate(await get(served, path))
