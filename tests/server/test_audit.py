"""What live tools serve is compared with the upstream's answers, and no client's money is spent on it unasked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hammerstone.sandbox import Sandbox
from hammerstone.server.controls import HEADER
from hammerstone.settings import LifeSettings, ServeSettings
from hammerstone.store import Store
from hammerstone.store.records import Comparison, ComparisonKind, Opinion, StoredTool, ToolState
from hammerstone.types import Role

from ..samples.sums import SETTINGS
from .fake_upstream import FakeUpstream, Reply, Seen
from .streaming import HeldReply
from .sums import Served, adding, open_gateway

pytestmark = pytest.mark.anyio

NEW = "What is the sum of 4000 and 321?"
AUDITED = replace(SETTINGS, life=LifeSettings(audit=1.0))
CLIENTS_KEY = {"authorization": "Bearer mine"}


@dataclass
class Changing:
    """An upstream that adds, until its answers are given one after the other."""

    said: list[str] = field(default_factory=list)
    status: int = 200

    def __call__(self, seen: Seen) -> Reply:
        if self.status != 200:
            return Reply.of({"error": {"message": "no"}}, self.status)
        reply = adding(seen)
        if not self.said:
            return reply
        whole: dict[str, Any] = json.loads(b"".join(reply.chunks))
        whole["choices"][0]["message"]["content"] = self.said.pop(0)
        return Reply.of(whole)


@pytest.fixture
def changing() -> Changing:
    return Changing()


@pytest.fixture
def opened(tmp_path: Path, sandbox: Sandbox, changing: Changing) -> Callable[..., Any]:
    def gateway(serve: ServeSettings | None = None, life: LifeSettings = AUDITED.life, **more: Any) -> Any:
        settings = replace(SETTINGS, life=life)
        return open_gateway(tmp_path, sandbox, FakeUpstream(changing), serve, settings, **more)

    return gateway


async def tool_of(served: Served) -> StoredTool:
    store = (await served.loop()).store
    found = store.tool(store.tasks()[0].name, 1)
    assert found is not None
    return found


async def compared(served: Served) -> tuple[Comparison, ...]:
    store = (await served.loop()).store
    return store.comparisons(store.tasks()[0].name, 1)


def paid(store: Store) -> int:
    """Calls beside those that requests were answered by."""
    return sum(row.calls for row in store.ledger() if row.role is Role.SOLVER and row.task is not None)


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_an_answer_is_compared_with_the_upstreams_after_it_went_out(opened: Callable[..., Any]) -> None:
    async with opened(api_key="ours") as served:
        await served.learn_sums()
        asked = len(served.upstream.seen)
        response = await served.ask(NEW, stream=True, stream_options={"include_usage": True})
        assert response.headers[HEADER + "route"] == "parser"
        (again,) = served.upstream.seen[asked:]
        assert again.json["messages"][-1]["content"] == NEW
        assert "stream" not in again.json
        assert again.header("authorization") == "Bearer ours"
        (one,) = await compared(served)
        assert (one.kind, one.agreed, one.upstream_answer) == (ComparisonKind.AUDIT, True, "4321")
        assert paid((await served.loop()).store) == 1


async def test_the_same_question_is_asked_anew_each_time_it_is_audited(opened: Callable[..., Any]) -> None:
    async with opened(api_key="ours", life=LifeSettings(audit=1.0, audit_least=1.0)) as served:
        await served.learn_sums()
        asked = len(served.upstream.seen)
        await served.ask(NEW)
        await served.ask(NEW)
        assert len(served.upstream.seen) == asked + 2


@pytest.mark.parametrize("answers", [["4322", "4322", "4322"], ["4322", "4321", "4322"], ["4323", "4322", "4322"]])
async def test_a_tool_that_two_of_three_answers_contradict_serves_nothing_more(
    opened: Callable[..., Any], changing: Changing, answers: list[str]
) -> None:
    async with opened(api_key="ours") as served:
        await served.learn_sums()
        changing.said = list(answers)
        await served.ask(NEW)
        assert changing.said == []
        assert (await tool_of(served)).state is ToolState.QUARANTINED
        assert paid((await served.loop()).store) == 3
        response = await served.ask(NEW)
        assert response.headers[HEADER + "route"] == "upstream"


async def test_a_slip_of_the_upstream_is_no_false_hit(opened: Callable[..., Any], changing: Changing) -> None:
    async with opened(api_key="ours") as served:
        await served.learn_sums()
        changing.said = ["4322"]
        await served.ask(NEW)
        tool = await tool_of(served)
        assert (tool.state, tool.tally.false_hits) == (ToolState.LIVE, 0)
        assert (await compared(served))[0].opinion is Opinion.TOOL


async def test_where_three_answers_of_the_upstream_differ_nobody_is_right(
    opened: Callable[..., Any], changing: Changing
) -> None:
    async with opened(api_key="ours") as served:
        await served.learn_sums()
        changing.said = ["4322", "4323", "4324"]
        await served.ask(NEW)
        tool = await tool_of(served)
        assert (tool.state, tool.tally.false_hits) == (ToolState.LIVE, 1)
        assert (await compared(served))[0].opinion is Opinion.NEITHER


async def test_a_disagreement_in_shadow_is_settled_by_second_opinions_too(
    opened: Callable[..., Any], changing: Changing
) -> None:
    async with opened(api_key="ours", life=LifeSettings(shadow=3)) as served:
        await served.learn_sums()
        assert (await tool_of(served)).state is ToolState.SHADOW
        changing.said = ["4322"]
        await served.ask(NEW)
        assert (await tool_of(served)).state is ToolState.SHADOW
        changing.said = ["4322"] * 3
        await served.ask(NEW)
        assert (await tool_of(served)).state is ToolState.QUARANTINED


async def test_a_request_that_is_not_to_be_kept_is_never_asked_again(opened: Callable[..., Any]) -> None:
    for key, headers in (("ours", {}), (None, CLIENTS_KEY)):
        async with opened(api_key=key) as served:
            await served.learn_sums()
            asked, before = len(served.upstream.seen), await compared(served)
            response = await served.ask(NEW, headers={**headers, HEADER + "no-store": "true"})
            assert response.headers[HEADER + "route"] == "upstream"
            assert len(served.upstream.seen) == asked + 1
            assert await compared(served) == before


async def test_a_tool_is_not_compared_with_a_reply_that_a_stop_sequence_may_have_cut(
    opened: Callable[..., Any],
) -> None:
    async with opened(api_key="ours") as served:
        await served.learn_sums()
        asked, before = len(served.upstream.seen), await compared(served)
        response = await served.ask(NEW, stop=[" because"])
        assert response.headers[HEADER + "route"] == "upstream"
        assert len(served.upstream.seen) == asked + 1
        assert await compared(served) == before


async def test_the_upstream_is_asked_again_as_it_was_asked(opened: Callable[..., Any]) -> None:
    async with opened(api_key="ours") as served:
        await served.learn_sums()
        wishes = {"temperature": 0.5, "max_tokens": 100, "seed": 12345678901234567890, "user": "é"}
        await served.ask(NEW, **wishes, stream=True)
        again = served.upstream.seen[-1].json
        assert {name: again[name] for name in wishes} == wishes


async def test_a_clients_key_pays_for_no_further_call(opened: Callable[..., Any]) -> None:
    async with opened() as served:
        await served.learn_sums()
        asked = len(served.upstream.seen)
        response = await served.ask(NEW, headers=CLIENTS_KEY)
        assert len(served.upstream.seen) == asked + 1
        assert response.headers[HEADER + "route"] == "upstream"
        (one,) = await compared(served)
        assert (one.kind, one.agreed) == (ComparisonKind.AUDIT, True)
        assert paid((await served.loop()).store) == 0


async def test_a_disagreement_that_nobody_pays_to_settle_counts_as_a_false_hit(
    opened: Callable[..., Any], changing: Changing
) -> None:
    async with opened() as served:
        await served.learn_sums()
        changing.said = ["4322", "never asked for"]
        await served.ask(NEW, headers=CLIENTS_KEY)
        tool = await tool_of(served)
        assert (tool.tally.false_hits, changing.said) == (1, ["never asked for"])


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_the_tool_answers_where_the_upstream_cannot_in_its_place(
    opened: Callable[..., Any], changing: Changing, status: int
) -> None:
    async with opened() as served:
        await served.learn_sums()
        changing.status = status
        response = await served.ask(NEW, headers=CLIENTS_KEY)
        assert response.headers[HEADER + "route"] == "parser"
        assert response.json()["choices"][0]["message"]["content"] == "4321"


class BreakingUpstream(httpx2.AsyncBaseTransport):
    """Adds, until its replies, of this status, break off."""

    def __init__(self, status: int) -> None:
        self.breaks = False
        self._status = status
        self._adding = httpx2.ASGITransport(FakeUpstream(adding))

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if not self.breaks:
            return await self._adding.handle_async_request(request)
        reply = HeldReply([b"{"])
        reply.break_off()
        return httpx2.Response(self._status, stream=reply)


@pytest.mark.parametrize("status", [200, 500])
async def test_the_tool_answers_where_the_upstreams_reply_breaks_off(opened: Callable[..., Any], status: int) -> None:
    upstream = BreakingUpstream(status)
    async with opened(transport=upstream) as served:
        await served.learn_sums()
        upstream.breaks = True
        response = await served.ask(NEW, headers=CLIENTS_KEY)
        assert response.headers[HEADER + "route"] == "parser"
        assert HEADER + "fault" not in response.headers
        assert response.json()["choices"][0]["message"]["content"] == "4321"


async def test_only_a_hit_is_wanted_and_the_tool_gives_it(opened: Callable[..., Any]) -> None:
    async with opened() as served:
        await served.learn_sums()
        response = await served.ask(NEW, headers={**CLIENTS_KEY, HEADER + "only-if-hit": "true"})
        assert response.headers[HEADER + "route"] == "parser"


async def test_a_clients_key_pays_for_an_audit_where_the_settings_say_so(
    opened: Callable[..., Any], tmp_path: Path
) -> None:
    async with opened(ServeSettings(audit_with_client_keys=True)) as served:
        await served.learn_sums()
        asked = len(served.upstream.seen)
        response = await served.ask(NEW, headers=CLIENTS_KEY)
        assert response.headers[HEADER + "route"] == "parser"
        assert [one.header("authorization") for one in served.upstream.seen[asked:]] == ["Bearer mine"]
    assert not [path for path in files_in(tmp_path) if b"mine" in path.read_bytes()]


async def test_an_upstream_that_fails_an_audit_changes_nothing(opened: Callable[..., Any], changing: Changing) -> None:
    async with opened(api_key="ours") as served:
        await served.learn_sums()
        changing.status = 500
        response = await served.ask(NEW)
        assert response.headers[HEADER + "route"] == "parser"
        assert (await compared(served), (await tool_of(served)).state) == ((), ToolState.LIVE)
