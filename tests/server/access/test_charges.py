"""What a call of the upstream came to, for the budget of the key that made it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hammerstone.models.price import list_price
from hammerstone.requests import Number
from hammerstone.server.access.charges import Charge, Ended, came_to, estimated, tokens_of
from hammerstone.server.access.prices import Prices
from hammerstone.server.protocols import AnthropicMessages, ChatCompletions, TextApi
from hammerstone.server.upstream_reply import UpstreamReply
from hammerstone.store.key_records import Amount
from hammerstone.types import Usage

CEILING = 0.1
MODEL, CLAUDE = "gpt-4o-mini", "claude-sonnet-4-5"
BODY = b"x" * 400
CHAT = ChatCompletions()
JSON, EVENTS = "application/json", "text/event-stream"


def charged(said: bytes | None, kind: str, *, model: str = MODEL, api: TextApi | None = CHAT, refused: bool = False):
    """What counts once the upstream has said that; `None` if its reply broke off."""
    charge = Charge(
        key_id=1,
        started=0.0,
        model=model,
        api=api,
        read=tokens_of(BODY),
        estimate=Amount(tokens=600, usd=CEILING),
        on_end=lambda _: None,
    )
    reply = None if said is None else UpstreamReply(content_type=kind, encoding="", body=said)
    return came_to(Ended(charge=charge, reply=reply, refused=refused), Prices(CEILING))


def stream(*words: str, usage: dict[str, int] | None = None) -> bytes:
    chunks: list[dict[str, Any]] = [{"choices": [{"index": 0, "delta": {"content": one}}]} for one in words]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    chunks += [{"choices": [], "usage": usage}] if usage else []
    return b"".join(f"data: {json.dumps(one)}\n\n".encode() for one in chunks) + b"data: [DONE]\n\n"


def dollars(model: str, read: int, written: int) -> float:
    cost = list_price(model, Usage(input_tokens=read, output_tokens=written))
    assert cost is not None
    return cost


def test_a_reply_counts_what_it_says() -> None:
    said = json.dumps({"choices": [], "usage": {"prompt_tokens": 1000, "completion_tokens": 100}}).encode()
    amount = charged(said, JSON)
    assert (amount.tokens, amount.unpriced) == (1100, 0)
    assert amount.usd == pytest.approx(dollars(MODEL, 1000, 100))


@pytest.mark.parametrize("count", [10**19, 2**31, -1, 1e308, True, "7", None])
def test_a_count_that_can_be_none_is_unknown_and_counts_as_the_ceiling(count: object) -> None:
    said = json.dumps({"choices": [], "usage": {"prompt_tokens": count, "completion_tokens": 5}}).encode()
    assert charged(said, JSON) == charged(said, JSON, api=None) == Amount(tokens=5, usd=CEILING, unpriced=1)


def test_of_a_reply_without_an_api_of_texts_nothing_written_is_none_and_an_absurd_count_is_unknown() -> None:
    read = {"prompt_tokens": 100}
    assert charged(json.dumps({"usage": read}).encode(), JSON, api=None).usd == dollars(MODEL, 100, 0)
    assert charged(json.dumps({"usage": {**read, "completion_tokens": 10**19}}).encode(), JSON, api=None).unpriced == 1


def test_a_reply_that_cannot_be_read_counts_as_the_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise OverflowError

    monkeypatch.setattr(UpstreamReply, "objects", fail)
    assert charged(b"{}", JSON) == Amount(tokens=600, usd=CEILING, unpriced=1)


@pytest.mark.anyio
@pytest.mark.parametrize(("limit", "written"), [("7", 7), ("9" * 5000, 500), ("1e3", 500)])
async def test_a_limit_of_any_length_is_estimated(limit: str, written: int) -> None:
    estimate = await estimated(100, {"max_tokens": Number(limit)}, MODEL, Prices(CEILING))
    assert (estimate.tokens, estimate.usd) == (100 + written, pytest.approx(dollars(MODEL, 100, written)))


def test_a_stream_that_counts_its_tokens_is_believed() -> None:
    amount = charged(stream("a", "b", usage={"prompt_tokens": 7, "completion_tokens": 2}), EVENTS)
    assert (amount.tokens, amount.usd) == (9, pytest.approx(dollars(MODEL, 7, 2)))


def test_a_stream_that_does_not_count_them_counts_by_its_length_and_not_as_the_ceiling() -> None:
    words = ["word "] * 50
    amount = charged(stream(*words), EVENTS)
    assert (amount.tokens, amount.unpriced) == (100 + 63, 0)  # 400 bytes asked, 250 characters answered
    assert amount.usd == pytest.approx(dollars(MODEL, 100, 63))
    calls = charged(stream(*["", ""] * 40), EVENTS)  # no text, as of a call of a function: one token an event
    assert calls.tokens == 100 + 81


def test_what_nobody_knows_the_price_of_counts_as_the_ceiling_and_never_as_nothing() -> None:
    assert charged(stream("a"), EVENTS, model="nobody-s-model").usd == CEILING
    assert charged(None, EVENTS).usd == CEILING
    assert charged(b"\xff\xfe", "audio/mpeg").usd == CEILING


def test_what_the_upstream_refused_costs_nothing() -> None:
    assert charged(b'{"error": {}}', JSON, refused=True) == Amount()


@pytest.mark.parametrize("streamed", [False, True])
def test_what_anthropic_reads_from_its_cache_was_read_as_well(*, streamed: bool) -> None:
    read = {"input_tokens": 10, "cache_creation_input_tokens": 2000, "cache_read_input_tokens": 3000}
    if streamed:
        events = [
            {"type": "message_start", "message": {"model": CLAUDE, "usage": {**read, "output_tokens": 1}}},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
        ]
        said, kind = b"".join(f"data: {json.dumps(one)}\n\n".encode() for one in events), EVENTS
    else:
        said, kind = json.dumps({"model": CLAUDE, "usage": {**read, "output_tokens": 5}}).encode(), JSON
    amount = charged(said, kind, model=CLAUDE, api=AnthropicMessages())
    assert (amount.tokens, amount.usd) == (5015, pytest.approx(dollars(CLAUDE, 5010, 5)))
