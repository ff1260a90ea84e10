"""`hammerstone doctor --gateway`: what a client would find."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from hammerstone.errors import SandboxError, SettingsError
from hammerstone.sandbox import Sandbox
from hammerstone.server.checkup import check_gateway
from hammerstone.store import open_stores

from .fake_upstream import FakeUpstream, Reply
from .live import listening, publish_sums
from .sums import Served, adding, open_gateway

pytestmark = pytest.mark.anyio


async def found(served: Served, key: str | None = None) -> dict[str, tuple[bool, str]]:
    transport = served.client._transport  # pyright: ignore[reportPrivateUsage] - there is no public name for it
    checks = await check_gateway("http://localhost/v1", key, transport=transport)
    return {one.name: (one.ok, one.said) for one in checks}


@asynccontextmanager
async def opened(home: Path, sandbox: Sandbox, upstream: FakeUpstream | None = None) -> AsyncIterator[Served]:
    async with open_gateway(home, sandbox, upstream) as served:
        await served.access.exchange()
        yield served


async def test_a_gateway_that_works_passes_every_check(tmp_path: Path, sandbox: Sandbox) -> None:
    async with opened(tmp_path, sandbox) as served:
        await served.learn_sums()
        checks = await found(served)
        assert list(checks) == ["reachable", "version", "store", "sandbox", "key", "upstream", "hit", "builds"]
        assert [ok for ok, _ in checks.values()] == [True] * 8
        assert checks["upstream"][1] == "answers; models listed: 1"
        assert "was called" in checks["hit"][1]
        assert sum(row.requests for row in (await served.loop()).store.routes()) == 5


async def test_before_the_first_tool_it_says_so(tmp_path: Path, sandbox: Sandbox) -> None:
    async with opened(tmp_path, sandbox) as served:
        assert "no tool is live yet" in (await found(served))["hit"][1]


async def test_a_failed_part_fails_its_check(tmp_path: Path, sandbox: Sandbox) -> None:
    async with opened(tmp_path, sandbox) as served:
        served.signals.health.sandbox().failed(SandboxError("gone"))
        assert (await found(served))["sandbox"][0] is False


async def test_a_key_is_tried(tmp_path: Path, sandbox: Sandbox) -> None:
    with open_stores(tmp_path) as stores:
        secret = stores.keys.create("a").secret
    async with opened(tmp_path, sandbox) as served:
        assert (await found(served, secret))["key"] == (True, "lets its owner in")
        wrong, none = await found(served, "hs-wrong"), await found(served)
        assert (wrong["key"][0], none["key"][0]) == (False, False)
        assert "HAMMERSTONE_KEY" in none["key"][1]
        assert "upstream" not in none


@pytest.mark.parametrize(
    ("reply", "ok"),
    [
        (Reply.of({"error": {"message": "no such key"}}, 401), False),
        (Reply.of({"error": {"message": "nothing here"}}, 404), True),
        (Reply.of({"error": {"message": "down"}}, 503), False),
        (Reply(chunks=(b"<html>",)), True),
    ],
    ids=["refuses the key", "no list", "down", "no JSON"],
)
async def test_the_upstream_is_asked(tmp_path: Path, sandbox: Sandbox, reply: Reply, ok: bool) -> None:
    async with opened(tmp_path, sandbox, FakeUpstream(lambda _: reply)) as served:
        assert (await found(served))["upstream"][0] is ok


async def test_nobody_there_and_somebody_else_there_are_told_apart() -> None:
    async def other(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, text="<html>hello</html>")

    (check,) = await check_gateway("http://localhost", transport=httpx2.MockTransport(other))
    assert (check.ok, "no gateway of hammerstone's" in check.said) == (False, True)
    (check,) = await check_gateway("http://127.0.0.1:9")
    assert (check.ok, "does not answer" in check.said) == (False, True)
    with pytest.raises(SettingsError, match="is not the URL of a gateway"):
        await check_gateway("localhost:8000")


def doctor(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hammerstone", "doctor", *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_command_prints_a_line_for_each_check_and_fails_where_one_does(tmp_path: Path) -> None:
    publish_sums(tmp_path)
    with listening(tmp_path, FakeUpstream(adding)) as gateway:
        works = doctor("--gateway", gateway.url)
    gone = doctor("--gateway", gateway.url, "--json")
    assert (works.returncode, works.stdout.count("\n ok ")) == (0, 7)
    assert gone.returncode == 1
    assert json.loads(gone.stdout)["name"] == "reachable"
