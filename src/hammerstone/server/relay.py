"""One reply of the upstream, read in a task of its own and passed on to however many clients there are.

upstream ─► Relay.run ─► chunks ─► Reader ─► client        where the last one leaves, the call is cancelled,
                            └────► Reader ─► client        or its rest is read because it is wanted
"""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
import httpx2
from anyio.abc import TaskGroup
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from hammerstone.concurrency import task_group
from hammerstone.faults import place_of
from hammerstone.server.upstream import RawHeaders, UpstreamError
from hammerstone.server.upstream_reply import MAX_REPLY

__all__ = ["Reader", "Relay", "RelayResponse", "Relays"]

_log = logging.getLogger(__name__)

REST_SECONDS = 60.0  # for the rest of a reply whose clients have all left


class Relay:
    """`on_end` gets the whole body, or `None` if it broke off, was given up, or has more than `MAX_REPLY` bytes.

    `keeps_on` says whether a reply is read to its end for nobody.
    """

    def __init__(
        self,
        head: httpx2.Response,
        chunks: AsyncIterator[bytes],
        *,
        keeps_on: Callable[[], bool],
        on_end: Callable[[bytes | None], None],
    ) -> None:
        self.head = head
        self._incoming = chunks
        self._keeps_on = keeps_on
        self._on_end = on_end
        self._chunks: list[bytes] = []
        self._dropped = 0  # chunks that all have read, of a reply that is too long to be kept
        self._size = 0
        self._readers: set[Reader] = set()
        self._scope = anyio.CancelScope()
        self._news = anyio.Event()
        self.error: UpstreamError | None = None
        self.ended = False

    @property
    def open(self) -> bool:
        """Whether a further reader gets all of it: what is too long to be kept is for those who read it already."""
        return self.error is None and self._size <= MAX_REPLY

    @property
    def count(self) -> int:
        """Chunks so far."""
        return self._dropped + len(self._chunks)

    def chunk(self, number: int) -> bytes:
        return self._chunks[number - self._dropped]

    def join(self) -> Reader:
        reader = Reader(self)
        self._readers.add(reader)
        self._scope.deadline = math.inf
        return reader

    def left(self, reader: Reader) -> None:
        """A reader wants no more."""
        self._readers.discard(reader)
        self.notify()
        if self._readers or self.ended:
            return
        if self._size <= MAX_REPLY and self._keeps_on():
            self._scope.deadline = anyio.current_time() + REST_SECONDS
        else:
            self._scope.cancel()
            self._end(UpstreamError("nobody reads the reply any more", status=502, code="upstream_given_up"))

    async def run(self) -> None:
        """Read it. What the upstream does wrong is each reader's error."""
        error: UpstreamError | None = UpstreamError("the reply was given up", status=502, code="upstream_given_up")
        try:
            with self._scope:
                async for chunk in self._incoming:
                    await self._add(chunk)
                error = None
        except UpstreamError as broken:
            error = broken
        except Exception as fault:  # of ours: it is this reply's alone, and the next ones are read
            _log.error("a reply was not passed on: %s", place_of(fault))
            error = UpstreamError("the reply could not be passed on", status=502, code="upstream_broke_off")
        finally:
            self._end(error)

    async def _add(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._size += len(chunk)
        self.notify()
        if self._size <= MAX_REPLY:
            return
        if not self._readers:
            self._scope.cancel()
        while any(one.number < self.count for one in self._readers):
            await self.news()
        self._dropped += len(self._chunks)
        self._chunks.clear()

    def _end(self, error: UpstreamError | None) -> None:
        if self.ended:
            return
        self.error = error
        try:
            self._on_end(b"".join(self._chunks) if error is None and not self._dropped else None)
        except Exception as fault:
            _log.error("not learned from: %s", place_of(fault))
        self.ended = True
        self.notify()

    def notify(self) -> None:
        """Wake whoever waits for news."""
        self._news.set()
        self._news = anyio.Event()

    async def news(self) -> None:
        await self._news.wait()


class Reader:
    """One client's place in a reply. `number` is the chunk that comes next."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self.number = 0

    async def begins_well(self, *, whole: bool) -> bool:
        """Wait for the first chunk, or for all of them; false if it broke off before, or is too long to be kept."""
        relay = self._relay
        while relay.open and not relay.ended and (whole or not relay.count):
            await relay.news()
        return relay.open

    async def comes_whole(self) -> bool:
        """Wait for all chunks, or until it is too long to be kept; false if it broke off before."""
        await self.begins_well(whole=True)
        return self._relay.error is None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Raises `UpstreamError` where the reply broke off."""
        relay = self._relay
        while True:
            while self.number < relay.count:
                chunk = relay.chunk(self.number)
                self.number += 1
                yield chunk
            if relay.ended:
                break
            relay.notify()  # a long reply is read on when all have read what is there
            await relay.news()
        if relay.error is not None:
            raise relay.error

    def leave(self) -> None:
        self._relay.left(self)


class RelayResponse(StreamingResponse):
    """A reader's response. It leaves when the client has left, or has all."""

    def __init__(self, reader: Reader, *, status_code: int, headers: RawHeaders) -> None:
        super().__init__(reader.chunks(), status_code=status_code)
        self.raw_headers = list(headers)
        self._reader = reader

    async def comes_whole(self) -> bool:
        """See `Reader.comes_whole`. Where it does not, nobody reads it."""
        is_well = False
        try:
            is_well = await self._reader.comes_whole()
        finally:
            if not is_well:
                self._reader.leave()
        return is_well

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._reader.leave()


class Relays:
    """Where replies are read. Those that are under way when it ends are given up."""

    def __init__(self) -> None:
        self._group: TaskGroup | None = None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        async with task_group() as group:
            self._group = group
            yield
            group.cancel_scope.cancel()

    def start(self, relay: Relay) -> None:
        if self._group is None:
            raise RuntimeError("use `async with relays.running()`")
        self._group.start_soon(relay.run)
