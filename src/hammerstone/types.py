"""The words that every package shares (`design/0001-words.md`), as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

__all__ = [
    "JSON",
    "Chat",
    "Instance",
    "LoggedCall",
    "Message",
    "Request",
    "Role",
    "Route",
    "Source",
    "TurnRole",
    "Usage",
]

if TYPE_CHECKING:
    from pydantic import JsonValue

    JSON: TypeAlias = JsonValue
else:
    JSON = Any  # pydantic takes 0.07 s to import, too long for the name of a type


class Role(StrEnum):
    """The part that a model plays in the loop."""

    MAKER = "maker"
    USER = "user"
    DISPATCHER = "dispatcher"
    SOLVER = "solver"


class Route(StrEnum):
    """How an answer was reached."""

    EXACT = "exact"
    PARSER = "parser"
    USER = "user"
    SOLVER = "solver"
    LABELER = "labeler"


class Source(StrEnum):
    """Who wrote the answer of an instance."""

    SOLVER = "solver"
    LABELER = "labeler"
    CALLER = "caller"


TurnRole: TypeAlias = Literal["system", "developer", "user", "assistant"]


@dataclass(frozen=True, kw_only=True)
class Message:
    """One turn of a conversation."""

    role: TurnRole
    content: str


@dataclass(frozen=True, kw_only=True)
class Chat:
    """What is asked of a model: messages, and what else is part of a request's identity.

    `response_format` is OpenAI's: `None` for text.
    """

    messages: tuple[Message, ...]
    model: str | None = None
    response_format: JSON = None

    @classmethod
    def of(cls, question: str) -> Self:
        """A question alone."""
        return cls(messages=(Message(role="user", content=question),))

    @property
    def plain(self) -> bool:
        """Whether it is a question alone: one message of a user, answered by any model in any form."""
        one = len(self.messages) == 1 and self.messages[0].role == "user"
        return one and self.model is None and self.response_format is None


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of one model call; `None` where the provider did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None


@dataclass(frozen=True, kw_only=True)
class LoggedCall:
    """What a log says of a call beside its question and its answer; `None` where it does not.

    `time` is when it began, in seconds since 1970 (UTC), `seconds` how long it took, `cost_usd` its price in dollars.
    `temperature` is what it asked for, and `penalised` says that repetition was to cost: both ask for variety, which no
    tool has.
    """

    time: float | None = None
    seconds: float | None = None
    usage: Usage = Usage()
    cost_usd: float | None = None
    temperature: float | None = None
    penalised: bool = False

    def asks_for_variety(self, max_temperature: float) -> bool:
        """Whether the call asks for varied answers, as the gateway judges it."""
        return self.penalised or (self.temperature or 0) > max_temperature


@dataclass(frozen=True, kw_only=True)
class Request:
    """A chat that arrives. `answer` is the caller's own, used only to report accuracy.

    `tenant` is whose it is: each tenant has a store of its own, and what one teaches never answers another. `line` is
    where it stood in its file, `numbered` whether `id` was made from that line because the file gives none, and
    `logged` what its log says of the call: no parts of it.
    """

    id: str
    chat: Chat
    tenant: str = ""
    task: str | None = None
    answer: str | None = None
    line: int | None = field(default=None, compare=False, repr=False)
    numbered: bool = field(default=False, compare=False, repr=False)
    logged: LoggedCall | None = field(default=None, compare=False, repr=False)

    def __new__(cls, **fields: object) -> Self:
        """Raises `TypeError` for a `question`, which is no field since a request is a chat."""
        if "question" in fields:
            raise TypeError("Request has no `question`: a question alone is Request.plain(id=..., question=...)")
        return super().__new__(cls)

    @classmethod
    def plain(
        cls,
        *,
        id: str,  # noqa: A002 - the field's name
        question: str,
        tenant: str = "",
        task: str | None = None,
        answer: str | None = None,
        line: int | None = None,
    ) -> Self:
        """A question alone."""
        return cls(id=id, chat=Chat.of(question), tenant=tenant, task=task, answer=answer, line=line)

    @property
    def question(self) -> str:
        """The last message: what is new in a chat whose earlier turns are the same for all of its kind."""
        return self.chat.messages[-1].content


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A question with an answer, and who wrote that answer. `chat` is the whole request, unless it is the question."""

    question: str
    answer: str
    source: Source
    chat: Chat | None = None
