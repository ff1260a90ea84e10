"""Models of a provider, through pydantic-ai's model layer: one prompt, one text."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Self, cast

import anyio
import stamina
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import ModelHTTPError
from pydantic_ai.messages import ModelResponse
from pydantic_ai.settings import ModelSettings

from hammerstone.errors import ModelError
from hammerstone.models.endpoint import at_endpoint
from hammerstone.models.model import Reply
from hammerstone.models.provider_errors import model_error, retry_wait
from hammerstone.models.provider_lookup import takes_schema
from hammerstone.models.provider_request import Option, ProviderRequest, output_asked_for, output_following, turns
from hammerstone.types import Usage

if TYPE_CHECKING:
    from pydantic_ai.models import Model as PydanticModel
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.profiles import ModelProfile

    from hammerstone.models.model import Prompt

__all__ = ["ProviderModel"]


class ProviderModel:
    """Completes prompts with a pydantic-ai model, and makes all providers behave alike.

    Trouble that may pass (no connection, time-out, HTTP 408, 409, 429 and 5xx) is tried again, `attempts` times in
    all, after the wait that the provider asks for or a growing one. The SDKs' own retries are off. `timeout_seconds`
    bounds one attempt of a prompt that has no `timeout_s`. A model that refuses a temperature or a schema is asked
    again without it, and is never given one again; one that refuses `max_tokens` stops earlier of its own accord.
    The `response_format` of a request is never left out: a model that refuses it does not answer that request.

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
        known: dict[Option, bool] = {"schema": takes_schema(model), "temperature": _takes_temperature(model.profile)}
        self._left_out = {option for option, taken in known.items() if not taken}

    @property
    def name(self) -> str:
        return self._name

    @property
    def identity(self) -> str:
        return self._identity

    async def complete(self, prompt: Prompt) -> Reply:
        """Raises `ModelError` for whatever a provider does but answer, `ModelTimeoutError` if it was too slow."""
        request = self._request(prompt)
        try:
            response, seconds = await self._answer(request)
        except Exception as error:
            raise model_error(error, self._name, at_once=request.at_once) from error
        cut = response.finish_reason == "length" and prompt.max_tokens is not None
        return Reply(
            text=response.text or "" if cut else self._whole_text(response),
            model=response.model_name or self._model.model_name,
            usage=_usage(response),
            cost_usd=_cost(response),
            seconds=seconds,
            cut=cut,
        )

    async def __aenter__(self) -> Self:
        await self._model.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._model.__aexit__(None, None, None)

    async def _answer(self, request: ProviderRequest) -> tuple[ModelResponse, float]:
        """The response and the seconds that the attempt took which brought it."""
        refused: set[Option] = set()
        while True:
            try:
                answer = await self._retrying(retry_wait, self._attempt, request)
            except ModelHTTPError as error:
                option = request.refused(error)
                if option is None:
                    raise
                request.leave_out(option)
                refused.add(option)
            else:  # remembered only now: the complaint was about nothing else
                self._left_out |= refused - {"max_tokens"}  # which depends on the prompt's length
                return answer

    async def _attempt(self, request: ProviderRequest) -> tuple[ModelResponse, float]:
        async with self._limiter, self._model:
            started = time.monotonic()
            try:
                response = await model_request(
                    self._model,
                    request.messages,
                    model_settings=request.settings,
                    model_request_parameters=request.output,
                    instrument=False,
                )
            finally:
                request.at_once = self._limiter.borrowed_tokens
            return response, time.monotonic() - started

    def _request(self, prompt: Prompt) -> ProviderRequest:
        settings = ModelSettings(request_timeout=prompt.timeout_s or self._timeout_seconds)
        if "max_retries" not in self._model.unsupported_settings:
            settings["max_retries"] = 0
        if prompt.max_tokens is not None:
            settings["max_tokens"] = prompt.max_tokens
        if prompt.temperature is not None and "temperature" not in self._left_out:
            settings["temperature"] = prompt.temperature
        return ProviderRequest(
            messages=turns(prompt.messages),
            settings=settings,
            output=self._output(prompt),
            asked_for=prompt.response_format is not None,
        )

    def _output(self, prompt: Prompt) -> ModelRequestParameters | None:
        if prompt.response_format is not None:
            return output_asked_for(prompt.response_format, self._model.profile)
        schema = None if "schema" in self._left_out else prompt.schema
        return None if schema is None else output_following(schema)

    def _whole_text(self, response: ModelResponse) -> str:
        """The text; empty if a content filter withheld some of it: it is paid, and `ask` raises for it."""
        if response.finish_reason == "length":
            raise ModelError(
                f"{self._name} could not finish its reply in the tokens it may write", hint="allow more tokens"
            )
        return "" if response.finish_reason == "content_filter" else response.text or ""


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
