"""A client that leaves before its reply has ended: the upstream stops, unless the answer is wanted."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import pytest

from hammerstone.sandbox import Sandbox
from hammerstone.server.connection import Connection
from hammerstone.server.leaving import while_there

from .fake_upstream import FakeUpstream, Reply
from .live import listening, upstream_in_thread
from .streaming import HeldUpstream, clients
from .sums import Served, eventually, open_gateway

pytestmark = pytest.mark.anyio

NEW = "What is the sum of 4000 and 321?"


@pytest.fixture
def upstream() -> HeldUpstream:
    return HeldUpstream()


@pytest.fixture
async def served(tmp_path: Path, sandbox: Sandbox, upstream: HeldUpstream) -> AsyncIterator[Served]:
    async with open_gateway(tmp_path, sandbox, transport=upstream) as one:
        yield one


async def test_the_upstream_is_let_go_when_nothing_is_to_be_learned(served: Served, upstream: HeldUpstream) -> None:
    async with clients(served.app) as ask:
        client = ask(NEW, {"x-hammerstone-no-store": "true"})
        await eventually(lambda: bool(upstream.replies))
        upstream.replies[0].send()
        await eventually(lambda: len(client.chunks) == 1)
        client.leave()
        await eventually(lambda: upstream.replies[0].closed)


async def test_the_upstream_is_let_go_when_the_kind_has_a_tool(served: Served, upstream: HeldUpstream) -> None:
    upstream.holds = False
    await served.learn_sums()
    upstream.holds = True
    async with clients(served.app) as ask:
        client = ask(NEW, {"x-hammerstone-bypass": "true"})
        known = len(upstream.replies)
        await eventually(lambda: len(upstream.replies) > known)
        upstream.replies[-1].send()
        await eventually(lambda: len(client.chunks) == 1)
        client.leave()
        await eventually(lambda: upstream.replies[-1].closed)
        await served.learner.caught_up()
        store = (await served.loop()).store
        assert NEW not in [one.question for task in store.tasks() for one in store.instances(task.name)]


async def test_the_rest_is_read_and_kept_while_answers_of_its_kind_are_gathered(
    served: Served, upstream: HeldUpstream
) -> None:
    async with clients(served.app) as ask:
        client = ask(NEW)
        await eventually(lambda: bool(upstream.replies))
        upstream.replies[0].send()
        await eventually(lambda: len(client.chunks) == 1)
        client.leave()
        await eventually(lambda: client.over)
        upstream.replies[0].finish()
        await eventually(lambda: upstream.replies[0].closed)
        await served.learner.caught_up()
        store = (await served.loop()).store
        kept = [one for task in store.tasks() for one in store.instances(task.name)]
        assert [(one.question, one.answer) for one in kept] == [(NEW, "4321")]
        assert len(client.chunks) == 1


async def test_what_is_too_long_to_be_kept_is_not_read_for_nobody(
    served: Served, upstream: HeldUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hammerstone.server.relay.MAX_REPLY", 10)
    async with clients(served.app) as ask:
        client = ask(NEW)
        await eventually(lambda: bool(upstream.replies))
        upstream.replies[0].send(2)
        await eventually(lambda: len(client.chunks) == 2)
        client.leave()
        await eventually(lambda: upstream.replies[0].closed)
        assert (await served.loop()).store.tasks() == ()


async def test_a_long_reply_goes_out_whole(
    served: Served, upstream: HeldUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hammerstone.server.relay.MAX_REPLY", 10)
    upstream.holds = False
    async with clients(served.app) as ask:
        client = ask(NEW)
        await eventually(lambda: client.ended)
        assert b'"stop"' in client.body


async def test_the_rest_is_not_waited_for_without_end(
    served: Served, upstream: HeldUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hammerstone.server.relay.REST_SECONDS", 0.0)
    async with clients(served.app) as ask:
        client = ask(NEW)
        await eventually(lambda: bool(upstream.replies))
        upstream.replies[0].send()
        await eventually(lambda: len(client.chunks) == 1)
        client.leave()
        await eventually(lambda: upstream.replies[0].closed)


# before the reply has begun


class SilentUpstream(FakeUpstream):
    """Never replies, and notices who leaves."""

    def __init__(self) -> None:
        super().__init__(lambda _: Reply.of({}))
        self.asked, self.left = threading.Event(), threading.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        del scope, send
        while not (await receive()).get("more_body", True):
            self.asked.set()
        self.left.set()


def post(url: str) -> socket.socket:
    address = urlsplit(url)
    client = socket.create_connection((address.hostname, address.port), timeout=20)
    client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
    return client


def test_who_leaves_before_the_reply_has_begun_ends_the_call_of_the_upstream(tmp_path: Path) -> None:
    upstream = SilentUpstream()
    with listening(tmp_path, upstream) as gateway:
        client = post(gateway.url)
        assert upstream.asked.wait(20)
        client.close()
        assert upstream.left.wait(20)


async def test_before_the_reply_begins_too_it_is_kept_while_answers_of_its_kind_are_gathered(
    served: Served, upstream: HeldUpstream
) -> None:
    upstream.begins, upstream.holds = anyio.Event(), False
    async with clients(served.app) as ask:
        client = ask(NEW)
        await eventually(lambda: upstream.asked == 1)
        client.leave()
        upstream.begins.set()
        await eventually(lambda: client.over)
        await eventually(lambda: bool(upstream.replies) and upstream.replies[0].closed)
        await served.learner.caught_up()
        store = (await served.loop()).store
        assert [one.question for task in store.tasks() for one in store.instances(task.name)] == [NEW]


@pytest.mark.parametrize("wanted", [False, True])
def test_what_is_wanted_all_the_same_goes_on(*, wanted: bool) -> None:
    asked, gone, go_on = threading.Event(), threading.Event(), threading.Event()
    ended: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        del receive, send

        def keeps_on() -> bool:
            gone.set()
            return wanted

        with while_there(scope, keeps_on) as work:
            asked.set()
            await anyio.to_thread.run_sync(go_on.wait, abandon_on_cancel=True)
        ended.append("given up" if work.cancelled_caught else "done")

    with upstream_in_thread(app, http=Connection) as url:  # pyright: ignore[reportArgumentType] - any application
        client = post(url)
        assert asked.wait(20)
        client.close()
        assert gone.wait(20)
        go_on.set()
    assert ended == ["done" if wanted else "given up"]
