"""The provider adapter: over HTTP to a server on this machine, and through pydantic-ai's own function model."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import FinishReason, ModelMessage, ModelRequest, ModelResponse, TextPart, ThinkingPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.settings import ModelSettings
from pydantic_ai.usage import RequestUsage

from hammerstone import models
from hammerstone.errors import EmptyReplyError, ModelError, ModelTimeoutError
from hammerstone.models import Message, Prompt, open_model
from hammerstone.models.provider import ProviderModel
from hammerstone.models.provider_errors import retry_wait
from hammerstone.types import Usage

from .local_provider import Answer, LocalProvider, ask, completion, failure

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_waits")]

CONVERSATION = Prompt(
    messages=(
        Message(role="system", content="Be brief."),
        Message(role="user", content="One?"),
        Message(role="assistant", content="1"),
        Message(role="user", content="Two?"),
    ),
    temperature=0.25,
    max_tokens=50,
)


def local(provider: LocalProvider, **options: Any) -> ProviderModel:
    model = open_model("openai:small", base_url=provider.url, **options)
    assert isinstance(model, ProviderModel)
    return model


def through(answer: ModelResponse, **options: Any) -> ProviderModel:
    """Our adapter around pydantic-ai's function model, which sends `answer`."""
    model = FunctionModel(lambda *_: answer, model_name=answer.model_name)
    return ProviderModel(model, name="openai:big", timeout_seconds=60, concurrency=1, attempts=1, **options)


def response(text: str, finish_reason: FinishReason = "stop", **fields: Any) -> ModelResponse:
    return ModelResponse(parts=[TextPart(content=text)], finish_reason=finish_reason, **fields)


async def test_a_completion_carries_text_model_tokens_and_time(provider: LocalProvider) -> None:
    provider.answers = [completion("Twelve.")]

    reply = await local(provider).complete(ask("How many is a dozen?"))

    assert (reply.text, reply.model) == ("Twelve.", "small-model")
    assert reply.usage == Usage(input_tokens=11, output_tokens=3)
    assert reply.seconds > 0


async def test_each_message_keeps_its_role_and_settings_are_sent(provider: LocalProvider) -> None:
    provider.answers = [completion("2")]

    await local(provider).complete(CONVERSATION)

    (request,) = provider.requests
    assert [(message["role"], message["content"]) for message in request["messages"]] == [
        ("system", "Be brief."),
        ("user", "One?"),
        ("assistant", "1"),
        ("user", "Two?"),
    ]
    assert (request["model"], request["temperature"]) == ("small", 0.25)
    assert 50 in (request.get("max_tokens"), request.get("max_completion_tokens"))


async def test_what_the_caller_did_not_set_is_not_sent(provider: LocalProvider) -> None:
    provider.answers = [completion("a")]

    await local(provider).complete(ask("q", sample=3))

    assert provider.requests[0].keys() & {"temperature", "max_tokens", "max_completion_tokens", "sample", "n"} == set()


async def test_a_local_server_needs_no_key(provider: LocalProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    provider.answers = [completion("a")]

    assert (await local(provider).complete(ask("q"))).text == "a"


async def test_a_key_in_the_environment_is_sent(provider: LocalProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "not-a-real-key")
    provider.answers = [completion("a")]

    await local(provider).complete(ask("q"))

    assert provider.headers[0]["authorization"] == "Bearer not-a-real-key"


async def test_the_price_at_an_endpoint_of_ones_own_is_unknown_even_under_a_famous_name(
    provider: LocalProvider,
) -> None:
    provider.answers = [completion("a")]
    provider.answers[0].body["model"] = "gpt-4o-mini"  # type: ignore[index]  # a dictionary, see completion()

    reply = await open_model("openai:gpt-4o-mini", base_url=provider.url).complete(ask("q"))

    assert reply.cost_usd is None
    assert reply.usage.input_tokens == 11


async def test_tokens_that_a_server_does_not_count_are_unknown(provider: LocalProvider) -> None:
    provider.answers = [completion("a")]
    del provider.answers[0].body["usage"]  # type: ignore[attr-defined]  # a dictionary, see completion()

    reply = await local(provider).complete(ask("q"))

    assert (reply.usage, reply.cost_usd) == (Usage(), None)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
async def test_trouble_that_may_pass_is_tried_again(provider: LocalProvider, status: int) -> None:
    provider.answers = [failure(status, "not now"), failure(status, "not now"), completion("at last")]

    assert (await local(provider).complete(ask("q"))).text == "at last"
    assert len(provider.requests) == 3


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 422])
async def test_trouble_that_stays_is_not_tried_again(provider: LocalProvider, status: int) -> None:
    provider.answers = [failure(status, "no"), completion("never sent")]

    with pytest.raises(ModelError):
        await local(provider).complete(ask("q"))
    assert len(provider.requests) == 1


