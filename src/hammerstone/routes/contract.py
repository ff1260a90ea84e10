"""The contract of all routes: a request on its way, and the result of an attempt to answer it.

A route has one method, `attempt`. The router, the gate, shadow, audit and the experiments all use the same routes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol, Self

from hammerstone.models import Model
from hammerstone.requests import Form, Frame, frame_of, question_in
from hammerstone.store import Bill, PaidCall, StoredTool
from hammerstone.tools import Parsed, task_name
from hammerstone.types import Request, Route

__all__ = ["Answer", "AnswerRoute", "Asked", "Refusal", "of_tool", "text_of"]

_NOT_PARSED = Parsed()


@dataclass(kw_only=True)
class Asked:
    """A request on its way: the task that its caller names or that it was found to be of, and what it has cost so far.

    `recognised` says that its task was looked for already, and `refusals` why tools did not answer it. Behind a
    gateway, `upstream` is who may be asked this very request again, `paid` the call by which the upstream answered it,
    and `withheld` the answer of a live tool in whose place the upstream answers, so that both can be compared.
    """

    request: Request
    bill: Bill = field(default_factory=Bill)
    task: str | None = None
    recognised: bool = False
    refusals: tuple[str, ...] = ()
    upstream: Model | None = None
    paid: PaidCall | None = None
    withheld: Answer | None = None
    _frames: dict[Form, Frame] = field(default_factory=dict[Form, Frame], init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.task is None:
            self.task = task_name(self.request.task or "") or None

    @classmethod
    def of(cls, question: str, bill: Bill | None = None) -> Self:
        """A question alone, asked outside of any stream. `bill` is what its model calls are added to."""
        return cls(request=Request.plain(id="", question=question), bill=bill or Bill())

    def frame(self, form: Form = Form.LAST) -> Frame:
        """The frame of its chat, kept since it is read often and never changes."""
        if form not in self._frames:
            self._frames[form] = frame_of(self.request.chat, form)
        return self._frames[form]

    def question(self, form: Form = Form.LAST) -> str:
        """The question, if the chat has this form."""
        return question_in(self.request.chat, form)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The text of an answer, how it was reached, and the tool that gave it.

    `parsed` are the arguments that a tool was called with. `refusals` are the reasons of other tools that were asked
    beside it. `origin` is the id of the request that was first answered so, if it comes from a cache. `task` is that of
    a person's label.
    """

    text: str
    route: Route
    tool: StoredTool | None = None
    parsed: Parsed = _NOT_PARSED
    refusals: tuple[str, ...] = ()
    origin: str | None = None
    task: str | None = None


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a route did not answer, and how far one tool came. `waits` says that a person will."""

    reasons: tuple[str, ...]
    parsed: Parsed = _NOT_PARSED
    waits: bool = False


class AnswerRoute(Protocol):
    """One way to an answer. An error on it is a refusal, except for those that end a run (`hammerstone.faults`)."""

    async def attempt(self, asked: Asked) -> Answer | Refusal: ...


def of_tool(result: Answer | Refusal, tool: StoredTool) -> Answer | Refusal:
    """The same result, with the tool that gave it."""
    if isinstance(result, Answer):
        return replace(result, tool=tool)
    return replace(result, reasons=tuple(f"{tool.task}: {reason}" for reason in result.reasons))


def text_of(result: Answer | Refusal) -> str | None:
    """The answer, if it is one."""
    return result.text if isinstance(result, Answer) else None
