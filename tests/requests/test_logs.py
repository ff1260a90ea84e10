"""Logs as other programs write them: each is read as the request that was sent, its answer, and what the call took."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from hammerstone.requests import Unreadable, is_batch_output, read_batch_answers, read_requests
from hammerstone.types import Chat, LoggedCall, Message, Request, Usage

ASK: dict[str, Any] = {"role": "user", "content": "1 + 2?"}
SYSTEM: dict[str, Any] = {"role": "system", "content": "Rules."}
CHAT = Chat(
    messages=(Message(role="system", content="Rules."), Message(role="user", content="1 + 2?")), model="gpt-5.4-mini"
)
USAGE = {"prompt_tokens": 20, "completion_tokens": 1, "total_tokens": 21}
COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_788_000_000,
    "model": "gpt-5.4-mini-2026-03-17",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "3"}, "finish_reason": "stop"}],
    "usage": USAGE,
}
NOON, NOON_S = "2026-08-29T12:00:00.000Z", 1_788_004_800.0

LANGFUSE: dict[str, Any] = {
    "id": "c3d9",
    "traceId": "8b1f",
    "type": "GENERATION",
    "name": "OpenAI-generation",
    "environment": "production",
    "startTime": NOON,
    "endTime": "2026-08-29T12:00:01.250Z",
    "completionStartTime": None,
    "model": "gpt-5.4-mini",
    "modelParameters": {"temperature": 0, "max_tokens": 50, "user": "u1"},
    "input": [SYSTEM, ASK],
    "output": {"role": "assistant", "content": "3"},
    "usageDetails": {"input": 20, "output": 1, "total": 21},
    "costDetails": {"input": 0.00001, "output": 0.00002, "total": 0.00003},
    "level": "DEFAULT",
    "metadata": {"release": "1.4"},
    "latency": 1.25,
}
LITELLM: dict[str, Any] = {
    "id": "chatcmpl-1",
    "trace_id": "t",
    "call_type": "acompletion",
    "status": "success",
    "response_cost": 0.00003,
    "prompt_tokens": 20,
    "completion_tokens": 1,
    "total_tokens": 21,
    "startTime": NOON_S,
    "endTime": NOON_S + 1.25,
    "model": "openai/gpt-5.4-mini-2026",
    "model_group": "gpt-5.4-mini",
    "api_base": "https://api.openai.com",
    "metadata": {"user_api_key_team_id": "web"},
    "request_tags": ["a"],
    "messages": [SYSTEM, ASK],
    "response": COMPLETION,
    "model_parameters": {"temperature": 0, "stream": False, "extra_body": {"x": 1}},
    "hidden_params": {"model_id": "m"},
}
SPEND: dict[str, Any] = {
    "request_id": "chatcmpl-1",
    "call_type": "acompletion",
    "api_key": "88dc",
    "spend": 0.00003,
    "prompt_tokens": 20,
    "completion_tokens": 1,
    "startTime": NOON,
    "endTime": "2026-08-29T12:00:01.250Z",
    "model": "gpt-5.4-mini",
    "user": "u1",
    "team_id": None,
    "cache_hit": "False",
    "messages": {},
    "response": json.dumps(COMPLETION),
    "proxy_server_request": json.dumps({"model": "gpt-5.4-mini", "messages": [SYSTEM, ASK], "user": "u1"}),
}
HELICONE: dict[str, Any] = {
    "request_id": "9a",
    "request_created_at": NOON,
    "request_path": "https://api.openai.com/v1/chat/completions",
    "request_properties": {"app": "web"},
    "request_body": {"model": "gpt-5.4-mini", "messages": [SYSTEM, ASK], "temperature": 0},
    "response_body": COMPLETION,
    "response_status": 200,
    "delay_ms": 1250,
    "cost": 0.00003,
    "provider": "OPENAI",
}
GATEWAY: dict[str, Any] = {
    "id": "b-1",
    "timestamp": int(NOON_S * 1000),
    "request": {"model": "gpt-5.4-mini", "messages": [SYSTEM, ASK], "temperature": 0},
    "response": COMPLETION,
    "latency_ms": 1250,
    "cost_usd": 0.00003,
    "user_agent": "openai-python",
    "tags": ["a", "b"],
}
ANTHROPIC: dict[str, Any] = {
    "time": NOON,
    "duration_ms": 1250,
    "cost": "0.00003",
    "request": {
        "model": "gpt-5.4-mini",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "Rules.", "cache_control": {"type": "ephemeral"}}],
        "messages": [ASK],
    },
    "response": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": "…"}, {"type": "text", "text": "3"}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 20, "output_tokens": 1},
    },
}
RESPONSES: dict[str, Any] = {
    "created_at": NOON_S,
    "latency": 1.25,
    "total_cost": 0.00003,
    "request": {"model": "gpt-5.4-mini", "instructions": "Rules.", "input": "1 + 2?", "store": False},
    "response": {
        "status": "completed",
        "error": None,
        "output": [
            {"type": "reasoning", "summary": []},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "3"}]},
        ],
        "usage": {"input_tokens": 20, "output_tokens": 1},
    },
}
PORTKEY: dict[str, Any] = {
    "created_at": NOON,
    "request": {
        "url": "/chat/completions",
        "method": "post",
        "body": {"model": "gpt-5.4-mini", "messages": [SYSTEM, ASK]},
    },
    "response": {"status": 200, "body": COMPLETION, "response_time": 1250},
    "latency_ms": 1250,
    "cost": 0.00003,
}
FORMS = {
    "langfuse": LANGFUSE,
    "litellm": LITELLM,
    "litellm spend": SPEND,
    "helicone": HELICONE,
    "gateway": GATEWAY,
    "anthropic": ANTHROPIC,
    "responses": RESPONSES,
    "portkey": PORTKEY,
}


def read(path: Path, *rows: object) -> list[Request | Unreadable]:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return list(read_requests(path))


def one(folder: Path, row: object) -> Request:
    (item,) = read(folder / "log.jsonl", row)
    assert isinstance(item, Request), item
    return item


def refused(folder: Path, row: object) -> Unreadable:
    (item,) = read(folder / "log.jsonl", row)
    assert isinstance(item, Unreadable), item
    return item


@pytest.mark.parametrize("form", FORMS)
def test_a_row_of_a_log_is_the_request_its_answer_and_what_the_call_took(tmp_path: Path, form: str) -> None:
    request = one(tmp_path, FORMS[form])
    assert request.chat == CHAT
    assert request.answer == "3"
    assert request.logged is not None
    assert request.logged.time == pytest.approx(NOON_S)
    assert request.logged.seconds == pytest.approx(1.25)
    assert request.logged.cost_usd == pytest.approx(0.00003)
    assert request.logged.usage == Usage(input_tokens=20, output_tokens=1)


@pytest.mark.parametrize("indent", [None, 2])
def test_a_page_of_an_api_is_the_requests_it_lists(tmp_path: Path, indent: int | None) -> None:
    path = tmp_path / "page.json"
    page = {"data": [LANGFUSE, {**LANGFUSE, "id": "c3da"}], "meta": {"page": 1, "totalPages": 1}}
    path.write_text(json.dumps(page, indent=indent))
    assert [one.id for one in read_requests(path) if isinstance(one, Request)] == ["c3d9", "c3da"]


@pytest.mark.parametrize("form", ["langfuse", "litellm", "litellm spend", "helicone"])
def test_an_export_as_a_table_is_read_as_its_json_is(tmp_path: Path, form: str) -> None:
    row = {name: value if isinstance(value, str) else json.dumps(value) for name, value in FORMS[form].items()}
    path = tmp_path / "export.csv"
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(row))
        table.writeheader()
        table.writerow(row)
    (request,) = read_requests(path)
    assert isinstance(request, Request), request
    assert (request.chat, request.answer) == (CHAT, "3")
    assert request.logged is not None
    assert request.logged.usage == Usage(input_tokens=20, output_tokens=1)


def test_a_parquet_file_of_questions_and_answers_is_read(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "questions.parquet"
    parquet.write_table(
        arrow.table({"question": ["1 + 2?", "2 + 2?"], "answer": ["3", "4"], "score": [0.5, 1.0]}), path
    )
    found = list(read_requests(path))
    assert found == [Request.plain(id=str(n), question=f"{n} + 2?", answer=str(n + 2)) for n in (1, 2)]


def test_a_log_that_is_compressed_is_read_as_it_is(tmp_path: Path) -> None:
    plain, packed = tmp_path / "log.jsonl", tmp_path / "log.jsonl.gz"
    rows = read(plain, *FORMS.values())
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert list(read_requests(packed)) == rows


def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}


STREAM = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "4"}),
    chunk({"content": "2"}),
    chunk({}, "stop"),
    {"object": "chat.completion.chunk", "choices": [], "usage": USAGE},
]
EVENTS = [
    {"type": "message_start", "message": {"usage": {"input_tokens": 20, "output_tokens": 0}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "4"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "2"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
    {"type": "message_stop"},
]


def sse(events: list[dict[str, Any]]) -> str:
    return "".join(f"data: {json.dumps(one)}\n\n" for one in events)


@pytest.mark.parametrize("stream", [STREAM, EVENTS, sse(STREAM) + "data: [DONE]\n\n", sse(EVENTS)])
def test_the_chunks_of_a_stream_are_put_together(tmp_path: Path, stream: object) -> None:
    request = one(tmp_path, GATEWAY | {"response": stream})
    assert request.answer == "42"
    assert request.logged is not None
    assert request.logged.usage == Usage(input_tokens=20, output_tokens=1)


TOOL = {"type": "function", "function": {"name": "f"}}
CALLED = {"message": {"content": None, "tool_calls": [{"id": "1"}]}, "finish_reason": "tool_calls"}
IMAGE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}


@pytest.mark.parametrize(
    ("row", "group"),
    [
        (GATEWAY | {"request": GATEWAY["request"] | {"tools": [TOOL]}}, "calls of tools"),
        (GATEWAY | {"response": {"choices": [CALLED]}}, "calls of tools"),
        (GATEWAY | {"response": STREAM[:3]}, "cut short or filtered"),
        (GATEWAY | {"request": {"model": "m", "messages": [IMAGE]}}, "images, audio or files"),
        (GATEWAY | {"request": GATEWAY["request"] | {"n": 3}}, "several answers"),
        (GATEWAY | {"response": {"choices": COMPLETION["choices"] * 2}}, "several answers"),
        (GATEWAY | {"response": {"error": {"message": "no"}}}, "the call failed"),
        (GATEWAY | {"response": {"status": 429, "body": {}}}, "the call failed"),
        (ANTHROPIC | {"response": ANTHROPIC["response"] | {"stop_reason": "max_tokens"}}, "cut short or filtered"),
        (ANTHROPIC | {"response": ANTHROPIC["response"] | {"stop_reason": "tool_use"}}, "calls of tools"),
        (RESPONSES | {"response": RESPONSES["response"] | {"status": "incomplete"}}, "cut short or filtered"),
        (LANGFUSE | {"type": "SPAN"}, "no call of a model"),
        (LANGFUSE | {"level": "ERROR"}, "the call failed"),
        (LITELLM | {"status": "failure"}, "the call failed"),
        (LITELLM | {"call_type": "aembedding"}, "no chat"),
        (LITELLM | {"model_parameters": {"tools": [TOOL]}}, "calls of tools"),
        (ANTHROPIC | {"request": ANTHROPIC["request"] | {"stop_sequences": ["4"]}}, "stop sequences"),
        (LANGFUSE | {"modelParameters": {"stop": ["4"]}}, "stop sequences"),
        (LITELLM | {"model_parameters": {"stop": "4"}}, "stop sequences"),
        (GATEWAY | {"request": GATEWAY["request"] | {"logit_bias": {"18": -100}}}, "token biases"),
    ],
)
def test_what_no_tool_could_learn_from_is_told_apart_from_what_is_damaged(
    tmp_path: Path, row: object, group: str
) -> None:
    assert refused(tmp_path, row).group == group


@pytest.mark.parametrize("row", [{"request": {"messages": "x"}, "response": COMPLETION}, {"request": 3, "response": 4}])
def test_a_damaged_row_is_of_no_group(tmp_path: Path, row: object) -> None:
    assert refused(tmp_path, row).group == ""


@pytest.mark.parametrize(
    "time",
    [NOON_S, int(NOON_S * 1000), str(int(NOON_S)), NOON, "2026-08-29 12:00:00", "2026-08-29T14:00:00+02:00"],
)
def test_a_time_is_read_in_seconds_milliseconds_and_iso(tmp_path: Path, time: object) -> None:
    row = {"messages": [ASK, {"role": "assistant", "content": "3"}], "timestamp": time}
    assert one(tmp_path, row).logged == LoggedCall(time=NOON_S)


def test_what_is_no_time_is_none(tmp_path: Path) -> None:
    for time in ("yesterday", 12, -1, "", None, "1899-01-01"):
        assert one(tmp_path, {"question": "1 + 2?", "answer": "3", "timestamp": time}).logged is None


def test_a_request_that_asks_for_variety_is_marked(tmp_path: Path) -> None:
    varied = one(tmp_path, GATEWAY | {"request": GATEWAY["request"] | {"temperature": 1.4}}).logged
    assert varied is not None
    assert varied.asks_for_variety(1.0)
    assert not varied.asks_for_variety(1.4)


def test_of_a_batchs_two_files_the_output_is_known_by_its_first_row(tmp_path: Path) -> None:
    asked, answered = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    asked.write_text(json.dumps({"custom_id": "1", "url": "/v1/chat/completions", "body": {"messages": [ASK]}}))
    answered.write_text(json.dumps({"custom_id": "1", "response": {"status_code": 200, "body": COMPLETION}}))
    assert (is_batch_output(asked), is_batch_output(answered)) == (False, True)
    (found,) = read_batch_answers(answered)
    assert not isinstance(found, Unreadable)
    assert found.logged == LoggedCall(time=1_788_000_000, usage=Usage(input_tokens=20, output_tokens=1))
