"""What an upstream has said, read from a copy of its bytes after they went out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

import httpx2

from hammerstone.server.protocols.contract import TextApi
from hammerstone.server.sse import read_events
from hammerstone.types import Usage

__all__ = ["MAX_REPLY", "UpstreamReply"]

MAX_REPLY = 4_000_000  # bytes of a reply that is learned from


@dataclass(frozen=True, kw_only=True)
class UpstreamReply:
    """A whole reply as it came over the wire."""

    content_type: str
    encoding: str
    body: bytes

    @classmethod
    def of(cls, response: httpx2.Response, body: bytes) -> UpstreamReply:
        head = response.headers
        return cls(content_type=head.get("content-type", ""), encoding=head.get("content-encoding", ""), body=body)

    def text(self) -> str | None:
        """Decoded; `None` if it cannot be, or is longer than `MAX_REPLY` then: a few kilobytes can become gigabytes."""
        headers = {"content-encoding": self.encoding} if self.encoding else {}
        response = httpx2.Response(200, headers=headers, content=iter((self.body,)))
        pieces: list[bytes] = []
        left = MAX_REPLY
        try:
            for piece in response.iter_bytes():
                pieces.append(piece)
                left -= len(piece)
                if left < 0:
                    return None
            return b"".join(pieces).decode()
        except (httpx2.DecodingError, UnicodeDecodeError):
            return None

    def answer(self, api: TextApi) -> tuple[str | None, Usage]:
        """The text of an answer that is whole, and the tokens that it counts."""
        text = self.text() if len(self.body) <= MAX_REPLY else None
        if text is None:
            return None, Usage()
        if self.content_type.startswith("text/event-stream"):
            events = read_events(text)
            return (None, Usage()) if events is None else (api.answer_streamed(events), api.usage_streamed(events))
        try:
            whole: Any = json.loads(text)
        except (ValueError, RecursionError):
            return None, Usage()
        if not isinstance(whole, dict):
            return None, Usage()
        fields = cast("dict[str, Any]", whole)
        return api.answer_in(fields), api.usage_in(fields)
