"""The one protocol for language models: `async complete(prompt) -> reply`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from hammerstone.errors import EndsRun
from hammerstone.types import JSON, Message, Usage

__all__ = [
    "Message",
    "Model",
    "OutOfRepliesError",
    "Prompt",
    "Reply",
    "digest",
    "identity_of",
    "may_be_longer",
    "sendable",
]


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What a model is given.

    `sample` tells apart several draws for the same messages: a second opinion of the solver is
    sample 1, a third sample 2. It is part of the key but is not sent.

    A request that is asked as it came brings its `response_format` (OpenAI's), which goes to the provider in the
    provider's own parameter, and the name of its model, which is not sent: whoever plays the role answers. Requests
    that differ in one of them share no reply, so both are part of the key.

    The reply ends at `max_tokens` tokens; one attempt ends after `timeout_s` seconds; and where the server can do it,
    the reply is JSON that follows `schema`, a JSON Schema. These three say what a reply may cost and how it is
    delivered, not what is asked: they are no part of the key.
    """

    messages: tuple[Message, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    sample: int = 0
    schema: Mapping[str, JSON] | None = field(default=None, hash=False)
    timeout_s: float | None = None
    response_format: JSON = field(default=None, hash=False)
    requested_model: str | None = None

    @classmethod
    def of(cls, text: str, *, temperature: float, sample: int = 0, schema: Mapping[str, JSON] | None = None) -> Prompt:
        """A prompt of one user message."""
        return cls(
            messages=(Message(role="user", content=text),), temperature=temperature, sample=sample, schema=schema
        )

    @property
    def document(self) -> dict[str, Any]:
        """What is kept of it beside a reply, as JSON: what is asked, and the limit of the reply."""
        own = {"response_format": self.response_format, "requested_model": self.requested_model}
        return {
            "messages": [asdict(message) for message in self.messages],
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "sample": self.sample,
            **{name: value for name, value in own.items() if value is not None},  # older keys are without them
        }

    @property
    def key(self) -> str:
        """The digest of what is asked; `max_tokens` is null in it."""
        return digest(self.document | {"max_tokens": None})


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a model answered. `model` is the name that answered; `cost_usd` is `None` when the price is unknown.

    `cut` says that it ended at the limit of its tokens: it is the beginning of a reply, and may be empty.
    """

    text: str
    model: str
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    seconds: float = 0.0
    cut: bool = False


def digest(document: Mapping[str, JSON]) -> str:
    """SHA-256 (64 hexadecimal digits) of the canonical JSON."""
    canonical = json.dumps(document, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def may_be_longer(limit: int | None, cut_at: int | None) -> bool:
    """Whether a reply that was cut at `cut_at` tokens may be longer under `limit`; `None` is the provider's own."""
    return limit != cut_at and (limit is None or cut_at is None or limit > cut_at)


class Model(Protocol):
    """Anything that completes prompts. Raises `ModelError` (or `RecordingError`), never a provider's own error.

    Where the name alone does not tell it from every other model, a model also has an `identity` (see `identity_of`).
    """

    @property
    def name(self) -> str: ...

    async def complete(self, prompt: Prompt) -> Reply: ...


class OutOfRepliesError(AssertionError, EndsRun):
    """A test's model was asked more often than the test allows for. Not handled as a model's failure."""


def identity_of(model: Model) -> str:
    """The key under which a model's replies are kept: its `identity` (provider, endpoint and name), else its name.

    Two models that may answer one prompt differently have two identities. It holds no secret.
    """
    own: object = getattr(model, "identity", None)
    return own if isinstance(own, str) else model.name


def sendable(text: str) -> str:
    """The text as UTF-8 can hold it: two halves of a surrogate pair become their character, one alone U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
