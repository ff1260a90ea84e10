"""What is sent to a provider for a prompt, in pydantic-ai's form, and what of it a server may refuse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, SystemPromptPart, TextPart, UserPromptPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.output import OutputObjectDefinition

from hammerstone.errors import ModelError
from hammerstone.models.model import sendable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_ai.exceptions import ModelHTTPError
    from pydantic_ai.profiles import ModelProfile
    from pydantic_ai.settings import ModelSettings

    from hammerstone.models.model import Message
    from hammerstone.types import JSON

__all__ = ["Option", "ProviderRequest", "output_asked_for", "output_following", "turns"]

Option = Literal["schema", "temperature", "max_tokens"]

# Words by which a server names an option that it refuses. A limit beyond its own it may name in three ways.
REFUSALS: dict[Option, tuple[str, ...]] = {
    "schema": ("response_format", "json_schema", "json schema", "structured output", "guided", "grammar"),
    "temperature": ("temperature",),
    "max_tokens": ("max_tokens", "max_completion_tokens", "max_output_tokens"),
}


@dataclass(kw_only=True)
class ProviderRequest:
    """What is sent for a prompt. `at_once` is how many requests, with this one, were under way when it last ended.

    An output that was `asked_for` by the request is never left out.
    """

    messages: list[ModelMessage]
    settings: ModelSettings
    output: ModelRequestParameters | None
    asked_for: bool = False
    at_once: int = 1

    def refused(self, error: ModelHTTPError) -> Option | None:
        """The option in it that the server names as its reason for a refusal."""
        if error.status_code not in (400, 422):
            return None
        text = str(error.body).lower()
        return next((one for one, words in REFUSALS.items() if self._has(one) and any(w in text for w in words)), None)

    def leave_out(self, option: Option) -> None:
        if option == "schema":
            self.output = None
        else:
            del self.settings[option]

    def _has(self, option: Option) -> bool:
        if option == "schema":
            return self.output is not None and not self.asked_for
        return option in self.settings


def output_following(schema: Mapping[str, JSON]) -> ModelRequestParameters:
    """The schema as it is, and nothing of it in the prompt."""
    wanted = OutputObjectDefinition(json_schema=dict(schema), name="reply", strict=False)
    return ModelRequestParameters(output_mode="native", output_object=wanted, prompted_output_template=False)


def output_asked_for(response_format: JSON, profile: ModelProfile) -> ModelRequestParameters | None:
    """A request's own `response_format` (OpenAI's) in the provider's parameter for it.

    Where the provider has none for a schema, the schema stands in the instructions; where it has none for JSON without
    a schema, `None`: the messages ask for JSON, as OpenAI requires. Raises `ModelError` for another kind of format.
    """
    given = cast("dict[str, Any]", response_format) if isinstance(response_format, dict) else {}
    kind = given.get("type")
    if kind == "json_object":
        takes_it = profile.get("supports_json_object_output")
        return ModelRequestParameters(output_mode="prompted", prompted_output_template=False) if takes_it else None
    wanted = given.get("json_schema")
    if kind != "json_schema" or not isinstance(wanted, dict):
        hint = "`json_object` and `json_schema` are, and a request without a response_format"
        raise ModelError(f"a response_format of the type {str(kind)[:80]!r} is not passed to a model", hint=hint)
    named = cast("dict[str, Any]", wanted)
    output = OutputObjectDefinition(
        json_schema=named.get("schema") or {},
        name=named.get("name"),
        description=named.get("description"),
        strict=named.get("strict") or None,  # some providers refuse a plain no, and all know what that means
    )
    if not profile.get("supports_json_schema_output"):
        return ModelRequestParameters(output_mode="prompted", output_object=output)
    return ModelRequestParameters(output_mode="native", output_object=output, prompted_output_template=False)


def turns(messages: tuple[Message, ...]) -> list[ModelMessage]:
    """The messages in pydantic-ai's form: those to the model in `ModelRequest`s, each of its own a `ModelResponse`."""
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
