"""What is read from an upstream's reply: a whole text that ended by itself, or nothing."""

from __future__ import annotations

import gzip
import json
from typing import Any

import brotli
import httpx2
import pytest
from backports import zstd

from hammerstone.server.protocols import AnthropicMessages, ChatCompletions, Completions, Responses, TextApi
from hammerstone.server.upstream import reply_headers
from hammerstone.server.upstream_reply import MAX_REPLY, UpstreamReply


def said(api: TextApi, body: bytes, *, kind: str = "application/json", encoding: str = "") -> str | None:
    return UpstreamReply(content_type=kind, encoding=encoding, body=body).answer(api)[0]


def whole(content: Any, reason: str = "stop", **message: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "message": {"content": content, **message}, "finish_reason": reason}]}


def chunk(content: Any, reason: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": content, **delta}, "finish_reason": reason}]}


def events(*data: Any, end: str = "\n\n", head: str = "") -> bytes:
    return (head + "".join(f"data: {json.dumps(one)}{end}" for one in data) + f"data: [DONE]{end}").encode()


CHAT = ChatCompletions()


@pytest.mark.parametrize(
    ("encoding", "encode"), [("gzip", gzip.compress), ("br", brotli.compress), ("zstd", zstd.compress)]
)
def test_each_encoding_that_clients_ask_for_is_read(encoding: str, encode: Any) -> None:
    assert said(CHAT, encode(json.dumps(whole("4321")).encode()), encoding=encoding) == "4321"


@pytest.mark.parametrize(("encoding", "encode"), [("gzip", gzip.compress), ("br", brotli.compress)])
def test_a_small_reply_that_unpacks_to_a_large_one_is_not_read(encoding: str, encode: Any) -> None:
    packed = encode(json.dumps(whole("4" * (MAX_REPLY + 1))).encode())
    assert len(packed) < MAX_REPLY / 100
    assert said(CHAT, packed, encoding=encoding) is None


@pytest.mark.parametrize(
    "body",
    [
        events(chunk("43"), chunk("21"), chunk(None, "stop")),
        events(chunk("43"), chunk("21", "stop"), end="\r\n\r\n"),
        events(chunk("43"), chunk("21", "stop"), end="\r\r"),
        events(chunk("43"), chunk("21", "stop"), head="\ufeff: a comment\n\nevent: x\nid: 1\nretry: 5\n"),
        events(chunk("4321", "stop"), {"choices": [], "usage": {"prompt_tokens": 1}}),
        b'data: {"choices": [{"index": 0, "delta":\ndata: {"content": "4321"}, "finish_reason": "stop"}]}\n\n',
    ],
)
def test_a_stream_is_read_as_the_standard_says(body: bytes) -> None:
    assert said(CHAT, body, kind="text/event-stream; charset=utf-8") == "4321"


@pytest.mark.parametrize(
    "body",
    [
        events(chunk("43"), chunk("21")),
        events(chunk("43"), chunk("21", "length")),
        events(chunk("43"), chunk("21", "content_filter")),
        events(chunk("43"), {"error": {"message": "overloaded"}}, chunk(None, "stop")),
        events(chunk("", "stop")),
        events(chunk([{"type": "text", "text": "4321"}], "stop")),
        events(chunk("4321", "stop", refusal="no")),
        events(chunk("4321", "stop", annotations=[{"type": "url_citation"}])),
        events(chunk("4321", "stop", tool_calls=[{"index": 0}])),
        events(chunk("4321", "stop"), chunk("and more")),
        events(chunk("4321", "stop"), [1]),
        events(chunk("4321", "stop")) + b"data: {\n\n",
        events(chunk("4321", "stop"))[:-40],
        b"data: \xff\n\n",
    ],
)
def test_a_stream_that_is_no_whole_text_says_nothing(body: bytes) -> None:
    assert said(CHAT, body, kind="text/event-stream") is None


@pytest.mark.parametrize(
    ("api", "reply"),
    [
        *(
            (CHAT, one)
            for one in (
                {"error": {"message": "a 200 with an error"}},
                whole("43", "length"),
                whole("43", "content_filter"),
                whole(""),
                whole(" \n"),
                whole(None, refusal="I cannot"),
                whole("4321", annotations=[{"type": "url_citation"}]),
                whole(4321),
                {"choices": whole("4321")["choices"] * 2},
            )
        ),
        (Completions(), {"choices": [{"text": 4321, "finish_reason": "stop"}]}),
        (Completions(), {"choices": [{"text": "43", "finish_reason": "length"}]}),
        (AnthropicMessages(), {"content": [{"type": "text", "text": 4321}], "stop_reason": "end_turn"}),
        (AnthropicMessages(), {"content": [{"type": "text", "text": "43"}], "stop_reason": "max_tokens"}),
        (AnthropicMessages(), {"content": [{"type": "text", "text": "43"}], "stop_reason": "refusal"}),
        (Responses(), {"status": "completed", "output": [{"type": "message", "content": [{"type": "refusal"}]}]}),
        (Responses(), {"status": "incomplete", "output": []}),
    ],
)
def test_a_reply_that_is_no_whole_text_says_nothing(api: TextApi, reply: dict[str, Any]) -> None:
    assert said(api, json.dumps(reply).encode()) is None


def test_an_anthropic_stream_is_its_text_blocks() -> None:
    begun = {"type": "content_block_start", "index": [], "content_block": {"type": "text", "text": ""}}
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "4321"}}
    ended = [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}]
    assert AnthropicMessages().answer_streamed([begun, delta, *ended]) == "4321"
    called = {**begun, "content_block": {"type": "tool_use"}}
    assert AnthropicMessages().answer_streamed([begun, delta, called, *ended]) is None


def test_of_a_replys_head_clients_get_what_is_theirs_alone() -> None:
    head = [
        ("Set-Cookie", "a=1"),
        ("Transfer-Encoding", "chunked"),
        ("Content-Length", "3"),
        ("Connection", "close"),
        ("X-Hammerstone-Route", "parser"),
        ("Retry-After", "7"),
    ]
    assert reply_headers(httpx2.Response(200, headers=head)) == [(b"set-cookie", b"a=1"), (b"retry-after", b"7")]
