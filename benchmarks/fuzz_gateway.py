"""Damaged and hostile HTTP requests against a running gateway.

    python benchmarks/fuzz_gateway.py --seed 0 -n 100000        # some minutes on two cores
    python benchmarks/fuzz_gateway.py --seed 0 --number 1234    # one request again, with what came back

Starts `hammerstone serve` over a home with a live tool, before an upstream of its own. Requests of every API are cut,
doubled, spliced and blown up in their lines, headers and bodies; some connections end in the middle. A finding is a
gateway that has ended, does not answer a good request any more, answers a whole request with nothing, has written a
traceback, or has grown by more than 100 MB. The same seed gives the same requests. The exit code is 1 if anything was
found.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fuzzing.mutation import damaged_bytes, damaged_json

from hammerstone.requests.frame import frame_of
from hammerstone.store import open_store
from hammerstone.tools.shortlist import wording
from hammerstone.tools.tool import Check, Provenance, Tool
from hammerstone.types import Chat, Message, Route, Usage

MODEL = "gpt-4o-mini"
GROWN_MB = 100
CHECKED_EVERY = 250  # requests
LARGE = 32_000  # bytes of a body, which a socket's buffer may not hold
PATIENCE = 20.0  # seconds for one reply
SOURCE = '''
import re

def solve(left: int, right: int) -> str:
    """The sum of two whole numbers."""
    return str(left + right)

def parse(question: str) -> dict | None:
    match = re.fullmatch(r"What is the sum of (\\d{1,9}) and (\\d{1,9})\\?", question)
    return {"left": int(match[1]), "right": int(match[2])} if match else None

def unparse(left: int, right: int) -> str:
    return f"What is the sum of {left} and {right}?"
'''
QUESTION = "What is the sum of {} and {}?"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=10_000, help="number of requests")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--number", type=int, help="send this one request and show what came back")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        gateway = Gateway.started(Path(folder))
        try:
            if given.number is not None:
                return again(gateway, given.seed, given.number)
            return campaign(gateway, given.seed, given.n)
        finally:
            gateway.stop()


def campaign(gateway: Gateway, seed: int, n: int) -> int:
    findings: list[str] = []
    statuses: Counter[str] = Counter()
    before = gateway.megabytes()
    for number in range(n):
        made = make_request(random.Random(f"{seed} {number}"))
        status = gateway.send(made)
        statuses[status] += 1
        if made.whole and status == "nothing":
            findings.append(f"number {number}: a whole request was answered by nothing")
        if number % CHECKED_EVERY == CHECKED_EVERY - 1 or number == n - 1:
            problem = gateway.problem()
            if problem:
                findings.append(f"after number {number}: {problem}")
                break
            print(f"{number + 1:,} of {n:,}", file=sys.stderr, flush=True)
    grown = gateway.megabytes() - before
    if grown > GROWN_MB:
        findings.append(f"the gateway has grown by {grown:.0f} MB")
    print(f"{sum(statuses.values()):,} requests, seed {seed}: {dict(sorted(statuses.items()))}")
    print(f"grown by {grown:.0f} MB; {len(findings)} findings")
    for one in findings[:20]:
        print(one, file=sys.stderr)
    return 1 if findings else 0


def again(gateway: Gateway, seed: int, number: int) -> int:
    made = make_request(random.Random(f"{seed} {number}"))
    print(made.sent[:4000])
    print(gateway.send(made), gateway.problem() or "and the gateway goes on")
    return 0


# requests


@dataclass(frozen=True, kw_only=True)
class Made:
    """The bytes of one connection. `whole`: a server that reads HTTP must say something to it.

    That does not hold for a large body that it refuses unread: its reply may be lost when it closes the connection.
    """

    sent: bytes
    whole: bool


def make_request(rng: random.Random) -> Made:
    path, body = rng.choice(_valid(rng))
    kind = rng.choice(("valid", "body", "json", "json", "json", "head", "cut", "raw", "chunked", "lies"))
    data = json.dumps(body).encode()
    if kind == "json":
        data = _text(damaged_json(rng, [body]))
    if kind == "body":
        data = damaged_bytes(rng, [data])
    if kind == "chunked":
        return Made(sent=_chunked(rng, path, data), whole=False)
    head = _head(rng, path, len(data) if kind != "lies" else rng.choice((0, 1, len(data) + 50, 10**12, -5)))
    if kind == "head":
        return Made(sent=damaged_bytes(rng, [head]) + data, whole=False)
    if kind == "raw":
        return Made(sent=damaged_bytes(rng, [head + data]), whole=False)
    if kind == "cut":
        return Made(sent=(head + data)[: rng.randrange(len(head + data))], whole=False)
    return Made(sent=head + data, whole=kind != "lies" and len(data) < LARGE)


def _valid(rng: random.Random) -> list[tuple[str, object]]:
    question = QUESTION.format(rng.randrange(1000), rng.randrange(1000))
    question = question if rng.random() < 0.5 else "Something else."
    messages = [{"role": "system", "content": "You add."}, {"role": "user", "content": question}]
    extra = rng.choice(
        ({}, {"stream": True}, {"temperature": 0}, {"tools": []}, {"metadata": {"hammerstone-task": "x"}})
    )
    chat = {"model": MODEL, "messages": messages, **extra}
    return [
        ("/v1/chat/completions", chat),
        ("/v1/chat/completions", chat),
        ("/v1/responses", {"model": MODEL, "instructions": "You add.", "input": question, "store": False, **extra}),
        ("/v1/messages", {"model": MODEL, "max_tokens": 99, "system": "You add.", "messages": messages[1:], **extra}),
        ("/v1/completions", {"model": MODEL, "prompt": question, **extra}),
        (
            rng.choice(
                ("/v1/models", "/v1/embeddings", "/tools", "/v1/feedback", "/healthz", "/..%2f", "/admin/tools")
            ),
            {},
        ),
    ]


def _head(rng: random.Random, path: str, length: int) -> bytes:
    controls = (
        *("x-hammerstone-bypass: true", "x-hammerstone-bypass: perhaps", "x-hammerstone-only-if-hit: 1"),
        *("cache-control: no-cache, max-age=x", "cache-control: ,,=,", "x-hammerstone-task: \xe9\xff"),
        *("authorization: Bearer x", "expect: 100-continue", "content-encoding: gzip", "accept-encoding: br"),
        *("transfer-encoding: identity", "connection: x-a, close", "content-type: text/plain; charset=utf-16"),
        *("traceparent: 00-zz-zz-zz", "host: other", "x-forwarded-for: " + "1" * 300),
    )
    lines = [f"{rng.choice(('POST', 'POST', 'POST', 'GET', 'PUT', 'BREW'))} {path} HTTP/1.1", "host: 127.0.0.1"]
    lines += rng.sample(controls, rng.randrange(4))
    lines += [f"content-length: {length}", "connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _chunked(rng: random.Random, path: str, data: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n".encode()
    )
    sizes = rng.choice((b"%x", b"%X;ext=1", b"0%x", b"-%x", b"%xg", b"ffffffffffffffff%x"))
    body = b"".join(sizes % len(part) + b"\r\n" + part + b"\r\n" for part in (data[:10], data[10:]) if part)
    return head + body + rng.choice((b"0\r\n\r\n", b"", b"0\r\nx: y\r\n\r\n"))


def _text(value: object) -> bytes:
    text = value if isinstance(value, str) else json.dumps(value)
    return text.encode("utf-8", "surrogatepass")


# the gateway


@dataclass(kw_only=True)
class Gateway:
    port: int
    process: subprocess.Popen[str]
    upstream: subprocess.Popen[bytes]
    said: list[str] = field(default_factory=list[str])

    @classmethod
    def started(cls, folder: Path) -> Gateway:
        with open_store(folder / "home") as store:
            store.publish(adding())
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            upstream_port = one.getsockname()[1]
        beside = Path(__file__).with_name("fake_upstream.py")
        upstream = subprocess.Popen([sys.executable, str(beside), str(upstream_port)], stderr=subprocess.DEVNULL)
        command = [sys.executable, "-m", "hammerstone", "serve", "--home", str(folder / "home"), "--port", "0"]
        command += ["--upstream", f"http://127.0.0.1:{upstream_port}"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder)
        for line in process.stderr or ():
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                gateway = cls(port=int(found[1]), process=process, upstream=upstream)
                threading.Thread(target=gateway.read, daemon=True).start()
                return gateway
        raise SystemExit("the gateway did not start")

    def read(self) -> None:
        """Read the gateway's output and keep its latest thousand lines."""
        for line in self.process.stderr or ():
            self.said = [*self.said[-999:], line]

    def send(self, made: Made) -> str:
        """The status of the reply, `nothing` or `late`."""
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as connection:
            try:
                connection.sendall(made.sent)
                if not made.whole:
                    connection.shutdown(socket.SHUT_WR)
                reply = b""
                while chunk := connection.recv(65_536):
                    reply += chunk
            except TimeoutError:
                return "late"
            except OSError:
                return "closed" if not made.whole else "nothing"
        found = re.match(rb"HTTP/1\.1 (\d+)", reply)
        return found[1].decode() if found else "nothing"

    def problem(self) -> str:
        """The gateway's problem now, or the empty string."""
        if self.process.poll() is not None:
            return f"it has ended with {self.process.returncode}: {''.join(self.said[-20:])}"
        if any("Traceback" in line for line in self.said):
            return f"it has written a traceback: {''.join(self.said[-40:])}"
        body = json.dumps(_good()).encode()
        lines = ["POST /v1/chat/completions HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
        head = "\r\n".join([*lines, "connection: close", "", ""]).encode()
        status = self.send(Made(sent=head + body, whole=True))
        return "" if status == "200" else f"a good request was answered by {status}"

    def megabytes(self) -> float:
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(re.findall(r"^Pss:\s+(\d+)", text, re.MULTILINE)[0]) / 1024

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.upstream.kill()
        self.upstream.wait()


def _good() -> object:
    turns = [{"role": "system", "content": "You add."}, {"role": "user", "content": QUESTION.format(4000, 321)}]
    return {"model": MODEL, "messages": turns}


def adding() -> Tool:
    """A live tool for sums, in the frame of the chats that are sent."""
    pairs = [(3, 4), (17, 5), (208, 31), (6, 66)]
    questions = [QUESTION.format(*pair) for pair in pairs]
    turns = (Message(role="system", content="You add."), Message(role="user", content="?"))
    checks = [
        Check(question=one, arguments={"left": left, "right": right}, answer=str(left + right), parsed=True)
        for one, (left, right) in zip(questions, pairs, strict=True)
    ]
    return Tool(
        name="sum",
        description="The sum of two numbers.",
        source=SOURCE,
        demonstrations=(),
        checks=tuple(checks),
        routes=(Route.PARSER,),
        wording=wording(questions),
        frame=frame_of(Chat(messages=turns, model=MODEL)),
        provenance=Provenance(
            maker="fuzz",
            recipe="module",
            prompts="1",
            shown=2,
            verified=1,
            held_out=1,
            instances=(),
            attempts=1,
            usage=Usage(),
            cost_usd=None,
            made="2026-01-01T00:00:00+00:00",
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
