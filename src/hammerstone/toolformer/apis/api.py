"""What a tool is to Toolformer: a name, a sentence that describes it, and text in, text out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Api", "ApiError", "Context"]


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a call may depend on besides its input.

    `date`, in ISO form, is the text's own; `None` is today, and the empty string a date that is not known.
    """

    date: str | None = None


class ApiError(Exception):
    """A call that has no result: bad syntax, nothing found. Its text is the reason, by which failures are counted."""


class Api(Protocol):
    """A tool. `name` stands in the text: letters, digits and underscores, beginning with a letter."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str:
        """What it does, what its input looks like, and what comes back: prompts for annotation are made of it."""
        ...

    async def __call__(self, text: str, context: Context) -> str:
        """The result, as text of any form: whoever asks makes it safe to stand in a document.

        Raises `ApiError` for an input that has none. Anything else that it raises is taken for its failure too.
        """
        ...
