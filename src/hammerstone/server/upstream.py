"""The upstream: requests go to it as they came, and what it says comes back as it is, byte for byte."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import httpx2

from hammerstone.models import price
from hammerstone.server.transport import AiohttpTransport
from hammerstone.types import Usage

__all__ = [
    "RawHeaders",
    "Upstream",
    "UpstreamError",
    "UpstreamPrices",
    "Upstreams",
    "reply_bytes",
    "reply_headers",
    "whole_body",
]

RawHeaders: TypeAlias = "Sequence[tuple[bytes, bytes]]"

_OF_ONE_CONNECTION = frozenset(
    (
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
        *(b"te", b"trailer", b"transfer-encoding", b"upgrade"),
    )
)
"""RFC 9110, section 7.6.1: they concern the client's connection or the upstream's, and are not passed on."""

_KEYS = frozenset((b"authorization", b"x-api-key", b"api-key"))
"""Where a client may send a key of its own, which the gateway's takes the place of."""

_ANTHROPIC = b"anthropic-version"
"""A header of each request to Anthropic's APIs."""

OURS = b"x-hammerstone-"


class UpstreamError(Exception):
    """There is no reply. `status` is what a gateway says then; `code` is stable, and `hint` says what repairs it."""

    def __init__(self, message: str, *, status: int, code: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.hint = hint


@dataclass(frozen=True, kw_only=True)
class UpstreamPrices:
    """What calls cost. `of` gives US dollars by model and tokens, or `None` where that is unknown.

    `note` is shown wherever amounts are: what there is to say of prices that are no list prices.
    """

    of: Callable[[str, Usage], float | None] = price
    note: str = ""


class Upstream:
    """One server, over as many connections as there are requests under way. Use as `async with`."""

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        key_header: str = "authorization",
        timeout_s: float = 600.0,
        transport: httpx2.AsyncBaseTransport | None = None,
        prices: UpstreamPrices | None = None,
    ) -> None:
        """`base_url` ends before `/v1`, or with it. With `api_key`, the client's own key does not go there."""
        self.base_url = base_url.rstrip("/").removesuffix("/v1")
        self.key_header = key_header
        self.prices = prices or UpstreamPrices()
        self._key = _key_header(key_header, api_key) if api_key else None
        self._transport = transport or AiohttpTransport(timeout_s)

    @property
    def has_key(self) -> bool:
        """Whether calls are made with the gateway's own key."""
        return self._key is not None

    async def aclose(self) -> None:
        await self._transport.aclose()

    async def send(self, method: str, path: str, query: bytes, headers: RawHeaders, body: bytes) -> httpx2.Response:
        """The reply, of which only the head has been read: read `aiter_raw` and call `aclose`.

        Raises `UpstreamError` where there is none.
        """
        url = f"{self.base_url}{path}" + (f"?{query.decode('latin-1')}" if query else "")
        try:
            request = httpx2.Request(method, _read_url(url), headers=self._headers(headers), content=body)
            return await self._transport.handle_async_request(request)
        except httpx2.TimeoutException as error:
            raise UpstreamError(
                f"the upstream did not answer in time ({_what(error)})", status=504, code="upstream_timeout"
            ) from error
        except httpx2.RemoteProtocolError as error:
            raise UpstreamError(
                f"the upstream's reply is not valid HTTP: {error}",
                status=502,
                code="upstream_unreadable",
                hint="the server, or a proxy before it, sends a wrong header or another number of bytes than it says",
            ) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise UpstreamError(
                f"the upstream cannot be reached ({_what(error)})", status=502, code="upstream_unreachable"
            ) from error

    def _headers(self, headers: RawHeaders) -> list[tuple[bytes, bytes]]:
        named = {name.strip().lower() for _, value in _of(headers, b"connection") for name in value.split(b",")}
        dropped = _OF_ONE_CONNECTION | named | {b"host", b"content-length"}
        passed = [
            (name, value)
            for name, value in headers
            if name.lower() not in dropped and not name.lower().startswith(OURS)
        ]
        if self._key is None:
            return passed
        return [(name, value) for name, value in passed if name.lower() not in _KEYS] + [self._key]


@dataclass(frozen=True, kw_only=True)
class Upstreams:
    """The server of OpenAI's APIs, and that of Anthropic's, if it is another one."""

    openai: Upstream
    anthropic: Upstream | None = None

    def of(self, path: str, headers: RawHeaders) -> Upstream:
        """The one that a request for `path` goes to: Anthropic's also by the version of its API that the request names,
        since both have `/v1/models` and `/v1/files`.
        """
        if self.anthropic is None:
            return self.openai
        return self.anthropic if path.startswith("/v1/messages") or _of(headers, _ANTHROPIC) else self.openai

    async def aclose(self) -> None:
        await self.openai.aclose()
        if self.anthropic is not None:
            await self.anthropic.aclose()


_read_url = lru_cache(maxsize=256)(httpx2.URL)


def whole_body(response: httpx2.Response) -> bytes | None:
    """The body of a reply that has come whole with its head."""
    return b"".join(response.stream) if isinstance(response.stream, httpx2.ByteStream) else None


def reply_headers(response: httpx2.Response) -> list[tuple[bytes, bytes]]:
    """What of the reply's head the client gets: all but what concerns the upstream's connection, and what only this
    gateway may say. Where a reply comes in chunks, a length beside them means nothing (RFC 9112, section 6.3).
    """
    dropped = _OF_ONE_CONNECTION | ({b"content-length"} if "transfer-encoding" in response.headers else set[bytes]())
    raw = [(name.lower(), value) for name, value in response.headers.raw]
    return [(name, value) for name, value in raw if name not in dropped and not name.startswith(OURS)]


async def reply_bytes(response: httpx2.Response) -> AsyncIterator[bytes]:
    """The body as it comes in. Raises `UpstreamError` where it breaks off."""
    try:
        async for chunk in response.aiter_raw():
            yield chunk
    except httpx2.HTTPError as error:
        raise UpstreamError(
            f"the upstream's reply broke off ({_what(error)})", status=502, code="upstream_broke_off"
        ) from error
    finally:
        await response.aclose()


def _key_header(name: str, key: str) -> tuple[bytes, bytes]:
    value = f"Bearer {key}" if name == "authorization" else key
    return name.encode(), value.encode()


def _of(headers: RawHeaders, name: bytes) -> list[tuple[bytes, bytes]]:
    return [(one, value) for one, value in headers if one.lower() == name]


def _what(error: Exception) -> str:
    return type(error).__name__ + (f": {error}" if str(error) else "")
