"""One HTTP request on its way through the gateway."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from starlette.requests import Request as HttpRequest

from hammerstone.routes import Asked
from hammerstone.server.access import Caller
from hammerstone.server.bodies import apart, fields_in, read_body
from hammerstone.server.controls import Controls
from hammerstone.server.protocols.contract import TextApi
from hammerstone.server.telemetry.record import record_of

__all__ = ["Call"]

HEADER = "x-hammerstone-"
_ASCII = "".join(map(chr, range(0x20, 0x7F)))
LONGEST_MODEL = 100  # characters of its name in logs and traces: a client may write anything there


@dataclass(kw_only=True)
class Call:
    """`fields` is its JSON body, if that is an object, and `asked` what a tool may be asked of it.

    `gathers` says whether answers to its kind are still gathered.
    `notes` become response headers. What is known of it when it is over is in `record`.
    """

    http: HttpRequest
    tenant: str = ""
    caller: Caller = field(default_factory=Caller)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    body: bytes = b""
    fields: Mapping[str, Any] | None = None
    controls: Controls = field(default_factory=Controls)
    api: TextApi | None = None
    asked: Asked | None = None
    exact_key: str | None = None
    gathers: Callable[[], bool] = lambda: False

    def __post_init__(self) -> None:
        self.record = record_of(self.http.scope)
        self.record.id = self.id

    def come_from(self, caller: Caller) -> None:
        """Who sent it is known."""
        self.caller = caller
        self.tenant = self.record.tenant = caller.tenant

    async def read_body(self, max_mb: float) -> None:
        """Raises `GatewayError` where it is larger."""
        with self.record.waiting():
            self.body = await read_body(self.http, max_mb)

    async def read_fields(self) -> None:
        """Read the fields of the body; there are none if two readers could understand it differently, or in a body of
        very many values.
        """
        self.fields = await apart(fields_in, self.body)
        model = (self.fields or {}).get("model")
        self.record.model = model[:LONGEST_MODEL] if isinstance(model, str) else None

    @property
    def path(self) -> str:
        """The decoded path, as routes match it."""
        return self.http.scope["path"]

    @property
    def raw_path(self) -> str:
        """The path as it came, with its escapes."""
        return self.http.scope["raw_path"].decode("latin-1")

    def header(self, name: str) -> str:
        """All that the client sent under this name: several lines are one, with commas (RFC 9110, section 5.3)."""
        return ", ".join(self.http.headers.getlist(name))

    @property
    def streams(self) -> bool:
        """Whether the reply is to come as a stream."""
        return self.api is not None and self.fields is not None and self.api.streams(self.fields)

    @property
    def notes(self) -> dict[str, str]:
        return self.record.notes

    @property
    def headers(self) -> dict[str, str]:
        """The gateway's own response headers. What is not ASCII, as a tool's name may be, is percent-encoded."""
        ours = {
            HEADER + name: quote(value, safe=_ASCII) for name, value in {"request-id": self.id, **self.notes}.items()
        }
        return {**ours, **self.caller.headers}

    @property
    def ms(self) -> float:
        return self.record.seconds * 1000
