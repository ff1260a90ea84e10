"""What all routes have in common: a request on its way, and what an attempt to answer it comes to.

A route has one method, `attempt`. The router, the gate, shadow, audit and the experiments all use the same routes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from hammerstone.requests.frame import Form, Frame, frame_of, question_in
from hammerstone.store.accounts import Bill
from hammerstone.store.records import StoredTool
from hammerstone.types import Request, Route

__all__ = ["Answer", "AnswerRoute", "Asked", "Refusal"]


@dataclass(kw_only=True)
class Asked:
    """A request on its way: the task that it was found to be of, and what it has cost so far."""

    request: Request
    bill: Bill = field(default_factory=Bill)
    task: str | None = None

    def frame(self, form: Form = Form.LAST) -> Frame:
        return frame_of(self.request.chat, form)

    def question(self, form: Form = Form.LAST) -> str:
        """What is asked, if so much of the chat is the question."""
        return question_in(self.request.chat, form)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The text of an answer, how it was reached, and the tool that gave it.

    `refusals` are the reasons of other tools that were asked beside it.
    """

    text: str
    route: Route
    tool: StoredTool | None = None
    refusals: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a route did not answer. `waits` says that a person will."""

    reasons: tuple[str, ...]
    waits: bool = False


class AnswerRoute(Protocol):
    """One way to an answer. What goes wrong on it is a refusal, but for what ends a run (`hammerstone.faults`)."""

    async def attempt(self, asked: Asked) -> Answer | Refusal: ...
