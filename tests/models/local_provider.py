"""A provider on this machine that answers as it is told."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from hammerstone.models import Message, Prompt


def ask(question: str, **settings: Any) -> Prompt:
    return Prompt(messages=(Message(role="user", content=question),), **settings)


@dataclass
class Answer:
    """One HTTP response; `silent` sends none until the test is over."""

    body: object
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    silent: bool = False


def completion(text: str | None, **choice: Any) -> Answer:
    """What a server that speaks chat completions sends."""
    message = {"role": "assistant", "content": text}
    return Answer(
        {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": "small-model",
            "choices": [{"index": 0, "finish_reason": "stop", "message": message, **choice}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14},
        }
    )


def failure(status: int, message: str, **headers: str) -> Answer:
    return Answer({"error": {"message": message}}, status=status, headers=headers)


class LocalProvider:
    """An HTTP server on 127.0.0.1 that gives the next of `answers` to each request and keeps `requests`."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        self.over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def close(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"  # keeps connections open until the client closes them

            def setup(self) -> None:
                provider.connections += 1
                super().setup()

            def do_POST(self) -> None:
                provider.headers.append({name.lower(): value for name, value in self.headers.items()})
                provider.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                answer = provider.answers.pop(0)
                if answer.silent:
                    provider.over.wait()
                    self.close_connection = True
                    return
                body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                self.send_response(answer.status)
                headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **answer.headers}
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Quiet: the default writes each request to stderr."""

        return Handler
