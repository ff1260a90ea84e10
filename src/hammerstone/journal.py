"""What is kept of every request: its answer, and what there is to learn from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeAlias

import anyio
from anyio import to_thread

from hammerstone.faults import OnFault, contained, spared
from hammerstone.requests import agree, question_in
from hammerstone.routes import Asked, Routed, TaskFinder
from hammerstone.store import Answered, Finished, Store
from hammerstone.tools import task_name
from hammerstone.types import Instance, Route, Source

__all__ = ["AfterAnswer", "Journal", "Served", "record_of"]

AfterAnswer = Callable[[Asked, Routed], Awaitable[object]]
"""What happens once an answer is kept: a build that is due, a comparison with the strong model."""


Served: TypeAlias = tuple[Asked, Routed, float]
"""A request that is over, how it was answered or why it was not, and within how many milliseconds."""


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
        """`keep_all` of one."""
        return (await self.keep_all([(asked, routed, ms)]))[0]

    async def keep_all(self, served: Sequence[Served], *, again: bool = False) -> list[Answered]:
        """The answers and, where the solver gave them, the instances, in one transaction.

        Only now is the dispatcher asked whose instance it is, where nothing else told it before: what needs none is
        stored first, in a transaction of its own. With `again`, what a former call has stored before it failed is not
        stored twice. Raises `StoreError`, `RecordingError`.
        """
        for asked, _, _ in served:
            self._name_as_kept(asked)
        waits = [self._finder.asks_model and _is_solvers(routed) for _, routed, _ in served]
        if any(waits) and not all(waits):
            at_once = [one for one, wait in zip(served, waits, strict=True) if not wait]
            later = [one for one, wait in zip(served, waits, strict=True) if wait]
            return [*await self._keep_all(at_once, again=again), *await self._keep_all(later, again=again)]
        return await self._keep_all(served, again=again)

    async def _keep_all(self, served: Sequence[Served], *, again: bool) -> list[Answered]:
        over = [(asked, await self._sorted(asked, routed), ms) for asked, routed, ms in served]
        finished = [await self._finished(*one) for one in over]
        with anyio.CancelScope(shield=True):
            stored = partial(self._store.finish_requests, finished, again=again)
            self._finder.forget(await to_thread.run_sync(stored))
        answered = [one.answered for one in finished]
        for asked, routed, _ in over:
            await self._go_on(asked, routed)
        return answered

    def _name_as_kept(self, asked: Asked) -> None:
        """A task that is still called as the client calls it: of a name, too, no more is stored than may be."""
        given = asked.request.task
        if given and asked.task == task_name(given):
            asked.task = self._finder.named(given)

    async def _go_on(self, asked: Asked, routed: Routed) -> None:
        for after in self._after:
            await spared(after(asked, routed), self._on_fault)

    async def _sorted(self, asked: Asked, routed: Routed) -> Routed:
        """Find the task of a solver's answer. Where that fails, its reason is a refusal."""
        if not _is_solvers(routed):
            return routed
        failures: list[str] = []
        await contained(self._finder.find(asked), lambda why: failures.append(f"dispatcher: {why}"))
        return replace(routed, refusals=(*routed.refusals, *failures))

    async def _finished(self, asked: Asked, routed: Routed, ms: float) -> Finished:
        """The request to store, with the solver's answer as an instance, whose question is as its task reads it."""
        over = Finished(answered=record_of(asked, routed, ms), call=asked.paid)
        answer, name, chat = routed.answer, asked.task, asked.request.chat
        if answer is None or answer.route is not Route.SOLVER or name is None:
            return over
        if chat.plain:
            instance = Instance(question=asked.request.question, answer=answer.text, source=Source.SOLVER)
            return replace(over, task=name, instance=instance)
        task = await self._finder.known(name)
        if task is None or task.frame != asked.frame(task.frame.form):
            return over
        question = question_in(chat, task.frame.form)
        instance = Instance(question=question, answer=answer.text, source=Source.SOLVER, chat=chat)
        return replace(over, task=name, frame=task.frame, instance=instance)


def _is_solvers(routed: Routed) -> bool:
    return routed.answer is not None and routed.answer.route is Route.SOLVER


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
        task=tool.task if tool else (answer.task if answer else None) or asked.task,
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
