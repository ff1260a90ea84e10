"""An upstream that can add, in each API's own form, and a gateway before it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import anyio
import httpx2
from starlette.applications import Starlette

from hammerstone.host import Host
from hammerstone.loop import Hammerstone, Models
from hammerstone.models.model import Model
from hammerstone.sandbox import Sandbox
from hammerstone.server.access import Access
from hammerstone.server.app import build_app
from hammerstone.server.learner import Learner
from hammerstone.server.telemetry.signals import Signals, open_signals
from hammerstone.server.upstream import Upstream, Upstreams
from hammerstone.settings import ServeSettings, Settings
from hammerstone.store import open_stores
from hammerstone.store.masks import open_keeping
from hammerstone.testing import FunctionModel

from ..samples.flaky import FlakyStores, Outage
from ..samples.sums import SETTINGS, SUM
from .fake_upstream import FakeUpstream, Reply, Seen

__all__ = ["CHAT", "Served", "adding", "body", "eventually", "open_gateway", "total"]

CHAT = "/v1/chat/completions"
MODEL = "gpt-4o-mini"


def body(question: str, **fields: Any) -> dict[str, Any]:
    """A chat with a system prompt."""
    messages = [{"role": "system", "content": "You add."}, {"role": "user", "content": question}]
    return {"model": MODEL, "messages": messages, **fields}


def adding(seen: Seen) -> Reply:
    """What the real servers would send to a sum."""
    if seen.path == CHAT:
        return _chat(seen.json)
    if seen.path == "/v1/responses":
        return Reply.of(_response(seen.json))
    if seen.path == "/v1/messages":
        return Reply.of(_message(seen.json))
    if seen.path == "/v1/completions":
        return Reply.of(_completion(seen.json))
    return Reply.of({"object": "list", "data": [{"id": MODEL, "object": "model"}]})


def total(question: str) -> str:
    return str(sum(map(int, re.findall(r"\d+", str(question)))))


def _chat(asked: dict[str, Any]) -> Reply:
    text = total(asked["messages"][-1]["content"])
    head = {"id": "up-1", "created": 1, "model": asked["model"]}
    if not asked.get("stream"):
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 21, "completion_tokens": 2, "total_tokens": 23}
        return Reply.of({**head, "object": "chat.completion", "choices": [choice], "usage": usage})
    head |= {"object": "chat.completion.chunk"}
    deltas = [({"role": "assistant", "content": text[:1]}, None), ({"content": text[1:]}, None), ({}, "stop")]
    chunks = [
        json.dumps({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}).encode()
        for delta, reason in deltas
    ]
    events = tuple(b"data: " + chunk + b"\n\n" for chunk in (*chunks, b"[DONE]"))
    return Reply(chunks=events, headers=((b"content-type", b"text/event-stream"),))


def _response(asked: dict[str, Any]) -> dict[str, Any]:
    question = asked["input"] if isinstance(asked["input"], str) else asked["input"][-1]["content"]
    part = {"type": "output_text", "text": total(question), "annotations": []}
    message = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [part]}
    return {
        "id": "resp_up",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": asked["model"],
        "output": [message],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {"input_tokens": 21, "output_tokens": 2, "total_tokens": 23},
    }


def _message(asked: dict[str, Any]) -> dict[str, Any]:
    content = [{"type": "text", "text": total(asked["messages"][-1]["content"])}]
    return {
        "id": "msg_up",
        "type": "message",
        "role": "assistant",
        "model": asked["model"],
        "content": content,
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 21, "output_tokens": 2},
    }


def _completion(asked: dict[str, Any]) -> dict[str, Any]:
    choice = {"index": 0, "text": total(asked["prompt"]), "logprobs": None, "finish_reason": "stop"}
    return {"id": "cmpl-up", "object": "text_completion", "created": 1, "model": asked["model"], "choices": [choice]}


async def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds, which happens beside the test."""
    with anyio.fail_after(20):
        while not holds():  # noqa: ASYNC110 - what is waited for knows nothing of events
            await anyio.sleep(0.005)


@dataclass(kw_only=True)
class Served:
    """A gateway under test, with all that stands around it."""

    app: Starlette
    client: httpx2.AsyncClient
    upstream: FakeUpstream
    learner: Learner
    access: Access
    host: Host
    signals: Signals

    async def ask(
        self,
        question: str,
        path: str = CHAT,
        headers: dict[str, str] | list[tuple[str, str]] | None = None,
        **fields: Any,
    ) -> httpx2.Response:
        """Post a chat, and wait until what there is to learn of it is learned."""
        response = await self.client.post(path, json=body(question, **fields), headers=headers)
        await self.learner.caught_up()
        return response

    async def learn_sums(self, *, count: int = 5, **fields: Any) -> None:
        """Ask until a tool is live."""
        for number in range(count):
            await self.ask(f"What is the sum of {17 * number + 3} and {number * number + 40}?", **fields)

    async def loop(self) -> Hammerstone:
        return await self.host.of("")


@asynccontextmanager
async def open_gateway(
    home: Path,
    sandbox: Sandbox,
    upstream: FakeUpstream | None = None,
    serve: ServeSettings | None = None,
    settings: Settings = SETTINGS,
    *,
    signals: Signals | None = None,
    outage: Outage | None = None,
    fresh_s: float = 0.0,
    api_key: str | None = None,
    transport: httpx2.AsyncBaseTransport | None = None,
    maker: Model | None = None,
) -> AsyncIterator[Served]:
    """A gateway whose maker, unless there is another, knows how to add. Its stores fail as `outage` says.

    `api_key` is its own for the upstream, which is `upstream` unless there is a `transport` to another.
    """
    upstream = upstream or FakeUpstream(adding)
    settings = replace(settings, serve=serve or ServeSettings())
    maker = maker or FunctionModel(lambda _: f"```python\n{SUM}\n```")
    signals = signals or open_signals(settings.serve)
    learner = Learner(retry_s=0.01, reporter=signals.health.store("writing answers"))
    with open_stores(home, keeping=open_keeping(settings.serve)) as stores:
        async with Host(
            stores=stores if outage is None else FlakyStores.over(stores, outage),
            fresh_s=fresh_s,
            sandbox=sandbox,
            models=Models(maker=maker),
            settings=settings,
            on_build=signals.on_build,
            on_fault=signals.health.failed,
        ) as host:
            transport = transport or httpx2.ASGITransport(upstream)
            upstreams = Upstreams(openai=Upstream("http://upstream.test", api_key=api_key, transport=transport))
            access = Access(host.keys, reporter=signals.health.store("exchanging keys"))
            app = build_app(host, upstreams, settings.serve, learner, access, signals)
            async with (
                app.router.lifespan_context(app),
                httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://localhost") as client,
            ):
                yield Served(
                    app=app,
                    client=client,
                    upstream=upstream,
                    learner=learner,
                    access=access,
                    host=host,
                    signals=signals,
                )
