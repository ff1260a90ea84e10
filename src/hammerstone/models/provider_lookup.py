"""pydantic-ai's model for a name such as `anthropic:claude-sonnet-5-5`."""

from __future__ import annotations

import difflib
import inspect
import os
import re
import sys
from typing import TYPE_CHECKING, Any, cast, get_args

from pydantic_ai.exceptions import UserError
from pydantic_ai.models import KnownModelName, infer_model
from pydantic_ai.profiles import ModelProfile, merge_profile
from pydantic_ai.profiles.openai import OpenAIModelProfile
from pydantic_ai.providers import Provider, infer_provider, infer_provider_class
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

from hammerstone.errors import SettingsError
from hammerstone.models.masking import masked

if TYPE_CHECKING:
    from pydantic_ai.models import Model

__all__ = ["find_model", "takes_schema"]

OLLAMA_URL = "http://localhost:11434/v1"  # where Ollama listens unless OLLAMA_BASE_URL says otherwise
# Ollama, and older servers of llama.cpp, take `max_completion_tokens` without a word and do not heed it.
MAX_TOKENS = OpenAIModelProfile(openai_chat_supports_max_completion_tokens=False)


def find_model(spec: str, base_url: str | None, api_key: str | None = None) -> Model:
    """pydantic-ai's model for `provider:model`; nothing is called yet.

    Without `api_key`, keys come from the environment variables that each provider's SDK names (`OPENAI_API_KEY`, …).
    At another `base_url` a missing `OPENAI_API_KEY` is no error, as servers of one's own often want none. Raises
    `SettingsError` that says what to set or to install.
    """
    kind, _, name = spec.partition(":")
    if kind == "openai" and base_url is not None:
        spec = f"openai-chat:{name}"  # other servers speak chat completions, few the newer responses
    try:
        return infer_model(spec, lambda provider: _provider(provider, base_url, api_key))
    except ImportError as error:
        raise SettingsError(
            f"cannot use {spec!r}: the provider's SDK is not installed", hint=_install_hint(error)
        ) from error
    except (UserError, ValueError) as error:
        raise SettingsError(f"cannot use {spec!r}: {_reason(error)}", hint=_settings_hint(error, kind)) from error
    except Exception as error:
        if type(error).__name__ != "InvalidURL":  # httpx's or httpx2's, whichever the SDK brings
            raise
        raise SettingsError(
            f"cannot use {spec!r}: its base URL is no URL: {masked(str(error))}",
            hint="write it as openai:NAME@http://localhost:8000/v1",
        ) from error


def takes_schema(model: Model) -> bool:
    """Whether the model may be sent a JSON schema as the `response_format` of OpenAI's chat completions."""
    chat = sys.modules.get("pydantic_ai.models.openai")  # where it is not loaded, no model can be of it
    speaks_it = chat is not None and isinstance(model, chat.OpenAIChatModel)
    return speaks_it and bool(model.profile.get("supports_json_schema_output"))


def _provider(kind: str, base_url: str | None, api_key: str | None) -> Provider[Any]:
    if kind == "ollama":
        return _ollama(base_url or os.environ.get("OLLAMA_BASE_URL") or OLLAMA_URL, api_key)
    if base_url is None and api_key is None:
        return infer_provider(kind)
    if kind == "openai-chat" and base_url is not None:
        key = api_key or os.environ.get("OPENAI_API_KEY")
        return OpenAICompatibleProvider("custom", base_url=base_url, api_key=key, profile=MAX_TOKENS)
    provider_class = infer_provider_class(kind)
    given = {name: value for name, value in (("base_url", base_url), ("api_key", api_key)) if value is not None}
    for name in given.keys() - inspect.signature(provider_class).parameters.keys():
        raise UserError(f"the provider {kind!r} takes no {name.replace('_', ' ').replace('url', 'URL')}")
    return cast("type[Any]", provider_class)(**given)  # the base class does not declare the parameters


def _ollama(base_url: str, api_key: str | None) -> Provider[Any]:
    from pydantic_ai.providers.ollama import OllamaProvider  # late: needs the SDK of OpenAI

    class Provider(OllamaProvider):
        @staticmethod
        def model_profile(model_name: str) -> ModelProfile | None:
            return merge_profile(OllamaProvider.model_profile(model_name), MAX_TOKENS)

    return Provider(base_url=base_url, api_key=api_key)


def _reason(error: Exception) -> str:
    """What happened, without advice on pydantic-ai's own classes."""
    return re.split(r" or pass |, you can| To try ", str(error))[0]


def _install_hint(error: ImportError) -> str:
    command = re.search(r'pip install "[^"]+"', str(error))
    return command[0] if command else str(error)


def _settings_hint(error: Exception, kind: str) -> str:
    variables = dict.fromkeys(re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)`", str(error)))  # each once, in order
    if variables:
        return f"set {' and '.join(variables)} in the environment"
    known = {name.partition(":")[0] for name in get_args(KnownModelName.__value__)} | {"ollama"}
    close = [] if kind in known else difflib.get_close_matches(kind, sorted(known), n=1)
    meant = f"did you mean {close[0]}? Otherwise " if close else ""
    return f"{meant}name a model as provider:model, such as openai:gpt-5.4-mini; for your own server openai:NAME@URL"
