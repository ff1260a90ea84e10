"""The one protocol for language models: `async complete(prompt) -> reply`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Protocol

from hammerstone.errors import EndsRun
from hammerstone.types import Message, Usage

__all__ = ["Message", "Model", "OutOfRepliesError", "Prompt", "Reply", "identity_of", "sendable"]


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What a model is given.

    `sample` tells apart several draws for the same messages: a second opinion of the solver is
    sample 1, a third sample 2. It is part of the key but is not sent.
    """

    messages: tuple[Message, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    sample: int = 0

    @property
    def key(self) -> str:
        """SHA-256 (64 hexadecimal digits) of the canonical JSON of everything above."""
        canonical = json.dumps(asdict(self), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a model answered. `model` is the name that answered; `cost_usd` is `None` when the price is unknown."""

    text: str
    model: str
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    seconds: float = 0.0


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