async def test_attempts_are_counted_once_the_sdk_adds_none(provider: LocalProvider) -> None:
    provider.answers = [failure(500, "broken")] * 10

    with pytest.raises(ModelError, match="broken"):
        await local(provider, attempts=3).complete(ask("q"))
    assert len(provider.requests) == 3


@pytest.mark.parametrize(
    ("spec", "key"),
    [("anthropic:claude-haiku-4-5", "ANTHROPIC_API_KEY"), ("google:gemini-2.5-flash", "GOOGLE_API_KEY")],
)
async def test_the_other_sdks_add_no_retries_either(
    provider: LocalProvider, monkeypatch: pytest.MonkeyPatch, spec: str, key: str
) -> None:
    monkeypatch.setenv(key, "not-a-real-key")
    provider.answers = [failure(503, "busy")] * 10

    with pytest.raises(ModelError, match="busy"):
        await open_model(spec, base_url=provider.url, attempts=2).complete(CONVERSATION)
    assert len(provider.requests) == 2


async def test_anthropic_is_given_the_system_message_apart(
    provider: LocalProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "not-a-real-key")
    provider.answers = [
        Answer(
            {
                "id": "1",
                "type": "message",
                "role": "assistant",
                "model": "claude-haiku-4-5",
                "content": [{"type": "text", "text": "2"}],
                "stop_reason": "end_turn",
                "stop_sequence": None,
                "usage": {"input_tokens": 20, "output_tokens": 1},
            }
        )
    ]

    reply = await open_model("anthropic:claude-haiku-4-5", base_url=provider.url).complete(CONVERSATION)

    (request,) = provider.requests
    assert (reply.text, reply.usage) == ("2", Usage(input_tokens=20, output_tokens=1))
    assert "Be brief." in str(request["system"])
    assert [message["role"] for message in request["messages"]] == ["user", "assistant", "user"]
    assert (request["max_tokens"], request["temperature"]) == (50, 0.25)


async def test_the_wait_that_a_provider_asks_for_is_kept_unless_it_is_too_long(provider: LocalProvider) -> None:
    provider.answers = [failure(429, "slow down", **{"Retry-After": "90"}), completion("a")]
    assert (await local(provider).complete(ask("q"))).text == "a"

    provider.answers = [failure(429, "slow down", **{"Retry-After": "3600"}), completion("never sent")]
    with pytest.raises(ModelError, match="rate-limited") as caught:
        await local(provider).complete(ask("q"))
    assert "asks to wait 3600 seconds" in caught.value.hint


def test_a_retry_waits_as_long_as_the_provider_asks() -> None:
    assert retry_wait(ModelHTTPError(429, "small", headers={"Retry-After": "7"})) == 7.0
    assert retry_wait(ModelHTTPError(429, "small")) is True
    assert retry_wait(ModelHTTPError(400, "small", headers={"Retry-After": "7"})) is False


async def test_exhausted_credit_is_not_tried_again_though_it_is_a_429(provider: LocalProvider) -> None:
    body = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
    provider.answers = [Answer(body, status=429), completion("never sent")]

    with pytest.raises(ModelError, match="no quota or credit") as caught:
        await local(provider).complete(ask("q"))
    assert "add credit" in caught.value.hint
    assert len(provider.requests) == 1


@pytest.mark.parametrize(
    ("status", "says", "hint"),
    [
        (400, "openai:small rejected the request: HTTP 400: the provider's words", "above say what to change"),
        (401, "refused the API key: HTTP 401: the provider's words", "check the API key"),
        (403, "refused the API key", "may use this model"),
        (404, "is not known there", "check the model's name"),
        (429, "is rate-limited", "fewer requests at once"),
        (500, "failed at the provider", "try again later"),
        (503, "is down or overloaded", "try again later"),
    ],
)
async def test_an_error_says_what_happened_and_what_to_do(
    provider: LocalProvider, status: int, says: str, hint: str
) -> None:
    provider.answers = [failure(status, "the provider's\nwords")]

    with pytest.raises(ModelError) as caught:
        await local(provider, attempts=1).complete(ask("q"))
    assert says in caught.value.message
    assert hint in caught.value.hint


