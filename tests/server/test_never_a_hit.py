"""What a live tool must not answer, whatever it asks: each request goes to the upstream as it came."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hammerstone.sandbox import Sandbox
from hammerstone.server.controls import HEADER
from hammerstone.server.protocols import AnthropicMessages, Responses, TextApi
from hammerstone.settings import ServeSettings

from .sums import CHAT, MODEL, Served, body, open_gateway

pytestmark = pytest.mark.anyio

NEW = "What is the sum of 4000 and 321?"
RESPONSES, MESSAGES = "/v1/responses", "/v1/messages"
SYSTEM = {"role": "system", "content": "You add."}


@pytest.fixture(scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> AsyncIterator[Served]:
    """A gateway with a live tool for each API."""
    async with open_gateway(tmp_path_factory.mktemp("home"), sandbox) as one:
        await one.learn_sums()
        yield one


async def route(served: Served, sent: dict[str, Any] | bytes, path: str = CHAT) -> str:
    content = sent if isinstance(sent, bytes) else json.dumps(sent).encode()
    response = await served.client.post(path, content=content, headers={"content-type": "application/json"})
    assert response.status_code == 200
    if response.headers[HEADER + "route"] == "upstream":
        assert served.upstream.seen[-1].body == content
    return response.headers[HEADER + "route"]


def response_body(**fields: Any) -> dict[str, Any]:
    return {"model": MODEL, "instructions": "You add.", "input": NEW, "store": False, **fields}


def message_body(**fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": NEW}]
    return {"model": MODEL, "max_tokens": 100, "system": "You add.", "messages": messages, **fields}


ELSEWHERE: list[tuple[str, dict[str, Any]]] = [
    *(
        (CHAT, body(NEW, **fields))
        for fields in (
            {"tools": [{"type": "function", "function": {"name": "f"}}]},
            {"functions": [{"name": "f"}]},
            {"tool_choice": "none"},
            {"n": 2},
            {"verbosity": "low"},
            {"logprobs": True},
            {"top_logprobs": 5},
            {"temperature": 1.5},
            {"temperature": -1},
            {"temperature": "0"},
            {"temperature": True},
            {"presence_penalty": 0.5},
            {"logit_bias": {"1": 2}},
            {"modalities": ["text", "audio"]},
            {"web_search_options": {}},
            {"web_search_options": {"a": 1}},
            {"enable_search": True},
            {"thinking_budget": 100},
            {"date": "2026-01-01"},
            {"output": "in words"},
            {"body": {"a": 1}},
            {"store": True},
            {"stream": "true"},
            {"max_tokens": 2},
            {"max_completion_tokens": 2},
            {"stop": ["32"]},
            {"stop": "4"},
            {"response_format": {"type": "json_object"}},
            {"response_format": {"type": "text", "more": 1}},
            {"response_format": {"type": "continuation"}},
            {"stream_options": {"include_usage": True, "continuous_usage_stats": True}},
            {"stream_options": "x"},
            {"max_tokens": "100"},
            {"stop": {"a": 1}},
            {"metadata": "x"},
            {"user": ["u"]},
            {"n": 1.5},
            {"model": "another-model"},
        )
    ),
    *(
        (CHAT, body(NEW, messages=messages))
        for messages in (
            [{"role": "developer", "content": "You add."}, {"role": "user", "content": NEW}],
            [SYSTEM, {"role": "user", "content": NEW, "name": "bob"}],
            [SYSTEM, {"role": "user", "content": NEW, "think": True}],
            [SYSTEM, {"role": "user", "content": NEW}, {"role": "assistant", "content": "The sum is"}],
            [{"role": "user", "content": NEW}],
            [SYSTEM, {"role": "user", "content": [{"type": "text", "text": NEW, "image_url": "x"}]}],
            [SYSTEM, {"role": "user", "content": [{"type": "text", "text": NEW, "thought": True}]}],
            [SYSTEM, {"role": "user", "content": [{"type": "input_text", "text": NEW}]}],
            [SYSTEM, {"role": "user", "content": [{"type": "text", "text": NEW}, {"type": "file", "file": {}}]}],
            [SYSTEM, {"role": "user", "content": [{"type": "text", "text": one} for one in NEW.split("00")]}],
        )
    ),
    *(
        (RESPONSES, response_body(**fields))
        for fields in (
            {"store": True},
            {"store": None},
            {"previous_response_id": "resp_1"},
            {"conversation": "conv_1"},
            {"conversation": {}},
            {"tools": [{"type": "web_search"}]},
            {"include": ["reasoning.encrypted_content"]},
            {"background": True},
            {"top_logprobs": 2},
            {"max_output_tokens": 2},
            {"instructions": "You subtract."},
            {"instructions": None},
            {"text": {"format": {"type": "json_object"}}},
            {"text": {"format": {"type": "text", "more": 1}}},
            {"text": {"format": "text"}},
            {"text": {"more": 1}},
            {"text": "x"},
            {"reasoning": {"summary": "auto"}},
            {"reasoning": "high"},
            {"stream_options": {"include_usage": True}},
            {"tool_choice": "required"},
            {"input": [{"role": "user", "content": NEW, "status": "incomplete"}]},
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": NEW, "more": 1}]}]},
            {"input": [{"role": "user", "content": NEW, "name": "bob"}]},
            {"input": [{"type": "item_reference", "id": "m"}, {"role": "user", "content": NEW}]},
            {"input": [{"role": "user", "content": NEW}, {"role": "assistant", "content": "The sum is"}]},
        )
    ),
    *(
        (MESSAGES, message_body(**fields))
        for fields in (
            {"max_tokens": 2},
            {"stop_sequences": ["3"]},
            {"thinking": {"type": "enabled", "budget_tokens": 1024}},
            {"thinking": {}},
            {"thinking": {"type": "disabled", "more": 1}},
            {"metadata": {"user_id": ["u"]}},
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": NEW, "citations": {"enabled": True}}]}
                ]
            },
            {"tools": [{"name": "f", "input_schema": {}}]},
            {"mcp_servers": [{"url": "http://x"}]},
            {"system": [{"type": "text", "text": "You add."}, {"type": "text", "text": "In words."}]},
            {"messages": [{"role": "user", "content": NEW}, {"role": "assistant", "content": "The sum is"}]},
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]},
        )
    ),
]


@pytest.mark.parametrize("asked", ELSEWHERE, ids=lambda asked: f"{asked[0]}-{str(asked[1])[-60:]}")
async def test_what_asks_for_something_else_is_never_a_hit(served: Served, asked: tuple[str, dict[str, Any]]) -> None:
    assert await route(served, asked[1], asked[0]) == "upstream"


async def test_the_same_without_it_is_a_hit(served: Served) -> None:
    parts = [{"type": "text", "text": "What is the sum of "}, {"type": "text", "text": "4000 and 321?"}]
    harmless = {"tools": [], "n": 1, "logprobs": False, "seed": 7, "user": "u", "modalities": ["text"], "stop": None}
    assert await route(served, body(NEW, **harmless)) == "parser"
    assert await route(served, body(NEW, messages=[SYSTEM, {"role": "user", "content": parts}])) == "parser"
    assert await route(served, response_body(include=[], tools=[]), RESPONSES) == "parser"
    blocks = [{"type": "text", "text": "You add.", "cache_control": {"type": "ephemeral"}}]
    assert await route(served, message_body(system=blocks), MESSAGES) == "parser"
    assert await route(served, body(NEW, n=1.0, max_tokens=100.0, top_logprobs=0, verbosity="medium")) == "parser"
    assert await route(served, body(NEW, presence_penalty=0.00)) == "parser"
    echoed = {"tool_choice": "auto", "top_logprobs": 0, "reasoning": {"effort": "low", "summary": None}}
    text = {"format": {"type": "text"}, "verbosity": "medium"}
    assert await route(served, response_body(text=text, **echoed), RESPONSES) == "parser"
    assert await route(served, message_body(thinking={"type": "disabled"}, temperature=0.0), MESSAGES) == "parser"


@pytest.mark.parametrize(
    "more", [b'"model":"other"', b'"metadata":{"a":"1","a":"2"}', b'"seed":NaN', b'"seed":-Infinity']
)
async def test_a_body_that_two_readers_would_read_differently_is_never_a_hit(served: Served, more: bytes) -> None:
    sent = json.dumps(body(NEW)).encode()
    assert await route(served, sent[:-1] + b"," + more + b"}") == "upstream"


@pytest.mark.parametrize(
    "more",
    ['"seed":%s,"temperature":0', '"max_tokens":%s', '"response_format":{"type":"json_object","x":%s}'],
)
async def test_a_number_that_nobody_can_read_is_no_fault_of_ours(served: Served, more: str) -> None:
    sent = json.dumps(body(NEW))[:-1] + "," + more % ("9" * 5000) + "}"
    response = await served.client.post(CHAT, content=sent, headers={HEADER + "only-if-hit": "true"})
    assert (response.status_code, response.headers.get(HEADER + "fault")) == (504, None)


@pytest.mark.parametrize(
    ("api", "sent"),
    [
        (AnthropicMessages(), {"system": ""}),
        (AnthropicMessages(), {"system": []}),
        (Responses(), {"instructions": ""}),
    ],
)
def test_no_system_prompt_is_what_an_empty_one_is(api: TextApi, sent: dict[str, Any]) -> None:
    asked = response_body(instructions=None) if api.path == RESPONSES else message_body(system=None, max_tokens=None)
    assert api.read({**asked, **sent}) == api.read(asked)


async def test_which_temperature_asks_for_variety_is_a_setting(tmp_path: Path, sandbox: Sandbox) -> None:
    async with open_gateway(tmp_path, sandbox, serve=ServeSettings(max_temperature=0.5)) as served:
        await served.learn_sums()
        routes = [await route(served, body(NEW, temperature=one)) for one in (0.5, 0.6)]
        assert routes == ["parser", "upstream"]
