"""What an upstream has said, read from a copy of its bytes after they went out."""

from __future__ import annotations

from dataclasses import dataclass

import httpx2

from hammerstone.requests import json_object
from hammerstone.server.protocols.contract import Body, TextApi
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

    @property
    def is_stream(self) -> bool:
        """Whether it is a stream of events."""
        return self.content_type.partition(";")[0].strip().lower() == "text/event-stream"

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

    def objects(self) -> tuple[Body, ...] | None:
        """The JSON object of the reply, or those of its events; `None` if it is neither."""
        text = self.text()
        if text is None:
            return None
        if self.is_stream:
            events = read_events(text)
            return None if events is None else tuple(events)
        whole = json_object(text)
        return None if whole is None else (whole,)

    def answer(self, api: TextApi) -> tuple[str | None, Usage]:
        """The text of an answer that is whole, and the tokens that it counts."""
        said = self.objects() if len(self.body) <= MAX_REPLY else None
        if said is None:
            return None, Usage()
        if self.is_stream:
            return api.answer_streamed(said), api.usage_streamed(said)
        return api.answer_in(said[0]), api.usage_in(said[0])
