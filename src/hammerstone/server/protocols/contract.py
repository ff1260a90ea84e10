"""What the gateway's text APIs have in common: a body becomes a chat, and an answer becomes a reply in their form."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from hammerstone.requests import object_of
from hammerstone.types import Chat, Usage

__all__ = [
    "CONTINUATION",
    "Body",
    "Completion",
    "NotServedError",
    "TextApi",
    "pieces",
    "server_event",
    "text_of",
    "token_count",
    "tokens_in",
]

Body: TypeAlias = "Mapping[str, Any]"

CONTINUATION = "continuation"
"""The form of a text that goes on from another. What answers a chat does not, so no tool is for both."""

MOST_TOKENS = 2**31 - 1  # of one call: replies are untrusted, and a greater count fits no budget and no database
PIECE = 24  # characters of a streamed answer, about as many as a model's chunk of a few tokens


class NotServedError(Exception):
    """Why no tool may answer a request: it goes to the upstream as it came."""


@dataclass(frozen=True, kw_only=True)
class Completion:
    """An answer without a model, on its way to a client. `created` is in seconds since 1970, `body` what was asked.

    `read` and `written` are tokens: none, but for a recorded answer of a model.
    """

    id: str
    text: str
    created: int
    body: Body
    read: int = 0
    written: int = 0

    @property
    def model(self) -> str:
        """The model as the client named it."""
        return str(self.body.get("model") or "")


class TextApi(Protocol):
    """One API: how its requests are read, and its replies written and read."""

    path: str

    def read(self, body: Body) -> Chat:
        """What is asked, with everything that belongs to its identity. Raises `NotServedError`."""
        ...

    def fits(self, text: str, body: Body) -> bool:
        """Whether a model that had this to say would have been let finish it: no stop word, no limit of tokens."""
        ...

    def reports_end(self, body: Body) -> bool:
        """Whether a reply says that it ended by itself. OpenAI's `finish_reason` is `stop` for one that a stop sequence
        has cut, too: nothing must be learned from it.
        """
        ...

    def streams(self, body: Body) -> bool:
        """Whether the client wants server-sent events."""
        ...

    def whole(self, completion: Completion) -> Mapping[str, Any]:
        """The reply in one piece, with the completion's tokens in its usage."""
        ...

    def events(self, completion: Completion) -> Sequence[bytes]:
        """The same as server-sent events."""
        ...

    def answer_in(self, reply: Mapping[str, Any]) -> str | None:
        """The text of an upstream's whole reply that ended by itself; `None` for anything else."""
        ...

    def answer_streamed(self, events: Sequence[Mapping[str, Any]]) -> str | None:
        """The same of the data of its events."""
        ...

    def usage_in(self, reply: Mapping[str, Any]) -> Usage:
        """The tokens that an upstream's whole reply counts."""
        ...

    def usage_streamed(self, events: Sequence[Mapping[str, Any]]) -> Usage:
        """The same of the data of its events."""
        ...

    def error(self, message: str, *, kind: str, code: str) -> Mapping[str, Any]:
        """An error as clients of this API read it."""
        ...


def pieces(text: str) -> list[str]:
    """A text in the pieces of a stream; at least one."""
    return [text[at : at + PIECE] for at in range(0, len(text), PIECE)] or [""]


def server_event(data: str, event: str = "") -> bytes:
    """One event of a stream (WHATWG HTML, section 9.2): `data` is a single line."""
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {data}\n\n".encode()


def text_of(parts: Iterable[object]) -> str | None:
    """What the parts of a reply say together; `None` if one is no text, or all are blank."""
    said = ["" if one is None else one for one in parts]
    texts = [one for one in said if isinstance(one, str)]
    text = "".join(texts)
    return text if len(texts) == len(said) and text.strip() else None


def tokens_in(usage: object, read: str, written: str) -> Usage:
    """The counts of these names; what is no count is unknown."""
    counts = object_of(usage)
    return Usage(input_tokens=token_count(counts.get(read)), output_tokens=token_count(counts.get(written)))


def token_count(value: object) -> int | None:
    """The tokens that a reply counts; `None` for what can be no count of one call's."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_TOKENS:
        return value
    return None
