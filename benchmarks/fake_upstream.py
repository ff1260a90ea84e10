"""A local server that speaks chat completions, for benchmarks: `python benchmarks/fake_upstream.py PORT [DELAY_MS]`.

It answers every request with the same short text after a delay, in one piece or as a stream. It is a bare asyncio
server, so that it costs little of the machine it shares with what is measured.
"""

from __future__ import annotations

import asyncio
import json
import sys

ANSWER = "I am the upstream."
HEAD = {"id": "chatcmpl-up", "created": 1, "model": "gpt-4o-mini"}
CHOICE = {"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}
USAGE = {"prompt_tokens": 20, "completion_tokens": 5, "total_tokens": 25}
WHOLE = json.dumps({**HEAD, "object": "chat.completion", "choices": [CHOICE], "usage": USAGE}).encode()
DELTAS = ({"role": "assistant", "content": ""}, *({"content": f"{word} "} for word in ANSWER.split()))


def _event(delta: object, reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    data = json.dumps({**HEAD, "object": "chat.completion.chunk", "choices": [choice]})
    return f"data: {data}\n\n".encode()


EVENTS = (*(_event(one, None) for one in DELTAS), _event({}, "stop"), b"data: [DONE]\n\n")


class Upstream:
    """Serves connections; `delay_s` passes before the first byte of each reply."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (head := await reader.readuntil(b"\r\n\r\n")) is not None:
                length = _length(head)
                body = await reader.readexactly(length) if length else b""
                await asyncio.sleep(self._delay_s)
                writer.write(_streamed() if b'"stream": true' in body or b'"stream":true' in body else _whole())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


def _whole() -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(WHOLE) + WHOLE


def _streamed() -> bytes:
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in EVENTS)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    return head + chunks + b"0\r\n\r\n"


async def main(port: int, delay_ms: float) -> None:
    server = await asyncio.start_server(Upstream(delay_ms / 1000).serve, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0))
