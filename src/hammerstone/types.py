"""The words that every package shares (`design/0001-words.md`), as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeAlias

__all__ = ["JSON", "Instance", "Request", "Role", "Route", "Source", "Usage"]

if TYPE_CHECKING:
    from pydantic import JsonValue

    JSON: TypeAlias = JsonValue
else:
    JSON = Any  # pydantic takes 0.07 s to import, too long for the name of a type


class Role(StrEnum):
    """In whose name a model is called."""

    MAKER = "maker"
    USER = "user"
    DISPATCHER = "dispatcher"
    SOLVER = "solver"


class Route(StrEnum):
    """How an answer was reached."""

    PARSER = "parser"
    USER = "user"
    SOLVER = "solver"
    LABELER = "labeler"


class Source(StrEnum):
    """Who wrote the answer of an instance."""

    SOLVER = "solver"
    LABELER = "labeler"
    CALLER = "caller"


@dataclass(frozen=True, kw_only=True)
class Request:
    """A question that arrives. `answer` is the caller's own, used only to report accuracy.

    `line` is where it stood in its file, and no part of it.
    """

    id: str
    question: str
    task: str | None = None
    answer: str | None = None
    line: int | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A question with an answer, and who wrote that answer."""

    question: str
    answer: str
    source: Source


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of one model call; `None` where the provider did not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None
