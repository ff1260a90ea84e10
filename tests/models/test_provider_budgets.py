"""What a reply may cost and how it is delivered: limits, time-outs and schemas, over HTTP to a local server."""

from __future__ import annotations

from typing import Any

import pytest

from hammerstone.concurrency import map_concurrently
from hammerstone.errors import ModelError, ModelTimeoutError
from hammerstone.models import open_model
from hammerstone.types import JSON

from .local_provider import Answer, LocalProvider, ask, completion, failure

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_waits")]

SCHEMA: dict[str, Any] = {
    "anyOf": [
        {
            "type": "object",
            "properties": {"left": {"type": "integer", "default": 0}},
            "required": [],
            "additionalProperties": False,
        },
        {"type": "null"},
    ]
}


async def test_a_schema_is_sent_as_the_format_of_the_reply_and_changes_no_prompt(provider: LocalProvider) -> None:
    provider.answers = [completion("{}"), completion("{}")]
    model = open_model("openai:small", base_url=provider.url)

    await model.complete(ask("q", schema=SCHEMA))
    await model.complete(ask("q"))

    with_schema, without = provider.requests
    sent = with_schema.pop("response_format")
    assert sent["type"] == "json_schema"
    assert sent["json_schema"]["schema"] == SCHEMA
    assert with_schema == without


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    "complaint",
    [
        "Unknown parameter: 'response_format'",
        "json_schema is not supported by this model",
        "Structured output needs another backend",
        "failed to parse grammar",
    ],
)
async def test_a_refused_schema_is_left_out_from_then_on_and_is_no_failure(
    provider: LocalProvider, status: int, complaint: str
) -> None:
    provider.answers = [failure(status, complaint), completion("{}"), completion("null")]
    model = open_model("openai:small", base_url=provider.url, attempts=1)

    texts = [(await model.complete(ask(question, schema=SCHEMA))).text for question in ("1", "2")]

    assert texts == ["{}", "null"]
    assert ["response_format" in request for request in provider.requests] == [True, False, False]


async def test_a_complaint_about_something_else_does_not_lose_the_schema(provider: LocalProvider) -> None:
    provider.answers = [
        failure(400, "the question is about response_format"),
        failure(400, "no"),
        completion("{}"),
    ]
    model = open_model("openai:small", base_url=provider.url)

    with pytest.raises(ModelError):
        await model.complete(ask("1", schema=SCHEMA))
    await model.complete(ask("2", schema=SCHEMA))

    assert ["response_format" in request for request in provider.requests] == [True, False, True]


async def test_a_provider_that_speaks_something_else_is_sent_no_schema(
    provider: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "not-a-real-key")
    provider.answers = [failure(400, "no")]

    with pytest.raises(ModelError):
        await open_model("anthropic:claude-haiku-4-5", base_url=provider.url).complete(ask("q", schema=SCHEMA))

    assert "properties" not in str(provider.requests)


STRICT: dict[str, Any] = {
    "type": "object",
    "properties": {"sum": {"type": "integer", "minimum": 0}},
    "required": ["sum"],
    "additionalProperties": False,
}
FORMATS: list[JSON] = [
    {"type": "json_object"},
    {"type": "json_schema", "json_schema": {"name": "sum", "schema": SCHEMA, "strict": False}},
    {"type": "json_schema", "json_schema": {"name": "sum", "description": "Of two.", "schema": STRICT, "strict": True}},
]


@pytest.mark.parametrize("wanted", FORMATS)
async def test_the_response_format_of_a_request_is_sent_as_it_came(provider: LocalProvider, wanted: JSON) -> None:
    provider.answers = [completion("{}"), completion("{}")]
    model = open_model("openai:small", base_url=provider.url)

    await model.complete(ask("Write JSON.", response_format=wanted, requested_model="gpt-9"))
    await model.complete(ask("Write JSON."))

    formatted, plain = provider.requests
    assert formatted.pop("response_format") == wanted
    assert formatted == plain


async def test_a_response_format_that_is_refused_is_not_left_out(provider: LocalProvider) -> None:
    provider.answers = [failure(400, "Unknown parameter: 'response_format'")]
    model = open_model("openai:small", base_url=provider.url)

    with pytest.raises(ModelError, match="response_format"):
        await model.complete(ask("Write JSON.", response_format=FORMATS[0]))

    assert len(provider.requests) == 1


