"""Models of a provider, through pydantic-ai's model layer: one prompt, one text."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self, cast

import anyio
import stamina
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, SystemPromptPart, TextPart, UserPromptPart
from pydantic_ai.settings import ModelSettings

from hammerstone.errors import ModelError
from hammerstone.models.endpoint import at_endpoint
from hammerstone.models.model import Reply, sendable
from hammerstone.models.provider_errors import model_error, retry_wait
from hammerstone.types import Usage

if TYPE_CHECKING:
    from pydantic_ai.models import Model as PydanticModel
    from pydantic_ai.profiles import ModelProfile

    from hammerstone.models.model import Message, Prompt

__all__ = ["ProviderModel"]


class ProviderModel:
    """Completes prompts with a pydantic-ai model, and makes all providers behave alike.

    Trouble that may pass (no connection, time-out, HTTP 408, 409, 429 and 5xx) is tried again, `attempts` times in
    all, after the wait that the provider asks for or a growing one. The SDKs' own retries are off. `timeout_seconds`
    bounds one attempt. A model that refuses `temperature` is asked again without it, and is never given one again.

    Entered as an async context manager it keeps its connections open between calls; else they last as long as some
    call is under way.
    """

    def __init__(
        self, model: PydanticModel, *, name: str, timeout_seconds: float, concurrency: int, attempts: int
    ) -> None:
        self._model = model
        self._name = name
        self._identity = at_endpoint(name, model.base_url)
        self._timeout_seconds = timeout_seconds
        self._limiter = anyio.CapacityLimiter(concurrency)
        self._retrying = stamina.AsyncRetryingCaller(
            attempts=attempts, timeout=None, wait_initial=0.5, wait_max=30.0, wait_jitter=1.0
        )
        self._takes_temperature = _takes_temperature(model.profile)

    @property
    def name(self) -> str:
        return self._name

    @property
    def identity(self) -> str:
        return self._identity

    async def complete(self, prompt: Prompt) -> Reply:
        """Raises `ModelError` for whatever a provider does but answer, `ModelTimeoutError` if it was too slow."""
        try:
            response, seconds = await self._answer(prompt)
        except Exception as error:
            raise model_error(error, self._name) from error
        return Reply(
            text=self._text(response, prompt),
            model=response.model_name or self._model.model_name,
            usage=_usage(response),
            cost_usd=_cost(response),
            seconds=seconds,
        )

    async def __aenter__(self) -> Self:
        await self._model.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._model.__aexit__(None, None, None)

    async def _answer(self, prompt: Prompt) -> tuple[ModelResponse, float]:
        """The response and the seconds that the attempt took which brought it."""
        messages, settings = _messages(prompt.messages), self._settings(prompt)
        try:
            return await self._retrying(retry_wait, self._attempt, messages, settings)
        except ModelHTTPError as error:
            if "temperature" not in settings or not _names_temperature(error):
                raise
        del settings["temperature"]
        answer = await self._retrying(retry_wait, self._attempt, messages, settings)
        self._takes_temperature = False  # remembered only now: the complaint was about nothing else
        return answer

    async def _attempt(self, messages: list[ModelMessage], settings: ModelSettings) -> tuple[ModelResponse, float]:
        async with self._limiter, self._model:
            started = time.monotonic()
            response = await model_request(self._model, messages, model_settings=settings, instrument=False)
            return response, time.monotonic() - started

    def _settings(self, prompt: Prompt) -> ModelSettings:
        settings = ModelSettings(request_timeout=self._timeout_seconds)
        if "max_retries" not in self._model.unsupported_settings:
            settings["max_retries"] = 0
        if prompt.max_tokens is not None:
            settings["max_tokens"] = prompt.max_tokens
        if prompt.temperature is not None and self._takes_temperature:
            settings["temperature"] = prompt.temperature
        return settings

    def _text(self, response: ModelResponse, prompt: Prompt) -> str:
        """The reply's text. One that the caller's own `max_tokens` cut off is still a reply."""
        text = response.text or ""
        if response.finish_reason == "content_filter":
            problem, hint = "refused to answer (content filter)", "reword the question, or use another model"
        elif response.finish_reason == "length" and (prompt.max_tokens is None or not text.strip()):
            problem, hint = "could not finish its reply in the tokens it may write", "allow more tokens"
        elif not text.strip():
            problem, hint = "sent an empty reply", "try again, or use another model"
        else:
            return text
        raise ModelError(f"{self._name} {problem}", hint=hint)


def _messages(messages: tuple[Message, ...]) -> list[ModelMessage]:
    """In pydantic-ai's form: what goes to the model in one `ModelRequest`, each turn of its own a `ModelResponse`."""
    theirs: list[ModelMessage] = []
    parts: list[SystemPromptPart | UserPromptPart] = []
    for message in messages:
        if message.role == "assistant":
            theirs += _requests(parts)
            theirs.append(ModelResponse(parts=[TextPart(content=sendable(message.content))]))
            parts = []
        else:
            kind = SystemPromptPart if message.role == "system" else UserPromptPart
            parts.append(kind(content=sendable(message.content)))
    return theirs + _requests(parts)


def _requests(parts: list[SystemPromptPart | UserPromptPart]) -> list[ModelMessage]:
    return [ModelRequest(parts=parts)] if parts else []


def _takes_temperature(profile: ModelProfile) -> bool:
    """What pydantic-ai's profile of the model says; it would leave the setting out itself, but warn each time."""
    known = cast("Mapping[str, object]", profile)  # the keys of several providers, none of them declared in common
    if known.get("anthropic_disallows_sampling_settings") or known.get("bedrock_disallows_sampling_settings"):
        return False
    if not known.get("openai_supports_reasoning"):
        return True
    efforts = cast("frozenset[str] | None", known.get("openai_reasoning_efforts"))
    can_stop = known.get("openai_supports_reasoning_effort_none") if efforts is None else "none" in efforts
    return bool(can_stop) and not known.get("thinking_enabled_by_default")


def _names_temperature(error: ModelHTTPError) -> bool:
    return error.status_code in (400, 422) and "temperature" in str(error.body).lower()


def _usage(response: ModelResponse) -> Usage:
    if response.usage.unmeasured_requests:
        return Usage()
    return Usage(input_tokens=response.usage.input_tokens, output_tokens=response.usage.output_tokens)


def _cost(response: ModelResponse) -> float | None:
    """US dollars: what the provider reported, else its list price with cached tokens counted, else unknown."""
    if response.usage.cost is not None:
        return float(response.usage.cost)
    if response.usage.unmeasured_requests or not response.model_name:
        return None
    try:
        return float(response.cost().total_price)
    except Exception:  # the reply is paid, and no fault in a price table is to lose it
        return None