async def test_a_prompt_too_long_is_reported_from_a_bad_request(provider: LocalProvider) -> None:
    provider.answers = [failure(400, "This model's maximum context length is 8192 tokens")]

    with pytest.raises(ModelError, match="cannot take a prompt this long") as caught:
        await local(provider).complete(ask("q"))
    assert "larger context window" in caught.value.hint


async def test_a_server_that_is_not_there_cannot_be_reached() -> None:
    gone = LocalProvider()
    gone.close()

    with pytest.raises(ModelError, match="cannot be reached") as caught:
        await local(gone, attempts=2).complete(ask("q"))
    assert "server is running" in caught.value.hint


async def test_an_answer_that_is_no_completion_is_an_error(provider: LocalProvider) -> None:
    provider.answers = [Answer(b"<html>a login page</html>", headers={"Content-Type": "text/html"})]

    with pytest.raises(ModelError, match="no completion") as caught:
        await local(provider).complete(ask("q"))
    assert "base URL" in caught.value.hint


async def test_a_fault_in_a_providers_library_is_an_error_of_that_call_and_shows_no_key() -> None:
    def fail(*_: object) -> ModelResponse:
        raise AssertionError("unexpected event for sk-abcd1234efgh")

    model = ProviderModel(FunctionModel(fail), name="openai:big", timeout_seconds=60, concurrency=1, attempts=2)
    with pytest.raises(ModelError, match="openai:big failed with AssertionError: unexpected event") as caught:
        await model.complete(ask("q"))
    assert "sk-abcd" not in caught.value.message
    assert "provider's library" in caught.value.hint


async def test_a_fault_in_the_price_table_loses_no_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: ModelResponse) -> None:
        raise AssertionError("no such unit")

    monkeypatch.setattr(ModelResponse, "cost", fail)
    reply = await through(response("a", model_name="gpt-4o-mini", provider_name="openai")).complete(ask("q"))
    assert (reply.text, reply.cost_usd) == ("a", None)


async def test_a_time_out_bounds_one_attempt_and_the_next_may_succeed(provider: LocalProvider) -> None:
    provider.answers = [Answer(None, silent=True), *[completion("in time")] * 4]  # on a loaded machine not the first

    assert (await local(provider, timeout_seconds=0.5).complete(ask("q"))).text == "in time"


async def test_a_server_that_stays_silent_is_a_time_out(provider: LocalProvider) -> None:
    provider.answers = [Answer(None, silent=True)]

    with pytest.raises(ModelTimeoutError, match="did not answer in time") as caught:
        await local(provider, timeout_seconds=0.05, attempts=1).complete(ask("q"))
    assert "allow more time" in caught.value.hint


REFUSALS = [
    "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported.",
    "Unsupported parameter: 'temperature' is not supported with this model.",
    "`temperature` is deprecated for this model.",
]


@pytest.mark.parametrize("words", REFUSALS)
async def test_a_refused_temperature_is_left_out_from_then_on(provider: LocalProvider, words: str) -> None:
    provider.answers = [failure(400, words), completion("one"), completion("two")]
    model = local(provider)

    texts = [(await model.complete(ask(question, temperature=0.7))).text for question in ("a", "b")]

    assert texts == ["one", "two"]
    assert ["temperature" in request for request in provider.requests] == [True, False, False]


async def test_a_complaint_about_something_else_does_not_lose_the_temperature(provider: LocalProvider) -> None:
    echo = "bad request: 'What is the temperature in Oslo?' has no response_format"
    provider.answers = [failure(400, echo), failure(400, echo), completion("a")]
    model = local(provider)

    with pytest.raises(ModelError, match="rejected the request"):
        await model.complete(ask("What is the temperature in Oslo?", temperature=0.7))
    await model.complete(ask("q", temperature=0.7))

    assert provider.requests[-1]["temperature"] == 0.7


async def test_a_model_known_to_refuse_temperature_is_never_given_it(provider: LocalProvider) -> None:
    provider.answers = [completion("a")]

    await open_model("openai:o3-mini", base_url=provider.url).complete(ask("q", temperature=0.7))

    assert "temperature" not in provider.requests[0]


