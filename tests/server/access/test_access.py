"""Keys at the gateway: who may ask, as which tenant, and how much."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from time import time
from typing import Any

import anyio
import httpx2
import pytest

from hammerstone.sandbox import Sandbox
from hammerstone.server.controls import HEADER
from hammerstone.store import Keys
from hammerstone.store.key_records import KeyLimits, KeyRole, Per

from ..fake_upstream import FakeUpstream, Reply, Seen
from ..sums import CHAT, Served, adding, body, eventually, open_gateway

pytestmark = pytest.mark.anyio

NEW = "What is the sum of 4000 and 321?"


@pytest.fixture
async def served(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Served]:
    async with open_gateway(tmp_path / "home", sandbox) as one:
        yield one


async def key(served: Served, name: str, *, tenant: str = "", admin: bool = False, **limits) -> dict[str, str]:
    """The headers of a client that has a new key."""
    made = served.host.keys.create(
        name, tenant=tenant, role=KeyRole.ADMIN if admin else KeyRole.CLIENT, limits=KeyLimits(**limits)
    )
    await served.access.exchange()
    return {"authorization": f"Bearer {made.secret}"}


async def test_once_there_is_a_key_every_request_needs_one(served: Served) -> None:
    headers = await key(served, "web")
    refused = await served.client.post(CHAT, json=body(NEW))
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
    assert (await served.ask(NEW, headers=headers)).status_code == 200
    assert len(served.upstream.seen) == 1


async def test_a_key_of_the_gateway_never_reaches_the_upstream(served: Served) -> None:
    headers = await key(served, "web")
    elsewhere = {"x-custom": headers["authorization"], "cookie": f"a=1; key={headers['authorization'][7:]}"}
    theirs = {HEADER + "upstream-authorization": "Bearer theirs"}
    await served.ask(NEW, headers={**headers, **elsewhere, **theirs})
    sent = b"".join(name + value for name, value in served.upstream.seen[0].headers)
    assert b"hs-" not in sent
    assert served.upstream.seen[0].header("authorization") == "Bearer theirs"


async def test_what_one_tenant_teaches_never_answers_another(served: Served) -> None:
    acme, other = await key(served, "acme", tenant="acme"), await key(served, "other", tenant="other")
    await served.learn_sums(headers=acme)
    assert (await served.ask(NEW, headers=acme)).headers[HEADER + "route"] == "parser"
    assert (await served.ask(NEW, headers=other)).headers[HEADER + "route"] == "upstream"


async def test_nor_does_an_answer_that_one_tenant_got_before(served: Served) -> None:
    acme, other = await key(served, "acme", tenant="acme"), await key(served, "other", tenant="other")
    question = "How much is 1 and 2 and 3?"
    routes = [
        (await served.ask(question, headers=headers, temperature=0)).headers[HEADER + "route"]
        for headers in (acme, acme, other)
    ]
    assert routes == ["upstream", "exact", "upstream"]


async def test_a_revoked_key_is_of_no_use(served: Served) -> None:
    headers = await key(served, "web")
    served.host.keys.revoke("web")
    await served.access.exchange()
    assert (await served.ask(NEW, headers=headers)).status_code == 401


async def test_a_revoked_key_is_of_no_use_even_if_what_was_counted_cannot_be_stored(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = await key(served, "web")

    def fail(*_: object, **__: object) -> None:
        raise OverflowError

    monkeypatch.setattr(Keys, "exchange", fail)
    await served.ask(NEW, headers=headers)
    served.host.keys.revoke("web")
    await served.access.exchange()
    assert (await served.ask(NEW, headers=headers)).status_code == 401


async def test_an_absurd_count_in_a_reply_keeps_no_other_from_being_counted(tmp_path: Path, sandbox: Sandbox) -> None:
    counts = iter([10**400, 10**19, 10])

    def answer(_: Seen) -> Reply:
        usage = {"prompt_tokens": next(counts), "completion_tokens": 1}
        return Reply.of({"model": "nobody-s", "choices": [], "usage": usage})

    async with open_gateway(tmp_path, sandbox, FakeUpstream(answer)) as served:
        headers = await key(served, "web")
        for _ in range(3):
            await served.ask(NEW, headers=headers)
        await served.access.exchange()
        web = served.host.keys.every()[0]
        assert served.host.keys.used(web, time()).requests == 3
        assert served.signals.health.fault() is None


async def test_a_call_that_ends_with_no_status_that_http_knows_costs_nothing(tmp_path: Path, sandbox: Sandbox) -> None:
    async with open_gateway(tmp_path, sandbox, FakeUpstream(lambda _: Reply.of({}, 600))) as served:
        headers = await key(served, "web")
        assert (await served.ask(NEW, headers=headers)).status_code == 502
        await served.access.exchange()
        used = served.host.keys.used(served.host.keys.every()[0], time())
        assert (used.requests, used.usd) == (1, 0)


async def test_a_minute_that_is_full_says_when_to_come_again(served: Served) -> None:
    headers = await key(served, "web", requests_per_minute=2)
    statuses = [(await served.ask(NEW, headers=headers)) for _ in range(3)]
    assert [one.status_code for one in statuses] == [200, 200, 429]
    assert int(statuses[-1].headers["retry-after"]) > 0


async def test_a_budget_that_is_used_up_ends_the_calls_of_the_upstream_but_not_the_hits(served: Served) -> None:
    teacher = await key(served, "teacher")
    await served.learn_sums(headers=teacher)
    poor = await key(served, "poor", budget_usd=0.0)
    assert (await served.ask("Something else: 1 and 2.", headers=poor)).status_code == 429
    assert (await served.ask(NEW, headers=poor)).headers[HEADER + "route"] == "parser"


class Waiting(FakeUpstream):
    """Answers when it is told to."""

    def __init__(self) -> None:
        super().__init__(adding)
        self.arrived, self.answers = 0, anyio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.arrived += 1
        await self.answers.wait()
        await super().__call__(scope, receive, send)


@pytest.mark.parametrize(("model", "admitted"), [("gpt-4.1-nano", 5), ("nobody-s", 2)])
async def test_a_budget_that_only_calls_under_way_may_use_up_says_to_come_again_soon(
    tmp_path: Path, sandbox: Sandbox, model: str, admitted: int
) -> None:
    upstream, replies = Waiting(), list[httpx2.Response]()
    async with open_gateway(tmp_path, sandbox, upstream) as served:
        headers = await key(served, "web", budget_usd=0.2, budget_per=Per.DAY)

        async def ask(question: str) -> None:
            replies.append(await served.client.post(CHAT, json={**body(question), "model": model}, headers=headers))

        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(ask, f"{NEW} {number}")
            await eventually(lambda: upstream.arrived + len(replies) == 5)
            upstream.answers.set()
        refused = [one for one in replies if one.status_code == 429]
        assert len(replies) - len(refused) == admitted
        assert {one.headers["retry-after"] for one in refused} <= {"1"}
        assert not any("x-should-retry" in one.headers for one in refused)
        if refused:  # both have cost the ceiling, as nobody knows their price
            await served.access.exchange()
            await ask(NEW)
            assert replies[-1].json()["error"]["code"] == "insufficient_quota"
            assert replies[-1].headers["x-should-retry"] == "false"


async def test_what_providers_do_for_nothing_costs_a_budget_nothing(served: Served) -> None:
    poor = await key(served, "poor", budget_usd=0.0)
    for path in ("/v1/messages/count_tokens", "/v1/responses/input_tokens", "/v1/moderations"):
        assert (await served.client.post(path, json=body(NEW), headers=poor)).status_code == 200
    assert (await served.client.post("/v1/embeddings", json=body(NEW), headers=poor)).status_code == 429
