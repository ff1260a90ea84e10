"""Large bodies: whoever sends one keeps nobody else waiting."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from time import time

import pytest

from hammerstone.sandbox import Sandbox
from hammerstone.server.bodies import LARGE, MOST_VALUES, apart, fields_in
from hammerstone.server.controls import HEADER
from hammerstone.store.key_records import KeyLimits

from .sums import CHAT, Served, body, open_gateway

pytestmark = pytest.mark.anyio

MANY = [1] * (MOST_VALUES + 1)
NEW = "What is the sum of 4000 and 321?"


@pytest.fixture
async def served(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Served]:
    async with open_gateway(tmp_path / "home", sandbox) as one:
        yield one


@pytest.mark.parametrize(("size", "is_apart"), [(LARGE, False), (LARGE + 1, True)])
async def test_a_large_body_is_read_beside_the_event_loop(size: int, *, is_apart: bool) -> None:
    thread = await apart(lambda _: threading.get_ident(), b" " * size)
    assert (thread != threading.get_ident()) is is_apart


def test_within_the_bound_every_value_is_read() -> None:
    numbers = json.dumps({"input": MANY[:-2]}).encode()
    fields = fields_in(numbers)
    assert fields is not None
    assert len(fields["input"]) == MOST_VALUES - 1


@pytest.mark.parametrize("many", [MANY, [[]] * MOST_VALUES, [{}] * MOST_VALUES, [{"a": "b"}] * MOST_VALUES])
async def test_a_body_of_very_many_values_goes_to_the_upstream_unread(served: Served, many: list[object]) -> None:
    await served.learn_sums()
    sent = json.dumps({**body(NEW), "user": "", "metadata": {"many": many}}).encode()
    response = await served.client.post(CHAT, content=sent, headers={"content-type": "application/json"})
    assert response.headers[HEADER + "route"] == "upstream"
    assert served.upstream.seen[-1].body == sent
    assert fields_in(sent) is None


async def test_its_caller_pays_what_the_reply_says(served: Served) -> None:
    key = served.host.keys.create("web", limits=KeyLimits(budget_usd=1.0))
    await served.access.exchange()
    headers = {"authorization": f"Bearer {key.secret}"}
    response = await served.client.post(CHAT, json={**body(NEW), "n": MANY}, headers=headers)
    await served.access.exchange()
    assert response.status_code == 200
    assert 0 < served.host.keys.used(key.key, time()).usd < 0.001


async def test_where_the_gateway_itself_must_read_it_it_is_an_error(served: Served) -> None:
    response = await served.client.post("/v1/feedback", json={"many": MANY})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_json")
    assert f"{MOST_VALUES:,} values" in response.json()["error"]["message"]