async def test_only_so_many_requests_are_under_way_at_once() -> None:
    under_way = most = 0

    async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:  # noqa: ARG001 - its signature
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        under_way -= 1
        return response("a")

    model = ProviderModel(FunctionModel(answer), name="m", timeout_seconds=60, concurrency=3, attempts=1)
    async with anyio.create_task_group() as group:
        for number in range(12):
            group.start_soon(model.complete, ask(str(number)))

    assert most == 3


@pytest.mark.parametrize(
    ("answer", "says", "hint"),
    [
        (response("half a fun", "length"), "could not finish", "allow more tokens"),
        (ModelResponse(parts=[ThinkingPart(content="hm")], finish_reason="length"), "could not finish", "more tokens"),
    ],
)
async def test_what_is_not_an_answer_is_an_error(answer: ModelResponse, says: str, hint: str) -> None:
    with pytest.raises(ModelError, match=says) as caught:
        await through(answer).complete(ask("q"))
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    "answer", [response("", "content_filter"), response("I can", "content_filter"), response(" \n")]
)
async def test_an_empty_reply_and_one_that_was_withheld_are_paid_and_no_answer(answer: ModelResponse) -> None:
    reply = await through(answer).complete(ask("q"))
    assert not reply.text.strip()
    with pytest.raises(EmptyReplyError, match="empty reply") as caught:
        await models.ask(through(answer), ask("q"))
    assert "another model" in caught.value.hint


async def test_a_reply_that_the_caller_cut_short_is_a_reply() -> None:
    assert (await through(response("task 12 bec", "length")).complete(ask("q", max_tokens=4))).text == "task 12 bec"


async def test_thoughts_are_no_part_of_the_text() -> None:
    answer = ModelResponse(parts=[ThinkingPart(content="hm"), TextPart(content="42")])

    assert (await through(answer).complete(ask("q"))).text == "42"


async def test_the_list_price_counts_cached_tokens_at_their_own_rate() -> None:
    def answer(cached: int) -> ModelResponse:
        usage = RequestUsage(input_tokens=1_000_000, output_tokens=1_000_000, cache_read_tokens=cached)
        return response("a", model_name="gpt-4o-mini", provider_name="openai", usage=usage)

    plain, cached = [await through(answer(tokens)).complete(ask("q")) for tokens in (0, 1_000_000)]

    assert plain.cost_usd == pytest.approx(0.15 + 0.60)  # OpenAI's list price per million tokens in and out
    assert cached.cost_usd == pytest.approx(0.075 + 0.60)


async def test_an_unknown_price_is_none_and_not_zero() -> None:
    usage = RequestUsage(input_tokens=10, output_tokens=10)
    answer = response("a", model_name="llama3.2:3b", provider_name="ollama", usage=usage)

    assert (await through(answer).complete(ask("q"))).cost_usd is None


async def test_a_conversation_reaches_pydantic_ai_as_turns() -> None:
    seen: list[ModelMessage] = []
    settings: list[ModelSettings | None] = []

    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        seen.extend(messages)
        settings.append(info.model_settings)
        return response("2")

    model = ProviderModel(FunctionModel(answer), name="m", timeout_seconds=7, concurrency=1, attempts=1)
    await model.complete(CONVERSATION)

    parts = [[part.part_kind for part in message.parts] for message in seen]
    assert parts == [["system-prompt", "user-prompt"], ["text"], ["user-prompt"]]
    assert isinstance(seen[0], ModelRequest)
    assert settings == [{"request_timeout": 7, "max_retries": 0, "max_tokens": 50, "temperature": 0.25}]


async def test_connections_last_while_the_model_is_entered(provider: LocalProvider) -> None:
    provider.answers = [completion("a"), completion("b")]

    async with local(provider) as model:
        texts = [(await model.complete(ask(question))).text for question in ("1", "2")]

    assert texts == ["a", "b"]
    assert provider.connections == 1


def test_one_model_serves_one_event_loop_after_another(provider: LocalProvider) -> None:
    provider.answers = [completion("a"), completion("b")]
    model = local(provider)

    with ThreadPoolExecutor() as threads:  # pytest may have a loop of its own in this one
        texts = [threads.submit(anyio.run, model.complete, ask(question)).result().text for question in ("1", "2")]
    gc.collect()  # a connection left open would be reported now

    assert texts == ["a", "b"]
