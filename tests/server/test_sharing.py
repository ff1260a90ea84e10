"""Equal requests at the same moment share one call of the upstream, if they want to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from starlette.requests import Request as HttpRequest

from hammerstone.sandbox import Sandbox
from hammerstone.server.call import Call
from hammerstone.server.misses import Leading
from hammerstone.server.relay import Reader, Relay
from hammerstone.server.sharing import SharedKey, shared_key
from hammerstone.settings import ServeSettings

from .streaming import HeldUpstream, clients
from .sums import CHAT, Served, eventually, open_gateway

pytestmark = pytest.mark.anyio

NEW = "What is the sum of 4000 and 321?"
SHARE = {"x-hammerstone-share": "true"}


@pytest.fixture
def upstream() -> HeldUpstream:
    return HeldUpstream()


@pytest.fixture
def joined(monkeypatch: pytest.MonkeyPatch) -> list[Relay]:
    """The replies that clients have joined, one for each client."""
    some: list[Relay] = []
    join = Relay.join

    def noted(relay: Relay) -> Reader:
        some.append(relay)
        return join(relay)

    monkeypatch.setattr(Relay, "join", noted)
    return some


@pytest.fixture
async def served(tmp_path: Path, sandbox: Sandbox, upstream: HeldUpstream) -> AsyncIterator[Served]:
    async with open_gateway(tmp_path, sandbox, transport=upstream) as one:
        yield one


def test_what_shares_a_call_reads_the_same_encodings_in_one_header_line_or_several() -> None:
    def key(*lines: bytes) -> SharedKey | None:
        headers = [(b"accept-encoding", one) for one in lines]
        call = Call(http=HttpRequest({"type": "http", "method": "POST", "path": CHAT, "headers": headers}))
        call.exact_key = "the same"
        return shared_key(call, by_default=True)

    assert key(b"gzip", b"br") == key(b"gzip, br") != key(b"gzip")


async def test_a_follower_gets_the_leaders_bytes_as_they_come(served: Served, upstream: HeldUpstream) -> None:
    async with clients(served.app) as ask:
        leader = ask(NEW, SHARE)
        await eventually(lambda: bool(upstream.replies))
        upstream.replies[0].send()
        await eventually(lambda: len(leader.chunks) == 1)
        follower = ask(NEW, SHARE)
        await eventually(lambda: len(follower.chunks) == 1)
        upstream.replies[0].finish()
        await eventually(lambda: leader.ended and follower.ended)
        assert follower.body == leader.body
        assert len(upstream.replies) == 1
        assert follower.headers["x-hammerstone-shared"] == leader.headers["x-hammerstone-request-id"]
        assert follower.headers["x-hammerstone-route"] == "exact"
        assert "x-hammerstone-shared" not in leader.headers
        await served.learner.caught_up()
        routes = {row.route: row.requests for row in (await served.loop()).store.routes()}
        assert routes == {"solver": 1, "exact": 1}


async def test_whole_replies_are_shared_too_and_requests_that_do_not_ask_for_it_are_not(
    served: Served, upstream: HeldUpstream, joined: list[Relay]
) -> None:
    async with clients(served.app) as ask:
        some = [ask(NEW, SHARE, stream=False) for _ in range(3)]
        others = [ask(NEW, stream=False), ask(NEW, SHARE, stream=False, temperature=1)]
        others += [ask(NEW, {**SHARE, "cache-control": "no-store"}, stream=False)]
        others += [ask(NEW, {**SHARE, "cache-control": "no-cache"}, stream=False)]
        await eventually(lambda: (len(upstream.replies), len(joined)) == (5, 6))  # what is not kept joins nothing
        for reply in upstream.replies:
            reply.finish()
        await eventually(lambda: all(one.ended for one in (*some, *others)))
        assert len({one.body for one in some}) == 1
        assert len({one.body for one in (*some, *others)}) == 5


async def test_the_setting_shares_what_says_nothing(
    tmp_path: Path, sandbox: Sandbox, upstream: HeldUpstream, joined: list[Relay]
) -> None:
    async with (
        open_gateway(tmp_path, sandbox, serve=ServeSettings(share=True), transport=upstream) as served,
        clients(served.app) as ask,
    ):
        some = [ask(NEW), ask(NEW), ask(NEW, {"x-hammerstone-share": "false"})]
        await eventually(lambda: (len(upstream.replies), len(joined)) == (2, 3))
        for reply in upstream.replies:
            reply.finish()
        await eventually(lambda: all(one.ended for one in some))
        assert len({one.body for one in some}) == 2


async def test_a_leader_that_leaves_fails_nobody(served: Served, upstream: HeldUpstream) -> None:
    async with clients(served.app) as ask:
        leader = ask(NEW, SHARE)
        await eventually(lambda: bool(upstream.replies))
        upstream.replies[0].send()
        await eventually(lambda: len(leader.chunks) == 1)
        follower = ask(NEW, SHARE)
        await eventually(lambda: len(follower.chunks) == 1)
        leader.leave()
        await eventually(lambda: leader.over)
        upstream.replies[0].finish()
        await eventually(lambda: follower.ended)
        assert b'"stop"' in follower.body
        assert (len(leader.chunks), len(upstream.replies)) == (1, 1)


async def test_a_leader_that_leaves_before_the_reply_begins_fails_nobody_either(
    served: Served, upstream: HeldUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    leading: list[Leading] = []

    class NotedLeading(Leading):
        def __init__(self, request_id: str) -> None:
            super().__init__(request_id)
            leading.append(self)

    monkeypatch.setattr("hammerstone.server.misses.Leading", NotedLeading)
    upstream.holds = False
    await served.learn_sums()
    (task,) = (await served.loop()).store.tasks()
    known = {**SHARE, "x-hammerstone-task": task.name}  # so that nobody wants the answer of one who has left
    upstream.begins, before = anyio.Event(), upstream.asked
    async with clients(served.app) as ask:
        leader = ask("4000 and 321, please.", known)
        await eventually(lambda: upstream.asked == before + 1)
        follower = ask("4000 and 321, please.", known)
        await eventually(lambda: leading[0].is_awaited)
        leader.leave()
        upstream.begins.set()
        await eventually(lambda: follower.ended)
        assert b'"4"' in follower.body
        assert upstream.asked == before + 1


async def test_where_the_leaders_reply_breaks_off_one_of_the_others_asks_anew(
    served: Served, upstream: HeldUpstream, joined: list[Relay]
) -> None:
    async with clients(served.app) as ask:
        leader = ask(NEW, SHARE, stream=False)
        await eventually(lambda: bool(upstream.replies))
        followers = [ask(NEW, SHARE, stream=False) for _ in range(3)]
        upstream.replies[0].send()
        await eventually(lambda: (len(leader.chunks), len(joined)) == (1, 4))
        upstream.replies[0].break_off()
        await eventually(lambda: (len(upstream.replies), len(joined)) == (2, 7))
        upstream.replies[1].finish()
        await eventually(lambda: all(one.ended for one in followers))
        assert (leader.failed, len(upstream.replies)) == (True, 2)
        assert {one.status for one in followers} == {200}


async def test_an_error_of_the_upstream_is_the_leaders_alone(served: Served, upstream: HeldUpstream) -> None:
    upstream.status = 429
    async with clients(served.app) as ask:
        some = [ask(NEW, SHARE) for _ in range(3)]
        await eventually(lambda: all(one.ended for one in some))
        assert {one.status for one in some} == {429}
        assert len(upstream.replies) == 3


async def test_a_whole_reply_that_is_too_long_to_be_kept_is_the_leaders_alone(
    served: Served, upstream: HeldUpstream, joined: list[Relay], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hammerstone.server.relay.MAX_REPLY", 10)
    async with clients(served.app) as ask:
        leader = ask(NEW, SHARE, stream=False)
        await eventually(lambda: bool(upstream.replies))
        followers = [ask(NEW, SHARE, stream=False) for _ in range(2)]
        await eventually(lambda: len(joined) == 3)
        upstream.replies[0].finish()
        await eventually(lambda: leader.ended and len(upstream.replies) == 2)
        upstream.replies[1].finish()
        await eventually(lambda: len(upstream.replies) == 3)  # that reply is too long as well
        upstream.replies[2].finish()
        await eventually(lambda: all(one.ended for one in followers))
        assert len({one.body for one in (leader, *followers)}) == 3


async def test_one_who_waits_for_a_whole_reply_and_leaves_holds_up_nothing(
    served: Served, upstream: HeldUpstream, joined: list[Relay]
) -> None:
    upstream.holds = False
    await served.learn_sums()
    (task,) = (await served.loop()).store.tasks()
    known = {**SHARE, "x-hammerstone-task": task.name}  # so that nobody wants the answer of one who has left
    upstream.holds = True
    async with clients(served.app) as ask:
        some = [ask("4000 and 321, please.", known, stream=False) for _ in range(2)]
        await eventually(lambda: len(joined) >= 2 and joined[-1] is joined[-2])
        for one in some:
            one.leave()
        await eventually(lambda: upstream.replies[-1].closed)
        again = ask("4000 and 321, please.", known, stream=False)
        await eventually(lambda: not upstream.replies[-1].closed)
        upstream.replies[-1].finish()
        await eventually(lambda: again.ended)
