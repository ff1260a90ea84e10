"""An upstream inside the process: it answers by a function, and keeps what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["FakeUpstream", "Reply", "Seen"]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request, byte for byte."""

    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        return next((value.decode() for key, value in self.headers if key.decode().lower() == name), None)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What is sent back: `chunks` one after the other. Without a status, the connection breaks after them."""

    chunks: tuple[bytes, ...]
    status: int = 200
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-type", b"application/json"),)
    breaks: bool = False

    @classmethod
    def of(cls, value: object, status: int = 200) -> Reply:
        return cls(chunks=(json.dumps(value).encode(),), status=status)


class BrokenConnectionError(Exception):
    """What a server's crash looks like from inside it."""


@dataclass
class FakeUpstream:
    """An ASGI application."""

    answer: Callable[[Seen], Reply]
    seen: list[Seen] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        seen = Seen(
            method=scope["method"],
            path=scope["path"],
            query=scope["query_string"],
            headers=list(scope["headers"]),
            body=body,
        )
        self.seen.append(seen)
        reply = self.answer(seen)
        await send({"type": "http.response.start", "status": reply.status, "headers": list(reply.headers)})
        for chunk in reply.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if reply.breaks:
            raise BrokenConnectionError
        await send({"type": "http.response.body", "body": b""})
