"""The model that a name stands for: `provider:model`, `recorded:FILE`, `mailbox:DIR`, or a kind that a package adds.

A provider's model may be at a server of one's own: `openai:NAME@http://localhost:8000/v1`.

A package adds one by an entry point of the group `hammerstone.models`: its name is the kind, and what it loads makes a
model of what stands after the colon. `local:FOLDER` comes in this way, with the extra `toolformer`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from hammerstone.environment import secret
from hammerstone.errors import SettingsError

if TYPE_CHECKING:
    from hammerstone.models.model import Model
    from hammerstone.settings import RoleSettings

__all__ = ["open_as", "open_model", "split_url"]

EXAMPLES = "openai:gpt-5.4-mini, anthropic:claude-sonnet-5-5, google:gemini-3.5-flash, ollama:llama3.2"

NO_SERVER = ("recorded", "mailbox")  # kinds without an address

ATTEMPT_SECONDS = 300.0  # strong models think for minutes


def open_model(
    spec: str,
    *,
    base_url: str | None = None,
    api_key_env: str | None = None,
    timeout_seconds: float | None = None,
    concurrency: int = 8,
    attempts: int = 5,
) -> Model:
    """The model that `spec` names. Calls nothing; a provider's SDK is imported only for a provider's model.

    `base_url` is the endpoint to use instead of the provider's own, unless the name holds one; with `openai:NAME` it
    may be any server that speaks OpenAI's chat completions. `api_key_env` is the environment variable with the key,
    instead of the provider's own. `timeout_seconds` bounds one attempt of a provider (default 300) or the wait for
    one mailbox reply (default: no bound). `concurrency` is how many requests may be under way at once, `attempts` how
    often one is tried in all; both concern providers only.

    Raises `SettingsError` for a name that makes no sense or a missing API key, `RecordingError` for a recording that
    cannot be read.
    """
    kind, _, rest = spec.partition(":")
    if not kind or not rest:
        raise SettingsError(
            f"{spec!r} does not name a model",
            hint=f"name it as provider:model ({EXAMPLES}), recorded:FILE, mailbox:DIR or local:FOLDER",
        )
    if concurrency < 1 or attempts < 1:
        raise SettingsError("concurrency and attempts start at 1", hint="allow one request and one attempt at least")
    if base_url is not None and kind in NO_SERVER:
        raise SettingsError(f"{spec!r} takes no base URL", hint="leave out the base URL for this model")
    if kind == "recorded":
        from hammerstone.models.recorded import RecordedModel

        return RecordedModel(rest)
    if kind == "mailbox":
        from hammerstone.models.mailbox import MailboxModel

        return MailboxModel(rest, timeout_seconds=timeout_seconds)
    if (added := _added(kind)) is not None:
        return added(rest)
    name, own_url = split_url(spec)
    key = None if api_key_env is None else secret(api_key_env)
    return _open_provider(name, own_url or base_url, key, timeout_seconds, concurrency, attempts)


def open_as(spec: str, role: RoleSettings, *, base_url: str | None = None) -> Model:
    """The model that `spec` names, with the server, the key and the numbers of a role; `base_url` counts first."""
    return open_model(
        spec,
        base_url=base_url or role.base_url,
        api_key_env=role.api_key_env,
        concurrency=role.requests_at_once,
        attempts=role.attempts,
    )


def split_url(spec: str) -> tuple[str, str | None]:
    """`openai:NAME@http://host/v1` in two: the name and the URL, if it holds one. A name may hold an @ of its own."""
    found = re.search("@(https?://.+)", spec)
    return (spec[: found.start()], found[1]) if found else (spec, None)


def _added(kind: str) -> Callable[[str], Model] | None:
    """What a package has added for this kind."""
    from importlib.metadata import entry_points

    for point in entry_points(group="hammerstone.models", name=kind):
        try:
            return point.load()
        except ModuleNotFoundError as error:
            raise SettingsError(
                f"{kind}: models need {error.name}, which is not installed",
                hint="uv run --extra toolformer hammerstone …",
            ) from error
    return None


def _open_provider(
    spec: str,
    base_url: str | None,
    api_key: str | None,
    timeout_seconds: float | None,
    concurrency: int,
    attempts: int,
) -> Model:
    from hammerstone.models.provider import ProviderModel  # late: these import pydantic_ai, which takes 0.94 s
    from hammerstone.models.provider_lookup import find_model

    return ProviderModel(
        find_model(spec, base_url, api_key),
        name=spec,
        timeout_seconds=ATTEMPT_SECONDS if timeout_seconds is None else timeout_seconds,
        concurrency=concurrency,
        attempts=attempts,
    )
