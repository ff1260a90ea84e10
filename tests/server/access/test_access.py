"""Keys at the gateway: who may ask, as which tenant, and how much."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hammerstone.sandbox import Sandbox
from hammerstone.server.controls import HEADER
from hammerstone.store.key_records import KeyLimits, KeyRole

from ..sums import CHAT, Served, body, open_gateway

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


async def test_what_providers_do_for_nothing_costs_a_budget_nothing(served: Served) -> None:
    poor = await key(served, "poor", budget_usd=0.0)
    for path in ("/v1/messages/count_tokens", "/v1/responses/input_tokens", "/v1/moderations"):
        assert (await served.client.post(path, json=body(NEW), headers=poor)).status_code == 200
    assert (await served.client.post("/v1/embeddings", json=body(NEW), headers=poor)).status_code == 429
