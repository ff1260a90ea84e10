"""A gateway that is told to stop finishes what it has begun, and stores it; one that cannot start says why."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import anyio
import httpx2
from anyio import to_thread

from hammerstone.store import open_store
from hammerstone.types import Route

from .fake_upstream import FakeUpstream, Seen
from .live import eventually, listening, publish_sums
from .sums import CHAT, adding, body

NEW = "What is the sum of 4000 and 321?"
RAW = b"GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"


@dataclass
class HaltingUpstream:
    """An ASGI application: after the first piece of a stream it waits until it may `go_on`."""

    go_on: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        sent = await receive()
        seen = Seen(method="POST", path=scope["path"], query=b"", headers=scope["headers"], body=sent["body"])
        reply = adding(seen)
        await send({"type": "http.response.start", "status": 200, "headers": list(reply.headers)})
        for number, chunk in enumerate(reply.chunks):
            if number == 1:
                await to_thread.run_sync(self.go_on.wait)
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def test_a_stream_of_the_upstream_is_finished_and_stored_after_the_signal(tmp_path: Path) -> None:
    upstream = HaltingUpstream()
    with listening(tmp_path, cast("FakeUpstream", upstream)) as gateway:
        try:
            with httpx2.stream("POST", gateway.url + CHAT, json=body(NEW, stream=True)) as response:
                pieces = response.iter_text()
                said = next(pieces)
                gateway.process.send_signal(signal.SIGTERM)
                _wait_until_refused(gateway.url)
                upstream.go_on.set()
                said += "".join(pieces)
        finally:
            upstream.go_on.set()
        assert said.endswith("data: [DONE]\n\n")
        assert gateway.process.wait(60) == 0
    with open_store(tmp_path) as store:
        assert [(row.route, row.requests) for row in store.routes()] == [(Route.SOLVER, 1)]


def test_answers_of_tools_are_stored_before_the_end(tmp_path: Path) -> None:
    publish_sums(tmp_path)
    with listening(tmp_path, FakeUpstream(adding)) as gateway, httpx2.Client(base_url=gateway.url) as client:
        for number in range(5):
            reply = client.post(CHAT, json=body(f"What is the sum of 1 and {number}?"))
            assert reply.headers["x-hammerstone-route"] == "parser"
        assert "there are no keys, so this machine alone may ask" in gateway.said
        gateway.process.send_signal(signal.SIGTERM)
        assert gateway.process.wait(60) == 0
    with open_store(tmp_path) as store:
        assert [(row.route, row.requests) for row in store.routes()] == [(Route.PARSER, 5)]


def test_while_it_drains_it_answers_and_says_that_it_leaves(tmp_path: Path) -> None:
    with listening(tmp_path, FakeUpstream(adding), *_draining(tmp_path, 1.0)) as gateway:
        with httpx2.Client(base_url=gateway.url) as client:
            assert "connection" not in client.post(CHAT, json=body(NEW)).headers
            gateway.process.send_signal(signal.SIGTERM)
            eventually(lambda: client.get("/readyz").status_code == 503)
            reply = client.post(CHAT, json=body(NEW))
            assert (reply.status_code, reply.headers["connection"]) == (200, "close")
        assert gateway.process.wait(60) == 0


def test_whoever_has_connected_is_answered_although_nobody_is_let_in_any_more(tmp_path: Path) -> None:
    with listening(tmp_path, FakeUpstream(adding), *_draining(tmp_path, 0.0)) as gateway:
        with _connected(gateway.url) as (silent, halfway):
            halfway.sendall(RAW[:20])
            gateway.process.send_signal(signal.SIGTERM)
            _wait_until_refused(gateway.url)
            silent.sendall(RAW)
            halfway.sendall(RAW[20:])
            assert [_status(one) for one in (silent, halfway)] == [b"200", b"200"]
        assert gateway.process.wait(60) == 0


def test_whoever_waits_to_be_let_in_at_the_end_is_answered(tmp_path: Path) -> None:
    with listening(tmp_path, FakeUpstream(adding), *_draining(tmp_path, 0.0)) as gateway:
        gateway.process.send_signal(signal.SIGSTOP)
        with _connected(gateway.url, 40) as clients:
            for client in clients:
                client.sendall(RAW)
            gateway.process.send_signal(signal.SIGTERM)
            gateway.process.send_signal(signal.SIGCONT)
            assert [_status(client) for client in clients] == [b"200"] * 40
        assert gateway.process.wait(60) == 0


def test_an_idle_connection_holds_up_no_stop(tmp_path: Path) -> None:
    with listening(tmp_path, FakeUpstream(adding), *_draining(tmp_path, 0.0)) as gateway:
        with _connected(gateway.url) as (client, _):
            client.sendall(RAW)
            assert _status(client) == b"200"
            gateway.process.send_signal(signal.SIGTERM)
            assert client.recv(1) == b""
        assert gateway.process.wait(60) == 0


def test_without_its_database_it_does_not_start_and_says_why() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        home = f"postgresql://user:secret@127.0.0.1:{nobody.getsockname()[1]}/x"
        command = [sys.executable, "-m", "hammerstone", "serve", "--upstream", "http://127.0.0.1:9", "--home", home]
        done = subprocess.run([*command, "--port", "0"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


def test_a_taken_port_is_one_error_with_a_hint(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        command = [sys.executable, "-m", "hammerstone", "serve", "--upstream", "http://127.0.0.1:9"]
        command += ["--port", str(port), "--home", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    error, hint = done.stderr.splitlines()
    assert error == f"error: port {port} of 127.0.0.1 cannot be used: address already in use"
    assert hint.startswith("hint: --port")


def _draining(folder: Path, seconds: float) -> tuple[str, str]:
    """The options of a gateway that drains so long."""
    settings = folder / "hammerstone.toml"
    settings.write_text(f"[serve]\ndrain_s = {seconds}\n")
    return "--config", str(settings)


@contextmanager
def _connected(url: str, number: int = 2) -> Iterator[list[socket.socket]]:
    """Connections on which nothing has been sent."""
    address = httpx2.URL(url)
    with ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection((address.host, address.port or 0), timeout=60))
            for _ in range(number)
        ]


def _status(client: socket.socket) -> bytes:
    """Of a whole reply."""
    received = b""
    while not received.endswith(b"}"):
        more = client.recv(65_536)
        assert more, received
        received += more
    return received.split(b" ", 2)[1]


def _wait_until_refused(url: str) -> None:
    """Until nobody new is let in."""
    address = httpx2.URL(url)

    async def refused() -> None:
        with anyio.fail_after(30):
            while True:
                try:
                    stream = await anyio.connect_tcp(address.host, address.port or 0)
                except OSError:
                    return
                await stream.aclose()
                await anyio.sleep(0.02)

    anyio.run(refused)
