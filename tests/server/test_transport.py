"""What goes over the wire to the upstream and comes back: bytes and headers as they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel
import httpx2
import pytest
from anyio.abc import SocketAttribute, SocketStream

from hammerstone.server.upstream import Upstream, UpstreamError, reply_bytes, reply_headers, whole_body

pytestmark = pytest.mark.anyio

PATH = "/v1/chat/completions"
BODY = b'{"unknown": [1, 2],  "model":"gpt-4o-mini"}'


@dataclass
class RawUpstream:
    """A server that writes these pieces to each connection once it has read a request, `go_on` permitting."""

    pieces: list[bytes]
    read: list[bytes] = field(default_factory=list[bytes])
    connections: int = 0
    go_on: anyio.Event = field(default_factory=anyio.Event)
    left: anyio.Event = field(default_factory=anyio.Event)
    closes: bool = False

    async def serve(self, stream: SocketStream) -> None:
        self.connections += 1
        async with stream:
            try:
                while True:
                    received = await stream.receive()
                    while not received.endswith(BODY):
                        received += await stream.receive()
                    self.read.append(received)
                    await stream.send(self.pieces[0])
                    for piece in self.pieces[1:]:
                        await self.go_on.wait()
                        await stream.send(piece)
                    if self.closes:
                        return
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                self.left.set()


@asynccontextmanager
async def running(server: RawUpstream, timeout_s: float = 60.0) -> AsyncIterator[Upstream]:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.listeners[0].extra_attributes[SocketAttribute.local_port]()
    upstream = Upstream(f"http://127.0.0.1:{port}", timeout_s=timeout_s)
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, server.serve)
        yield upstream
        await upstream.aclose()
        group.cancel_scope.cancel()


async def ask(upstream: Upstream, headers: list[tuple[bytes, bytes]] | None = None) -> httpx2.Response:
    return await upstream.send("POST", PATH, b"a=%20&b", headers or [], BODY)


async def whole(reply: httpx2.Response) -> bytes:
    return b"".join([chunk async for chunk in reply_bytes(reply)])


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_the_upstream_gets_the_headers_of_the_client_in_their_order_and_no_others() -> None:
    server = RawUpstream([b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"])
    headers = [(b"x-b", b"1"), (b"x-a", b"2"), (b"x-b", "ü".encode()), (b"expect", b"100-continue")]
    async with running(server) as upstream:
        await whole(await ask(upstream, headers))
    head, _, body = server.read[0].partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    assert first == b"POST /v1/chat/completions?a=%20&b HTTP/1.1"
    named = [line for line in lines if not line.lower().startswith((b"host:", b"content-length:"))]
    assert named == [b"x-b: 1", b"x-a: 2", "x-b: ü".encode()]
    assert body == BODY


async def test_status_headers_and_compressed_bytes_come_back_as_they_are() -> None:
    head = b"HTTP/1.1 429 Slow\r\nX-One: 1\r\nx-two: \xe4\r\nx-one: 2\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n"
    server = RawUpstream([head + b"content-encoding: gzip\r\ncontent-length: 8\r\n\r\nnot gzip"])
    async with running(server) as upstream:
        reply = await ask(upstream)
        assert reply.status_code == 429
        assert reply_headers(reply) == [
            (b"x-one", b"1"),
            (b"x-two", b"\xe4"),
            (b"x-one", b"2"),
            (b"set-cookie", b"a=1"),
            (b"set-cookie", b"b=2"),
            (b"content-encoding", b"gzip"),
            (b"content-length", b"8"),
        ]
        assert await whole(reply) == b"not gzip"


async def test_each_piece_of_a_stream_arrives_before_the_next_is_sent() -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    server = RawUpstream([head + b"3\r\none\r\n", b"3\r\ntwo\r\n0\r\n\r\n"])
    async with running(server) as upstream:
        chunks = reply_bytes(await ask(upstream))
        assert await anext(chunks) == b"one"
        server.go_on.set()
        assert [chunk async for chunk in chunks] == [b"two"]


async def test_a_body_that_comes_with_the_head_is_there_at_once() -> None:
    server = RawUpstream([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"])
    async with running(server) as upstream:
        assert whole_body(await ask(upstream)) == b"ok"
    server = RawUpstream([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no", b"k"])
    async with running(server) as upstream:
        reply = await ask(upstream)
        assert whole_body(reply) is None
        server.go_on.set()
        assert await whole(reply) == b"ok"


async def test_a_connection_is_used_again() -> None:
    server = RawUpstream([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"])
    async with running(server) as upstream:
        for _ in range(3):
            assert await whole(await ask(upstream)) == b"ok"
    assert server.connections == 1


async def test_what_comes_on_an_idle_connection_answers_no_other_request() -> None:
    reply = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"
    server = RawUpstream([reply + b"ok", reply + b"no"])
    async with running(server) as upstream:
        assert await whole(await ask(upstream)) == b"ok"
        server.go_on.set()
        for _ in range(20):
            await anyio.lowlevel.checkpoint()  # the second reply arrives, which nobody has asked for
        assert await whole(await ask(upstream)) == b"ok"
    assert server.connections == 2


async def test_redirects_and_cookies_are_the_clients_affair() -> None:
    server = RawUpstream([b"HTTP/1.1 302 Found\r\nlocation: /v2\r\nset-cookie: a=1\r\ncontent-length: 0\r\n\r\n"])
    async with running(server) as upstream:
        assert (await ask(upstream)).status_code == 302
        await ask(upstream)
    assert not any(b"cookie" in one.lower() for one in server.read)


async def test_a_reply_that_nobody_reads_on_ends_the_call() -> None:
    server = RawUpstream([b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nsome"])
    async with running(server) as upstream:
        reply = await ask(upstream)
        await reply.aclose()
        with anyio.fail_after(30):
            await server.left.wait()


@pytest.mark.parametrize(
    ("piece", "code"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nsome", "upstream_broke_off"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", "upstream_broke_off"),
        (b"", "upstream_unreachable"),
        (b"no HTTP at all\r\n\r\n", "upstream_unreadable"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nmore", "upstream_unreadable"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 4\r\n\r\nsome", "upstream_unreadable"),
    ],
)
async def test_what_breaks_off_or_is_no_reply_is_an_error(piece: bytes, code: str) -> None:
    server = RawUpstream([piece], closes=True)
    async with running(server) as upstream:
        with pytest.raises(UpstreamError) as caught:
            await whole(await ask(upstream))
    assert caught.value.code == code


async def test_a_reply_that_stops_being_http_after_its_first_part_breaks_off_at_once() -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    server = RawUpstream([head + b"5\r\nhello\r\n", b"ZZZ\r\n"], closes=True)
    async with running(server) as upstream:
        chunks = reply_bytes(await ask(upstream))
        assert await anext(chunks) == b"hello"
        server.go_on.set()
        with anyio.fail_after(30), pytest.raises(UpstreamError) as caught:
            await anext(chunks)
    assert caught.value.code == "upstream_broke_off"


async def test_an_upstream_that_says_nothing_is_too_slow() -> None:
    server = RawUpstream([b"", b"never"])
    async with running(server, timeout_s=0.05) as upstream:
        with pytest.raises(UpstreamError) as caught:
            await ask(upstream)
    assert (caught.value.status, caught.value.code) == (504, "upstream_timeout")


async def test_a_reply_that_breaks_http_comes_with_a_hint_and_on_one_line() -> None:
    server = RawUpstream([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nmore"], closes=True)
    async with running(server) as upstream:
        with pytest.raises(UpstreamError) as caught:
            await ask(upstream)
    assert caught.value.message == "the upstream's reply is not valid HTTP: Bad status line"
    assert "bytes than it says" in caught.value.hint


async def test_a_header_in_latin_1_arrives_as_it_is() -> None:
    server = RawUpstream([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"])
    async with running(server) as upstream:
        reply = await ask(upstream, [(b"x-title", b"Z\xfcrich"), (b"expect", b"100-continue")])
        assert await whole(reply) == b"ok"
    head = server.read[0].partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert head[0] == b"POST /v1/chat/completions?a=%20&b HTTP/1.1"
    assert sorted(line.lower().partition(b":")[0] for line in head[1:]) == [b"content-length", b"host", b"x-title"]
    assert b"x-title: Z\xfcrich" in head
