"""The trace of one request, as whoever handles it sees it. Without tracing it is nothing, and costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hammerstone.types import Usage

__all__ = ["NO_TRACE", "NoTrace", "RawHeaders", "Trace"]

RawHeaders = Sequence[tuple[bytes, bytes]]


class Trace(Protocol):
    """Told of what happens to a request, in order. `is_on` says whether anybody wants to know."""

    is_on: bool

    def tools_began(self) -> None: ...

    def tools_ended(self, tool: str | None) -> None:
        """The name of the tool that answered."""
        ...

    def upstream_began(self, address: str, headers: RawHeaders) -> RawHeaders:
        """The headers, with the trace's own for the upstream."""
        ...

    def upstream_replied(self, status: int) -> None: ...

    def answered(self, text: str | None, usage: Usage) -> None:
        """The text of the answer, if it is known, and the tokens that a model took for it."""
        ...


class NoTrace:
    is_on = False

    def tools_began(self) -> None: ...

    def tools_ended(self, tool: str | None) -> None: ...

    def upstream_began(self, address: str, headers: RawHeaders) -> RawHeaders:
        del address
        return headers

    def upstream_replied(self, status: int) -> None: ...

    def answered(self, text: str | None, usage: Usage) -> None: ...


NO_TRACE: Trace = NoTrace()
