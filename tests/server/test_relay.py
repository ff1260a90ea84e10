"""Replies that are passed on: what goes wrong with one concerns that one alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx2
import pytest

from hammerstone.server.relay import Relay, Relays
from hammerstone.server.upstream import UpstreamError

pytestmark = pytest.mark.anyio


async def good() -> AsyncIterator[bytes]:
    yield b"one"
    yield b"two"


async def faulty() -> AsyncIterator[bytes]:
    yield b"one"
    raise KeyError("dear Zebedee")


def ignored(body: bytes | None) -> None:
    del body


def relay(chunks: AsyncIterator[bytes], on_end: Callable[[bytes | None], None] = ignored) -> Relay:
    return Relay(httpx2.Response(200), chunks, keeps_on=lambda: True, on_end=on_end)


async def read(relays: Relays, one: Relay) -> bytes:
    reader = one.join()
    relays.start(one)
    return b"".join([chunk async for chunk in reader.chunks()])


async def test_an_unforeseen_fault_in_one_reply_is_its_readers_error_and_the_next_one_is_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    relays = Relays()
    async with relays.running():
        with pytest.raises(UpstreamError) as caught:
            await read(relays, relay(faulty()))
        assert await read(relays, relay(good())) == b"onetwo"
    assert (caught.value.status, caught.value.code) == (502, "upstream_broke_off")
    assert "KeyError in test_relay.py" in caplog.text
    assert "Zebedee" not in caplog.text


async def test_a_fault_in_what_is_learned_from_a_reply_keeps_nothing_of_it_from_its_readers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def failing(body: bytes | None) -> None:
        raise KeyError(body)

    relays = Relays()
    async with relays.running():
        assert await read(relays, relay(good(), failing)) == b"onetwo"
        assert await read(relays, relay(good())) == b"onetwo"
    assert "KeyError in test_relay.py" in caplog.text
