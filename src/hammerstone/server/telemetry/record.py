"""What is known of one HTTP request when it is over: what metrics, log lines and spans are made of."""

from __future__ import annotations

import time
from collections.abc import Generator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hammerstone.server.telemetry.trace import NO_TRACE, Trace
from hammerstone.types import Chat

__all__ = ["NO_ROUTE", "RequestRecord", "record_of"]

NO_ROUTE = "none"
"""Of a request that the gateway itself refused: neither a tool answered it nor the upstream."""

_KEY = "hammerstone.record"  # in the ASGI scope


@dataclass(kw_only=True, eq=False)
class RequestRecord:
    """Filled in by whoever handles the request. All times are in seconds.

    `api` is the path of a text API, or the beginning of any other, and `chat` what a tool could be asked of it. `notes`
    are what the response headers say: `route`, `tool`, `saved-usd`, `fault`. `waited` is the time in which hammerstone
    did nothing but wait for the client's body or the upstream, `upstream` how long the upstream took to begin its
    reply, `upstream_failed` the code of its failure, and `ready` when the response began.
    """

    api: str = ""
    method: str = ""
    id: str = ""
    tenant: str = ""
    model: str | None = None
    chat: Chat | None = None
    notes: dict[str, str] = field(default_factory=dict[str, str])
    status: int | None = None
    started: float = field(default_factory=time.perf_counter)
    ready: float | None = None
    waited: float = 0.0
    upstream: float | None = None
    upstream_failed: str | None = None
    trace: Trace = NO_TRACE

    @contextmanager
    def waiting(self) -> Generator[None]:
        """Count the time in this block as waiting for somebody else."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.waited += time.perf_counter() - began

    @contextmanager
    def waiting_for_upstream(self) -> Generator[None]:
        """Count the time in this block as the upstream's, until its reply begins or it fails."""
        began = time.perf_counter()
        try:
            with self.waiting():
                yield
        finally:
            self.upstream = time.perf_counter() - began

    @property
    def route(self) -> str:
        return self.notes.get("route", NO_ROUTE)

    @property
    def seconds(self) -> float:
        """Since the request came."""
        return time.perf_counter() - self.started

    @property
    def added(self) -> float | None:
        """What hammerstone took of the time until the response began; `None` before that."""
        return None if self.ready is None else max(0.0, self.ready - self.started - self.waited)


def record_of(scope: MutableMapping[str, Any]) -> RequestRecord:
    """The record of the request with this ASGI scope; a new one if there is none."""
    record = scope.get(_KEY)
    if not isinstance(record, RequestRecord):
        record = scope[_KEY] = RequestRecord(api=_api(scope["path"]), method=scope["method"])
    return record


def _api(path: str) -> str:
    """A handful of values, whatever paths clients make up."""
    known = ("/v1/chat/completions", "/v1/responses", "/v1/completions", "/v1/messages", "/v1/embeddings", "/v1/models")
    if path in known:
        return path
    first = "/" + path.removeprefix("/").partition("/")[0]
    return first if first in {"/v1", "/tools", "/mcp", "/admin"} else "other"
