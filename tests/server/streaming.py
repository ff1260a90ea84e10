"""An upstream whose reply comes chunk by chunk as a test says, and a client that may leave before its end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx2
from starlette.types import ASGIApp, Message

from hammerstone.server.leaving import left

from .sums import CHAT, body, total

__all__ = ["Client", "HeldReply", "HeldUpstream", "clients"]


class HeldReply(httpx2.AsyncByteStream):
    """`send` lets one chunk go, `finish` ends it, `break_off` breaks the connection."""

    def __init__(self, chunks: list[bytes]) -> None:
        self._chunks = chunks
        self._go: asyncio.Queue[bool] = asyncio.Queue()
        self.closed = False

    def send(self, count: int = 1) -> None:
        for _ in range(count):
            self._go.put_nowait(True)

    def finish(self) -> None:
        self.send(len(self._chunks))

    def break_off(self) -> None:
        self._go.put_nowait(False)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            if not await self._go.get():
                raise httpx2.ReadError("reset by peer")
            yield chunk

    async def aclose(self) -> None:
        self.closed = True


@dataclass
class HeldUpstream(httpx2.AsyncBaseTransport):
    """Answers sums, each reply held back until the test lets it go; unless `holds` is false, or `status` is not 200.

    Not even its head comes before `begins`.
    """

    replies: list[HeldReply] = field(default_factory=list)
    asked: int = 0
    begins: anyio.Event | None = None
    holds: bool = True
    status: int = 200

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        asked = json.loads(await request.aread())
        self.asked += 1
        if self.begins is not None:
            await self.begins.wait()
        text = total(asked["messages"][-1]["content"])
        head = {"id": f"up-{len(self.replies)}", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        deltas = [({"content": one}, None) for one in text] + [({}, "stop")]
        chunks = [
            {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]} for delta, reason in deltas
        ]
        lines = [f"data: {json.dumps(one)}\n\n".encode() for one in chunks]
        kind = "text/event-stream"
        if not asked.get("stream"):
            message = {"role": "assistant", "content": text}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            whole = json.dumps({**head, "object": "chat.completion", "choices": [choice]}).encode()
            lines, kind = [whole[:20], whole[20:]], "application/json"
        reply = HeldReply(lines)
        self.replies.append(reply)
        if not self.holds or self.status != 200:
            reply.finish()
        return httpx2.Response(self.status, headers={"content-type": kind}, stream=reply)


@dataclass
class Client:
    """A request under way. `chunks` is what has arrived."""

    headers: dict[str, str] = field(default_factory=dict[str, str])
    status: int = 0
    chunks: list[bytes] = field(default_factory=list)
    ended: bool = False
    failed: bool = False
    over: bool = False
    scope: dict[str, Any] = field(default_factory=dict[str, Any])
    _gone: anyio.Event = field(default_factory=anyio.Event)

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    def leave(self) -> None:
        """As the gateway's connections say it."""
        self._gone.set()
        left(self.scope)

    async def run(self, app: ASGIApp, content: bytes, headers: dict[str, str]) -> None:
        sent = [{"type": "http.request", "body": content, "more_body": False}]

        async def receive() -> Message:
            if sent:
                return sent.pop()
            await self._gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            elif message.get("body"):
                self.chunks.append(message["body"])
            elif not message.get("more_body"):
                self.ended = True

        head = {"host": "localhost", "content-type": "application/json", **headers}
        self.scope = {
            "type": "http",
            "method": "POST",
            "path": CHAT,
            "raw_path": CHAT.encode(),
            "query_string": b"",
            "scheme": "http",
            "http_version": "1.1",
            "root_path": "",
            "asgi": {"version": "3.0"},
            "client": ("127.0.0.1", 1),
            "server": ("localhost", 80),
            "headers": [(name.encode(), value.encode()) for name, value in head.items()],
        }
        try:
            await app(self.scope, receive, send)
        except Exception:
            self.failed = True
        self.over = True


@asynccontextmanager
async def clients(app: ASGIApp) -> AsyncIterator[Any]:
    """A function that begins a request and gives its client."""
    async with anyio.create_task_group() as group:

        def ask(question: str, headers: dict[str, str] | None = None, **fields: Any) -> Client:
            one = Client()
            content = json.dumps(body(question, **{"temperature": 0, "stream": True, **fields})).encode()
            group.start_soon(one.run, app, content, headers or {})
            return one

        yield ask
        group.cancel_scope.cancel()