async def test_a_response_format_that_no_provider_has_is_an_error_of_that_prompt(provider: LocalProvider) -> None:
    with pytest.raises(ModelError, match="'grammar'"):
        await open_model("openai:small", base_url=provider.url).complete(ask("q", response_format={"type": "grammar"}))

    assert provider.requests == []


async def test_a_provider_without_a_parameter_for_a_schema_reads_it_in_the_instructions(
    provider: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "not-a-real-key")
    provider.answers = [failure(400, "no"), failure(400, "no")]
    old, new = "anthropic:claude-3-haiku-20240307", "anthropic:claude-haiku-4-5"

    for name in (old, new):
        with pytest.raises(ModelError):
            await open_model(name, base_url=provider.url).complete(ask("q", response_format=FORMATS[1]))

    in_words, in_its_parameter = provider.requests
    assert "properties" in str(in_words["system"])
    assert "output_config" not in in_words
    assert in_its_parameter["output_config"]["format"]["type"] == "json_schema"


@pytest.mark.parametrize("text", ["half a fun", "", " \n"])
async def test_a_reply_cut_at_the_callers_limit_is_marked_and_paid(provider: LocalProvider, text: str) -> None:
    provider.answers = [completion(text, finish_reason="length")]

    reply = await open_model("openai:small", base_url=provider.url).complete(ask("q", max_tokens=4))

    assert (reply.text, reply.cut, reply.usage.output_tokens) == (text, True, 3)


async def test_a_reply_that_ends_by_itself_is_not_marked(provider: LocalProvider) -> None:
    provider.answers = [completion("whole")]

    assert not (await open_model("openai:small", base_url=provider.url).complete(ask("q", max_tokens=4))).cut


@pytest.mark.parametrize("spec", ["openai:small", "ollama:small"])
async def test_a_server_of_ones_own_gets_the_limit_under_the_name_that_all_of_them_heed(
    provider: LocalProvider, spec: str
) -> None:
    provider.answers = [completion("a")]

    await open_model(spec, base_url=provider.url).complete(ask("q", max_tokens=4))

    assert provider.requests[0]["max_tokens"] == 4
    assert "max_completion_tokens" not in provider.requests[0]


async def test_a_limit_beyond_the_servers_own_is_left_out_for_that_prompt_alone(provider: LocalProvider) -> None:
    too_large = failure(400, "max_tokens is too large: 16384. This model's maximum context length is 8192 tokens")
    provider.answers = [too_large, completion("a"), completion("b")]
    model = open_model("openai:small", base_url=provider.url)

    texts = [(await model.complete(ask(question, max_tokens=16_384))).text for question in ("long", "short")]

    assert texts == ["a", "b"]
    assert ["max_tokens" in request for request in provider.requests] == [True, False, True]


async def test_a_prompts_own_time_out_counts_instead_of_the_models(provider: LocalProvider) -> None:
    provider.answers = [Answer(None, silent=True)]
    model = open_model("openai:small", base_url=provider.url, timeout_seconds=600, attempts=1)

    with pytest.raises(ModelTimeoutError, match="did not answer in time") as caught:
        await model.complete(ask("q", timeout_s=0.05))
    assert "timeout_s" in caught.value.hint


async def test_time_outs_of_several_requests_at_once_say_to_ask_fewer(provider: LocalProvider) -> None:
    provider.answers = [Answer(None, silent=True)] * 3
    model = open_model("openai:small", base_url=provider.url, timeout_seconds=0.5, attempts=1)
    hints: list[str] = []

    async def note_hint(question: str) -> None:
        with pytest.raises(ModelTimeoutError) as caught:
            await model.complete(ask(question))
        hints.append(caught.value.hint)

    await map_concurrently(note_hint, ["1", "2", "3"])
    assert "lower requests_at_once" in hints[0]


async def test_each_model_is_asked_with_the_key_in_its_own_variable(
    provider: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "of-somebody-else")
    monkeypatch.setenv("MINE", "of-this-server")
    provider.answers = [completion("a"), failure(401, "no such key: of-this-server")]
    model = open_model(f"openai:small@{provider.url}", api_key_env="MINE")

    await model.complete(ask("1"))
    with pytest.raises(ModelError) as caught:
        await model.complete(ask("2"))

    assert provider.headers[0]["authorization"] == "Bearer of-this-server"
    assert "of-this-server" not in caught.value.message
