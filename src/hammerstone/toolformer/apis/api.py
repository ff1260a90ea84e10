"""A tool as Toolformer sees it: a name, a sentence that describes it, and text in, text out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Api", "ApiError", "CallContext"]


@dataclass(frozen=True, kw_only=True)
class CallContext:
    """The context of a call: what it may depend on besides its input.

    `date`, in ISO form, is the date of the text; `None` means today, and the empty string an unknown date.
    """

    date: str | None = None


class ApiError(Exception):
    """A call without a result: bad syntax, nothing found. Its text is the reason; failures are counted by reason."""


class Api(Protocol):
    """A tool. `name` appears in texts: letters, digits and underscores, beginning with a letter."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str:
        """What the tool does, what its input looks like, and what it returns: annotation prompts use it."""
        ...

    async def __call__(self, text: str, context: CallContext) -> str:
        """The result, as any text: the caller makes it safe to insert into a document.

        Raises `ApiError` for an input without a result. Any other exception counts as a failure of the tool too.
        """
        ...
