"""What is kept of every request: its answer, and what there is to learn from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import anyio
from anyio import to_thread

from hammerstone.faults import OnFault, contained, spared
from hammerstone.requests.comparison import agree
from hammerstone.requests.frame import question_in
from hammerstone.routes.contract import Asked
from hammerstone.routes.router import Routed
from hammerstone.routes.task_finder import TaskFinder
from hammerstone.store import Store
from hammerstone.store.records import Answered
from hammerstone.types import Instance, Route, Source

__all__ = ["AfterAnswer", "Journal", "Served", "record_of"]

AfterAnswer = Callable[[Asked, Routed, Answered], Awaitable[object]]
"""What happens once an answer is kept: a build that is due, a comparison with the strong model."""


Served: TypeAlias = tuple[Asked, Routed, float]
"""A request that a tool has answered, how, and within how many milliseconds."""


class Journal:
    """Writes answers and instances, and calls `after` for each."""

    def __init__(
        self,
        store: Store,
        finder: TaskFinder,
        after: Sequence[AfterAnswer] = (),
        on_fault: OnFault | None = None,
    ) -> None:
        self._store = store
        self._finder = finder
        self._after = after
        self._on_fault = on_fault

    async def keep(self, asked: Asked, routed: Routed, ms: float) -> Answered:
        """The answer and, if the solver gave it, the instance, in one transaction.

        Only now is the dispatcher asked whose instance it is, where nothing else told it before. Raises `StoreError`,
        `RecordingError`.
        """
        routed = await self._sorted(asked, routed)
        answered = record_of(asked, routed, ms)
        instance = await self._instance(asked, routed)
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(lambda: self._store.finish_request(answered, task=asked.task, instance=instance))
        await self._go_on(asked, routed, answered)
        return answered

    async def keep_served(self, served: Sequence[Served]) -> None:
        """Answers that tools gave, in one transaction. Raises `StoreError`."""
        answered = [record_of(*one) for one in served]
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(self._store.add_answers, answered)
        for (asked, routed, _), record in zip(served, answered, strict=True):
            await self._go_on(asked, routed, record)

    async def _go_on(self, asked: Asked, routed: Routed, answered: Answered) -> None:
        for after in self._after:
            await spared(after(asked, routed, answered), self._on_fault)

    async def _sorted(self, asked: Asked, routed: Routed) -> Routed:
        """Find the task of a solver's answer. Where that fails, its reason is a refusal."""
        if routed.answer is None or routed.answer.route is not Route.SOLVER:
            return routed
        failures: list[str] = []
        await contained(self._finder.find(asked), lambda why: failures.append(f"dispatcher: {why}"))
        return replace(routed, refusals=(*routed.refusals, *failures))

    async def _instance(self, asked: Asked, routed: Routed) -> Instance | None:
        """What the solver answered, with the question as its task reads it."""
        answer, name = routed.answer, asked.task
        if answer is None or answer.route is not Route.SOLVER or name is None:
            return None
        chat = asked.request.chat
        if chat.plain:
            return Instance(question=asked.request.question, answer=answer.text, source=Source.SOLVER)
        task = await to_thread.run_sync(self._store.task, name)
        if task is None or task.frame != asked.frame(task.frame.form):
            return None
        question = question_in(chat, task.frame.form)
        return Instance(question=question, answer=answer.text, source=Source.SOLVER, chat=chat)


def record_of(asked: Asked, routed: Routed, ms: float) -> Answered:
    """The row of the ledger for a request."""
    request, answer = asked.request, routed.answer
    tool = answer.tool if answer else None
    known = request.answer is not None and answer is not None
    return Answered(
        id=request.id,
        question=request.question,
        answer=answer.text if answer else None,
        route=answer.route if answer else routed.route,
        task=tool.task if tool else asked.task,
        tool=tool.task if tool else None,
        version=tool.version if tool else None,
        model_calls=asked.bill.calls,
        cost_usd=asked.bill.cost_usd,
        ms=ms,
        error=routed.error,
        correct=agree(answer.text, request.answer) if known and answer and request.answer else None,
        refusals=routed.refusals,
        chat=None if request.chat.plain else request.chat,
        origin=answer.origin if answer else None,
    )
