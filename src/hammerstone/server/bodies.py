"""Request bodies: never more than the setting allows, and JSON of which all readers think the same.

While C code reads JSON, the whole process waits for it. So a large body is read in a thread, by a decoder that lets
others go on between two values, and one of very many values is not read at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import anyio
from anyio import to_thread
from starlette.requests import Request as HttpRequest

from hammerstone.requests import json_value
from hammerstone.server.replies import GatewayError
from hammerstone.types import JSON

__all__ = ["MEGABYTE", "MOST_VALUES", "apart", "fields_in", "json_body", "read_body"]

MEGABYTE = 1_000_000
PART_SECONDS = 60.0  # that each part of a body may take
LARGE = 30_000  # bytes, all that a millisecond or two is enough for
MOST_VALUES = 50_000
"""JSON values of a body that is read, about: a comma or bracket within a text counts as one, too."""

_READERS = anyio.CapacityLimiter(2)  # threads, so that the event loop keeps its share of the time

T = TypeVar("T")


async def read_body(http: HttpRequest, max_mb: float) -> bytes:
    """The whole body. Raises `GatewayError`: 413 as soon as it is known to have more than `max_mb` megabytes, and 408
    where nothing comes for a minute.
    """
    most = int(max_mb * MEGABYTE)
    chunks: list[bytes] = []
    left = most - _content_length(http)
    if left >= 0:
        left = most
        with anyio.CancelScope(deadline=anyio.current_time() + PART_SECONDS) as scope:
            async for chunk in http.stream():
                scope.deadline = anyio.current_time() + PART_SECONDS
                chunks.append(chunk)
                left -= len(chunk)
                if left < 0:
                    break
        if scope.cancelled_caught:
            raise GatewayError("the body did not come in time", status=408, code="request_timeout")
    if left < 0:
        raise GatewayError(f"the request is larger than {max_mb:g} MB", status=413, code="request_too_large")
    return b"".join(chunks)


async def apart(read: Callable[[bytes], T], body: bytes) -> T:
    """What `read` makes of the body, in a thread if it is large."""
    return read(body) if len(body) <= LARGE else await to_thread.run_sync(read, body, limiter=_READERS)


def fields_in(body: bytes) -> Mapping[str, Any] | None:
    """The fields of a JSON object, numbers as they were written (`Number`); `None` for any other body, for one of more
    than `MOST_VALUES`, and for one of which two readers could think differently: anywhere in it a field is named twice,
    or a number is `NaN`.
    """
    try:
        value: object = json_value(_text_of(body), as_written=True)
    except ValueError:
        return None
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else None


async def json_body(http: HttpRequest, max_mb: float) -> JSON:
    """The body as a JSON value, an empty one as an empty object.

    Raises `GatewayError`: 415 unless the client says that it is JSON, which no web page of another site can do unasked,
    and 400 for what is not, names a field twice, or has more than `MOST_VALUES`.
    """
    kind = http.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await read_body(http, max_mb)
    if not body:
        return {}
    if kind != "application/json":
        raise GatewayError("the body must be sent as application/json", status=415, code="unsupported_media_type")
    try:
        return await apart(lambda body: json_value(_text_of(body)), body)
    except ValueError as error:
        raise GatewayError(f"the body cannot be read as JSON: {error}", status=400, code="invalid_json") from None


def _text_of(body: bytes) -> str:
    """Raises `ValueError` for a body of too many values, or that is not UTF-8."""
    left = MOST_VALUES
    for start in range(0, len(body), LARGE):
        left -= sum(body.count(mark, start, start + LARGE) for mark in (b",", b"[", b"{"))
        if left < 0:
            raise ValueError(f"it has more than {MOST_VALUES:,} values")
    return body.decode()


def _content_length(http: HttpRequest) -> int:
    value = http.headers.get("content-length", "")
    return int(value) if value.isdecimal() and len(value) < 20 else 0
