"""What a call of the upstream came to, for the budget of the key that made it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hammerstone.models.price import list_price
from hammerstone.requests import Number
from hammerstone.server.access.charges import WRITTEN, Charge, Ended, came_to, estimated, tokens_of
from hammerstone.server.access.prices import Prices
from hammerstone.server.protocols import AnthropicMessages, ChatCompletions, TextApi
from hammerstone.server.upstream_reply import UpstreamReply
from hammerstone.store.key_records import Amount
from hammerstone.types import Usage

CEILING = 0.1
MODEL, CLAUDE = "gpt-4o-mini", "claude-sonnet-4-5"
BODY = b"x" * 400
JSON, EVENTS = "application/json", "text/event-stream"


def charged(said: bytes | None, kind: str, *, model: str = MODEL, api: TextApi | None = None, refused: bool = False):
    """What counts once the upstream has said that; `None` if its reply broke off."""
    charge = Charge(
        key_id=1,
        started=0.0,
        model=model,
        api=api or ChatCompletions(),
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


def test_a_limit_of_any_length_is_estimated() -> None:
    tokens = [estimated(100, {"max_tokens": Number(one)}, MODEL, Prices(CEILING)).tokens for one in ("7", "9" * 5000)]
    assert tokens == [100 + 7, 100 + WRITTEN]


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
