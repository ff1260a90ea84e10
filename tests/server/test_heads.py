"""Heads of requests that no client of good will sends: each gets an error that it can read, and harms nobody."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest
from starlette.types import Message, Receive, Scope, Send

from hammerstone.sandbox import Sandbox
from hammerstone.server import bodies, connection
from hammerstone.server.connection import Connection

from .fake_upstream import FakeUpstream, Reply
from .live import upstream_in_thread
from .sums import CHAT, Served, body, open_gateway

pytestmark = pytest.mark.anyio

NEW = "What is the sum of 4000 and 321?"


@pytest.fixture
async def served(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Served]:
    async with open_gateway(tmp_path / "home", sandbox) as one:
        yield one


async def status_of(served: Served, method: str, path: str, raw_path: str | None = None) -> tuple[int, bytes]:
    """Ask with a path that no client library would send."""
    said: list[Message] = []

    sent: list[Message] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if not sent:
            await anyio.sleep_forever()
        return sent.pop()

    async def send(message: Message) -> None:
        said.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": (raw_path or path).encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "headers": [(b"host", b"localhost")],
    }
    await served.app(scope, receive, send)
    return said[0]["status"], b"".join(one.get("body", b"") for one in said[1:])


@pytest.mark.parametrize("host", ["[::1", "[", "evil.com", "localhost/v1/x?", "localhost@evil.com", "localhost:x", ""])
async def test_a_host_that_is_not_this_machine_is_refused(served: Served, host: str) -> None:
    for path in (CHAT, "/v1/models", "/admin/tools", "/metrics"):
        response = await served.client.request("POST" if path == CHAT else "GET", path, headers={"host": host})
        assert (response.status_code, response.json()["error"]["code"]) == (403, "local_only")


@pytest.mark.parametrize("origin", ["http://[", "null", "", "http://localhost@evil.com", "http://localhost.evil.com"])
async def test_a_page_of_another_site_is_refused(served: Served, origin: str) -> None:
    response = await served.client.post(CHAT, json=body(NEW), headers={"origin": origin})
    assert (response.status_code, response.json()["error"]["code"]) == (403, "cross_site")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/../admin/tools",
        "/v1/./models",
        "/v1/files/..",
        "/v1/..;/x",
        "/v1/..;a=b/x",
        "/v1/..\\x",
        "/v1/%2e%2e/x",
        "/v1/%252e%252E/x",
        "/v1/%" + "25" * 9 + "2e/x",
    ],
)
async def test_no_path_leads_out_of_v1(served: Served, path: str) -> None:
    status, said = await status_of(served, "GET", path, path.replace("..", "%2e%2e"))
    assert (status, json.loads(said)["error"]["code"]) == (404, "not_found")
    assert served.upstream.seen == []


@pytest.mark.parametrize("path", ["/v1/files/a;b", "/v1/files/..a", "/v1/files/100%25", "/v1/files/a%2520b"])
async def test_other_paths_do_though_they_look_alike(served: Served, path: str) -> None:
    assert (await status_of(served, "GET", path))[0] == 200


async def test_the_escapes_of_a_path_reach_the_upstream_as_they_came(tmp_path: Path, sandbox: Sandbox) -> None:
    asked: list[bytes] = []

    class Upstream(FakeUpstream):
        async def __call__(self, scope, receive, send) -> None:
            asked.append(scope["raw_path"])
            await super().__call__(scope, receive, send)

    async with open_gateway(tmp_path, sandbox, Upstream(lambda _: Reply.of({}))) as served:
        await status_of(served, "GET", "/v1/files/a/b?c#d", "/v1/files/a%2Fb%3Fc%23d")
    assert asked == [b"/v1/files/a%2Fb%3Fc%23d"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/chat/completions", 404), ("OPTIONS", "*", 404), ("GET", "/nothing", 404), ("DELETE", "/tools", 405)],
)
async def test_what_is_not_there_is_an_error_that_clients_can_read(
    served: Served, method: str, path: str, status: int
) -> None:
    said = await status_of(served, method, path)
    error = json.loads(said[1])["error"]
    assert (said[0], error["code"]) == (status, "not_found")
    assert "below /v1" in error["message"]


async def test_a_body_that_does_not_come_is_not_waited_for(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "PART_SECONDS", 0.01)

    async def part() -> AsyncIterator[bytes]:
        yield b"{"
        await anyio.sleep_forever()

    response = await served.client.post(CHAT, content=part())
    assert (response.status_code, response.json()["error"]["code"]) == (408, "request_timeout")


# connections


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    with upstream_in_thread(FakeUpstream(lambda _: Reply.of({})), http=Connection) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        yield host, int(port)


def said_to(address: tuple[str, int], *parts: bytes) -> bytes:
    """All that comes until the server closes the connection."""
    with socket.create_connection(address, timeout=20) as client:
        for part in parts:
            client.sendall(part)
        return b"".join(iter(lambda: client.recv(65_536), b""))


def test_a_head_without_end_is_cut_off(address: tuple[str, int]) -> None:
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-A: "
    try:
        said = said_to(address, head, b"a" * (4 * connection.MAX_HEAD))
    except ConnectionError:  # closed while we were still sending
        return
    assert b"too large" in said


def test_a_large_body_is_no_large_head(address: tuple[str, int]) -> None:
    size = 4 * connection.MAX_HEAD
    one = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size + b"a" * size
    last = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert said_to(address, one, one, last).count(b"200 OK") == 3


class Gated:
    """Answers `/slow` in two parts, the second when `go` is set, and anything else at once."""

    def __init__(self) -> None:
        self.go = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        if scope["path"] == "/slow":
            await anyio.to_thread.run_sync(self.go.wait)
        await send({"type": "http.response.body", "body": b"ended"})


def read_until(client: socket.socket, end: bytes) -> bytes:
    said = b""
    while not said.endswith(end):
        part = client.recv(65_536)
        assert part, said
        said += part
    return said


NEXT = b"GET /next HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("stray", "goes_on"),
    [
        (b"\r\n", True),
        (NEXT[:-9], True),
        (b"nonsense\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nX-A: " + b"a" * (2 * connection.MAX_HEAD), False),
    ],
)
def test_nothing_that_comes_during_a_response_is_answered_within_it(
    stray: bytes, *, goes_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = Gated()
    with upstream_in_thread(app, http=Connection) as url:
        host, _, port = url.removeprefix("http://").partition(":")
        with (
            socket.create_connection((host, int(port)), timeout=20) as client,
            socket.create_connection((host, int(port)), timeout=20) as other,
        ):
            client.sendall(NEXT.replace(b"next", b"slow"))
            said = read_until(client, b"begun\r\n")
            monkeypatch.setattr(connection, "HEAD_SECONDS", 0.0)
            client.sendall(stray)
            for _ in range(3):  # until then the server has read it
                other.sendall(NEXT)
                read_until(other, LAST_CHUNK)
            app.go.set()
            said += read_until(client, LAST_CHUNK)
            assert b"400 Bad Request" not in said
            if goes_on:
                client.sendall(NEXT.removeprefix(stray))
                assert b"200 OK" in read_until(client, LAST_CHUNK)
            else:
                assert client.recv(1) == b""


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: loc"])
def test_a_head_that_does_not_come_is_not_waited_for(
    address: tuple[str, int], begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.05)
    assert b"did not come in time" in said_to(address, begun)
