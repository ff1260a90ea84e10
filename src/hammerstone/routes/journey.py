"""One request on its way through the loop."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from hammerstone.requests.comparison import agree
from hammerstone.store.accounts import Bill
from hammerstone.store.records import Answered, StoredTool
from hammerstone.types import Request, Route

__all__ = ["Journey"]


@dataclass(kw_only=True)
class Journey:
    """One request on its way: what it has cost, why routes refused it, and what is known of its task."""

    request: Request
    bill: Bill
    refusals: list[str] = field(default_factory=list[str])
    task: str | None = None
    tool: StoredTool | None = None
    answer: str | None = None
    route: Route | None = None
    error: str | None = None

    def refuse(self, why: str) -> Literal[False]:
        """A cheaper route did not answer."""
        self.refusals.append(why)
        return False

    def fail(self, why: str) -> None:
        self.error = why

    def arrive(self, answer: str, route: Route, tool: StoredTool | None = None) -> None:
        self.answer, self.route, self.tool = answer, route, tool
        self.task = tool.task if tool else self.task

    def answered(self, ms: float) -> Answered:
        known = self.request.answer is not None and self.answer is not None
        return Answered(
            id=self.request.id,
            question=self.request.question,
            answer=self.answer,
            route=self.route,
            task=self.task,
            tool=self.tool.task if self.tool else None,
            version=self.tool.version if self.tool else None,
            model_calls=self.bill.calls,
            cost_usd=self.bill.cost_usd,
            ms=ms,
            error=self.error,
            correct=agree(self.answer or "", self.request.answer or "") if known else None,
            refusals=tuple(self.refusals),
        )
