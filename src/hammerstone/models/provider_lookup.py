"""From a name such as `anthropic:claude-sonnet-5-5` to pydantic-ai's model for it."""

from __future__ import annotations

import inspect
import os
import re
from typing import TYPE_CHECKING, Any, cast

from pydantic_ai.exceptions import UserError
from pydantic_ai.models import infer_model
from pydantic_ai.providers import Provider, infer_provider, infer_provider_class
from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

from hammerstone.errors import SettingsError

if TYPE_CHECKING:
    from pydantic_ai.models import Model

__all__ = ["find_model"]

OLLAMA_URL = "http://localhost:11434/v1"  # where Ollama listens unless told otherwise


def find_model(spec: str, base_url: str | None) -> Model:
    """pydantic-ai's model for `provider:model`; nothing is called yet.

    API keys come from the environment variables that each provider's SDK names (`OPENAI_API_KEY`, …). At another
    `base_url` a missing `OPENAI_API_KEY` is no error, as servers of one's own often want none. Raises `SettingsError`
    that says what to set or to install.
    """
    kind, _, name = spec.partition(":")
    if kind == "openai" and base_url is not None:
        spec = f"openai-chat:{name}"  # other servers speak chat completions, few the newer responses
    try:
        return infer_model(spec, lambda provider: _provider(provider, base_url))
    except ImportError as error:
        raise SettingsError(
            f"cannot use {spec!r}: the provider's SDK is not installed", hint=_install_hint(error)
        ) from error
    except (UserError, ValueError) as error:
        raise SettingsError(f"cannot use {spec!r}: {_reason(error)}", hint=_settings_hint(error)) from error


def _provider(kind: str, base_url: str | None) -> Provider[Any]:
    if kind == "ollama":
        base_url = base_url or os.environ.get("OLLAMA_BASE_URL") or OLLAMA_URL
    if base_url is None:
        return infer_provider(kind)
    if kind == "openai-chat":
        return OpenAICompatibleProvider("custom", base_url=base_url, api_key=os.environ.get("OPENAI_API_KEY"))
    provider_class = infer_provider_class(kind)
    if "base_url" not in inspect.signature(provider_class).parameters:
        raise UserError(f"the provider {kind!r} takes no base URL")
    return cast("type[Any]", provider_class)(base_url=base_url)  # the base class does not declare the parameter


def _reason(error: Exception) -> str:
    """What happened, without advice on pydantic-ai's own classes."""
    return re.split(r" or pass |, you can| To try ", str(error))[0]


def _install_hint(error: ImportError) -> str:
    command = re.search(r'pip install "[^"]+"', str(error))
    return command[0] if command else str(error)


def _settings_hint(error: Exception) -> str:
    variables = dict.fromkeys(re.findall(r"`([A-Z][A-Z0-9]*_[A-Z0-9_]+)`", str(error)))  # each once, in order
    if variables:
        return f"set {' and '.join(variables)} in the environment"
    return "name a model as provider:model, such as openai:gpt-5.4-mini; for your own server openai:NAME --base-url URL"
