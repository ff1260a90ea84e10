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


def message(*blocks: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": list(blocks), "stop_reason": "end_turn", **fields}


def response(*parts: Any, fields: dict[str, Any] | None = None, **item: Any) -> dict[str, Any]:
    """Fields of the response itself, and of its only item."""
    said = {"type": "message", "role": "assistant", "status": "completed", "content": list(parts), **item}
    return {"object": "response", "status": "completed", "error": None, "output": [said], **(fields or {})}


TEXT, PART = {"type": "text", "text": "4321", "citations": None}, {"type": "output_text", "text": "4321"}
OF_CHAT, OF_TEXT = whole("4321"), {"choices": [{"index": 0, "text": "4321", "finish_reason": "stop"}]}
MORE = {"more": [1]}


@pytest.mark.parametrize(
    ("api", "reply"),
    [
        (CHAT, whole("4321", refusal=None, annotations=[], tool_calls=[], audio=None, reasoning_content="4000 + 321")),
        (CHAT, {**OF_CHAT, "service_tier": "default", "error": None, "prompt_filter_results": [{"index": 0}]}),
        (Completions(), {**OF_TEXT, "usage": {"prompt_tokens": 1}}),
        (AnthropicMessages(), message({"type": "thinking", "thinking": "4000"}, TEXT, stop_sequence=None)),
        (Responses(), response(PART, fields={"incomplete_details": None, "tools": [], "temperature": 1.0})),
        (Responses(), response({**PART, "annotations": [], "logprobs": []}, phase="final_answer")),
    ],
)
def test_a_whole_text_is_learned_beside_what_says_nothing_of_it(api: TextApi, reply: dict[str, Any]) -> None:
    assert said(api, json.dumps(reply).encode()) == "4321"


@pytest.mark.parametrize(
    ("api", "reply"),
    [
        (CHAT, whole("4321", images=[{"type": "image_url"}])),
        (CHAT, whole([{"type": "text", "text": "4321"}])),
        (CHAT, {**OF_CHAT, "citations": ["http://a"]}),
        (CHAT, {**OF_CHAT, "body": whole("1234")}),
        (CHAT, {"choices": [{**OF_CHAT["choices"][0], **MORE}]}),
        (CHAT, {"choices": [{**OF_CHAT["choices"][0], "index": 1}]}),
        (Completions(), {**OF_TEXT, **MORE}),
        (Completions(), {"choices": [{**OF_TEXT["choices"][0], "logprobs": {"tokens": ["4321"]}}]}),
        (AnthropicMessages(), message(TEXT, container={"id": "c"})),
        (AnthropicMessages(), message({**TEXT, **MORE})),
        (AnthropicMessages(), message(TEXT, type="error")),
        (AnthropicMessages(), {**message(TEXT), "body": message({"type": "text", "text": "1234"})}),
        (Responses(), response(PART, fields=MORE)),
        (Responses(), response(PART, fields={"incomplete_details": {"reason": "max_output_tokens"}})),
        (Responses(), response(PART, status="incomplete")),
        (Responses(), response(PART, phase="commentary")),
        (Responses(), response({**PART, "logprobs": [{"token": "4321"}]})),
    ],
)
def test_a_reply_with_a_field_that_nobody_knows_says_nothing(api: TextApi, reply: dict[str, Any]) -> None:
    assert said(api, json.dumps(reply).encode()) is None


@pytest.mark.parametrize("more", [b'"choices": []', b'"created": 1, "created": 2', b'"created": NaN'])
def test_a_reply_that_two_readers_would_read_differently_says_nothing(more: bytes) -> None:
    sent = json.dumps(whole("4321")).encode()[:-1] + b", " + more + b"}"
    assert said(CHAT, sent) is None
    assert said(CHAT, b"data: " + sent.replace(b'"message"', b'"delta"') + b"\n\n", kind="text/event-stream") is None


@pytest.mark.parametrize(
    "body",
    [
        events({"prompt_filter_results": [{"prompt_index": 0}]}, chunk("4321"), chunk(None, "stop")),
        events(chunk("4321"), chunk(None, "stop"), chunk("", "stop", role="assistant")),
        events(chunk("", role="assistant"), chunk("4321", "stop"), {"usage": {"prompt_tokens": 1}}),
    ],
)
def test_a_chunk_without_a_choice_and_an_end_said_twice_are_harmless(body: bytes) -> None:
    assert said(CHAT, body, kind="Text/Event-Stream;charset=utf-8") == "4321"


@pytest.mark.parametrize(
    "body",
    [
        events(chunk("4321", images=[1]), chunk(None, "stop")),
        events(chunk("4321"), {"citations": [1], "choices": []}, chunk(None, "stop")),
        events(chunk("4321", "stop"), chunk(None, "length")),
        events(chunk("4321"), whole("1234")),
        events({"choices": [{"index": 1, "delta": {"content": "4321"}, "finish_reason": "stop"}]}),
    ],
)
def test_a_stream_with_more_than_its_text_says_nothing(body: bytes) -> None:
    assert said(CHAT, body, kind="text/event-stream") is None


def begins(at: Any = 0, kind: str = "text", **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": at, "content_block": {"type": kind, "text": "", **block}}


def goes_on(text: str, at: int = 0, kind: str = "text_delta") -> dict[str, Any]:
    return {"type": "content_block_delta", "index": at, "delta": {"type": kind, "text": text}}


START = {"type": "message_start", "message": {**message(), "stop_reason": None}}
STOP = [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}, {"type": "message_stop"}]
PING = {"type": "ping"}


@pytest.mark.parametrize(
    "sent",
    [
        [START, begins(), goes_on("43"), goes_on("21"), {"type": "content_block_stop", "index": 0}, *STOP],
        [START, PING, begins(0), begins(1), goes_on("21", 1), goes_on("43", 0), *STOP],
        [START, begins(0, "thinking"), goes_on("4000", 0, "thinking_delta"), begins(1), goes_on("4321", 1), *STOP],
        [START, begins(text="43"), goes_on("21"), *STOP, PING],
    ],
)
def test_an_anthropic_stream_is_the_message_that_it_builds_up(sent: list[dict[str, Any]]) -> None:
    assert AnthropicMessages().answer_streamed(sent) == "4321"


@pytest.mark.parametrize(
    "sent",
    [
        [START, begins(), goes_on("4321"), goes_on("", kind="citations_delta"), *STOP],
        [START, begins(), goes_on("4321"), goes_on("1", kind="new_delta"), *STOP],
        [START, begins(), goes_on("4321"), {"type": "new_event"}, *STOP],
        [START, begins(), goes_on("4321"), {"type": "error", "error": {}}, *STOP],
        [START, begins(), goes_on("43"), *STOP, START, begins(), goes_on("21"), *STOP],
        [START, begins(), goes_on("4321"), begins(1, "tool_use"), *STOP],
        [START, begins(), goes_on("4321"), {**STOP[0], "context_management": {"edits": [1]}}, STOP[1]],
        [START, begins([]), goes_on("4321"), *STOP],
        [START, begins(), goes_on("4321", 1), *STOP],
        [begins(), goes_on("4321"), *STOP],
        [START, begins(), goes_on("4321"), STOP[0]],
        [START],
        [],
    ],
)
def test_an_anthropic_stream_with_anything_else_in_it_says_nothing(sent: list[dict[str, Any]]) -> None:
    assert AnthropicMessages().answer_streamed(sent) is None


def test_a_streamed_response_is_learned_if_its_end_is_what_was_sent() -> None:
    sent = [{"type": "response.output_text.delta", "delta": one} for one in ("43", "21")]
    end = {"type": "response.completed", "response": response(PART)}
    api = Responses()
    assert api.answer_streamed([{"type": "response.created"}, *sent, end]) == "4321"
    for other in (
        [*sent, {"type": "error", "message": "overloaded"}, end],
        [*sent, {"type": "response.new_event"}, end],
        [sent[0], end],
        [*sent, {**end, "type": "response.failed"}],
        [*sent, end, {"type": "response.in_progress"}],
        sent,
    ):
        assert api.answer_streamed(other) is None


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
