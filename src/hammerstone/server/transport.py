"""The connections to the upstream: aiohttp's client, which takes half the CPU time of httpx2's own, behind the
seam that httpx2 has for transports.
"""

from __future__ import annotations

import functools
import ssl
import urllib.request
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager

import aiohttp
import httpx2
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from yarl import URL

__all__ = ["AiohttpTransport"]

CONNECT_SECONDS = 10.0
MAX_HEADER = 65_536  # bytes of one line of a reply's head
_OUR_OWN = ("accept", "accept-encoding", "content-type", "user-agent")
"""Headers that aiohttp would add: the upstream gets those of the client alone."""


class AiohttpTransport(httpx2.AsyncBaseTransport):
    """Bytes and headers go out and come in as they are: nothing is decoded, followed, added or kept.

    As many connections as there are requests under way; idle ones are used again. A reply has `timeout_s` seconds for
    each of its parts. One whose body has come with its head has a `ByteStream`. Raises httpx2's errors.
    """

    def __init__(self, timeout_s: float) -> None:
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=timeout_s)
        self._opened: aiohttp.ClientSession | None = None
        self._plain: httpx2.AsyncHTTPTransport | None = None
        self._tls: ssl.SSLContext | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        headers = [one for one in request.headers.raw if one[0].lower() != b"expect"]
        # whoever expects `100 Continue` has had it from us
        try:
            texts = [(name.decode(), value.decode()) for name, value in headers]
        except UnicodeDecodeError:
            return await self._send_bytes(request, headers)
        with _errors():
            reply = await self._session().request(
                request.method,
                URL(str(request.url), encoded=True),
                headers=texts,
                data=request.content or None,
                allow_redirects=False,
                proxy=_proxy(request.url.scheme, request.url.host),
                ssl=self._certificates() if request.url.scheme == "https" else True,
            )
            is_whole = reply.content.is_eof()
            body = httpx2.ByteStream(await reply.read()) if is_whole else _Body(reply)
        return httpx2.Response(reply.status, headers=list(reply.raw_headers), stream=body, request=request)

    async def _send_bytes(self, request: httpx2.Request, headers: list[tuple[bytes, bytes]]) -> httpx2.Response:
        """Send by httpx2's own client: aiohttp's writes headers as UTF-8, and some clients write theirs as Latin-1."""
        if self._plain is None:
            proxy = _proxy(request.url.scheme, request.url.host)
            self._plain = httpx2.AsyncHTTPTransport(verify=self._certificates(), trust_env=False, proxy=proxy)
        waits = dict.fromkeys(("read", "write"), self._timeout.sock_read)
        timeout = {"connect": CONNECT_SECONDS, "pool": CONNECT_SECONDS, **waits}
        return await self._plain.handle_async_request(
            httpx2.Request(
                request.method,
                request.url,
                headers=headers,
                content=request.content,
                extensions={"timeout": timeout},
            )
        )

    async def aclose(self) -> None:
        if self._opened is not None:
            await self._opened.close()
        if self._plain is not None:
            await self._plain.aclose()

    def _session(self) -> aiohttp.ClientSession:
        """Opened by the first request, in the event loop that it belongs to."""
        if self._opened is None:
            self._opened = aiohttp.ClientSession(
                connector=_Connector(),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_OUR_OWN,
                timeout=self._timeout,
                auto_decompress=False,
                max_line_size=MAX_HEADER,
                max_field_size=MAX_HEADER,
                middlewares=(),
            )
        return self._opened

    def _certificates(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = httpx2.create_ssl_context()
        return self._tls


class _Protocol(ResponseHandler):
    """Passes an error of the connection on to whoever reads the body. aiohttp itself does not where a reply stops being
    HTTP after its head: whoever reads it would wait for ever.
    """

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        cause = () if exc_cause is None else (exc_cause,)
        super().set_exception(exc, *cause)
        body = self._payload
        if body is not None and not body.is_eof() and body.exception() is None:
            is_known = isinstance(exc, aiohttp.ClientError)
            body.set_exception(exc if is_known else aiohttp.ClientPayloadError("no valid HTTP"), *cause)


class _Connector(aiohttp.TCPConnector):
    """Uses no idle connection again on which something has come: it would be taken for the next request's reply.
    aiohttp itself looks for that only when a connection becomes idle.
    """

    def __init__(self) -> None:
        super().__init__(limit=0)  # pyright: ignore[reportUnknownMemberType] - aiohttp types a factory of sockets in part
        self._factory = functools.partial(_Protocol, loop=self._loop)

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        while (connection := await super()._get(key, traces)) is not None:
            if connection.protocol is not None and not connection.protocol.should_close:
                break
            connection.close()
        return connection


class _Body(httpx2.AsyncByteStream):
    """A reply's bytes as they come in. One that is closed before its end ends the connection."""

    def __init__(self, reply: aiohttp.ClientResponse) -> None:
        self._reply = reply

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _errors():
            async for chunk in self._reply.content.iter_any():
                yield chunk

    async def aclose(self) -> None:
        self._reply.close()


@contextmanager
def _errors() -> Generator[None]:
    """aiohttp's errors as httpx2's."""
    try:
        yield
    except aiohttp.ConnectionTimeoutError as error:
        raise httpx2.ConnectTimeout(str(error)) from error
    except TimeoutError as error:
        raise httpx2.ReadTimeout(str(error)) from error
    except aiohttp.ClientConnectorError as error:
        raise httpx2.ConnectError(str(error)) from error
    except aiohttp.ClientResponseError as error:  # what came is no reply
        raise httpx2.RemoteProtocolError(error.message.partition("\n")[0].rstrip(":")) from error
    except (aiohttp.ClientError, OSError) as error:
        raise httpx2.ReadError(str(error) or type(error).__name__) from error
    except ValueError as error:  # of a header that cannot be sent
        raise httpx2.LocalProtocolError(type(error).__name__) from error


@functools.cache
def _proxy(scheme: str, host: str) -> str | None:
    """What `HTTP_PROXY` and its kin name for an upstream, and nothing else of the environment: no `.netrc`."""
    if urllib.request.proxy_bypass(host):
        return None
    named = urllib.request.getproxies()
    proxy = named.get(scheme) or named.get("all")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"
