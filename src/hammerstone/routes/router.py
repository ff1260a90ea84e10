"""Finds the cheapest route that is sure.

request ─► parser: a live tool proves that it has read every word ─────► sandbox ─► answer   no model
   │ no
   ├─► dispatcher: a task with a tool ─► user writes the arguments ────► sandbox ─► answer   cheap calls
   │ no tool, or any refusal or failure on the way
   ├─► a person has labeled this very question ────────────────────────► answer              no model
   │ no
   └─► solver, or a labeler's queue ─► answer                                                strong call
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hammerstone.faults import contained
from hammerstone.requests import agree
from hammerstone.routes.catalog import Catalog
from hammerstone.routes.contract import Answer, AnswerRoute, Asked, Refusal
from hammerstone.routes.last_routes import LabelerRoute, SolverRoute
from hammerstone.routes.task_finder import TaskFinder
from hammerstone.routes.user_route import UserRoute
from hammerstone.types import Route

__all__ = ["Routed", "Router"]

NOTHING_LEFT = "no tool answers this, and no solver is set"


@dataclass(frozen=True, kw_only=True)
class Routed:
    """How a request was answered, or why it was not; `refusals` are the reasons of the routes before.

    Without an answer, `route` is the one that failed, or a labeler's, who has yet to answer.
    """

    answer: Answer | None
    refusals: tuple[str, ...]
    route: Route | None = None
    error: str | None = None


class Router:
    """Tries the routes in order of their cost; a person's label of the very question wins over all of them.

    It stores nothing but the task of a request.
    """

    def __init__(
        self,
        *,
        catalog: Catalog,
        parser: AnswerRoute,
        user: UserRoute,
        finder: TaskFinder,
        last: SolverRoute | LabelerRoute | None,
    ) -> None:
        self._catalog = catalog
        self._parser = parser
        self._user = user
        self._finder = finder
        self._last = last

    async def route(self, asked: Asked) -> Routed:
        """Route a request. An error of a cheaper route becomes a reason of its refusal, and the request goes on."""
        routed = await self.cheaply(asked)
        return routed if routed.answer is not None else await self._dearly(asked, routed.refusals)

    async def cheaply(self, asked: Asked) -> Routed:
        """Ask the tools. Without an answer, somebody else may ask the strong model: a gateway's upstream."""
        asked.task = self._finder.named(asked.request.task)
        refusals: list[str] = []
        answer = await contained(self._by_tools(asked, refusals), lambda why: refusals.append(f"tools: {why}"))
        return Routed(answer=answer, refusals=(*refusals, *(answer.refusals if answer is not None else ())))

    async def corrected(self, routed: Routed, asked: Asked) -> Routed:
        """Put a person's label for this very question in place of a model's answer. (It replaces a tool's earlier.)"""
        answer = routed.answer
        if answer is not None and answer.route is not Route.EXACT:
            return routed
        label = await contained(self._catalog.label_of(asked), lambda _: None)
        if label is None or (answer is not None and agree(answer.text, label.text)):
            return routed
        return replace(routed, answer=label)

    async def _by_tools(self, asked: Asked, refusals: list[str]) -> Answer | None:
        await self._catalog.refresh()
        result = await self._parser.attempt(asked)
        if isinstance(result, Answer):
            return await self._catalog.unless_labeled(result, asked)
        refusals += result.reasons
        if not self._user.may_answer(asked):
            return None  # nobody needs to know its task before it is answered
        await contained(self._finder.find(asked), lambda why: refusals.append(f"dispatcher: {why}"))
        result = await self._user.attempt(asked)
        if isinstance(result, Answer):
            return await self._catalog.unless_labeled(result, asked)
        refusals += result.reasons
        return None

    async def _label(self, asked: Asked) -> tuple[str | None, str]:
        """A person's label for this very question, and why it could not be looked up, if so."""
        if asked.task is None:
            return None, ""
        failures: list[str] = []
        looking = self._catalog.person_label(asked, asked.task)
        label = await contained(looking, lambda why: failures.append(f"labels: {why}"))
        return label, "".join(failures)

    async def _dearly(self, asked: Asked, refusals: tuple[str, ...]) -> Routed:
        last = self._last
        failures: list[str] = []
        if isinstance(last, LabelerRoute):  # who is shown the task
            await contained(self._finder.find(asked), lambda why: failures.append(f"dispatcher: {why}"))
        else:
            await contained(self._finder.recognise(asked), lambda why: failures.append(f"task: {why}"))
        refusals = (*refusals, *failures)
        label, why = await self._label(asked)
        refusals = (*refusals, why) if why else refusals
        if label is not None:
            return Routed(answer=Answer(text=label, route=Route.LABELER), refusals=refusals, route=Route.LABELER)
        if last is None:
            return Routed(answer=None, refusals=refusals, error=NOTHING_LEFT)
        result = await contained(last.attempt(asked), lambda why: Refusal(reasons=(why,)))
        if isinstance(result, Answer):
            return Routed(answer=result, refusals=refusals, route=last.route)
        return Routed(
            answer=None, refusals=refusals, route=last.route, error=None if result.waits else "; ".join(result.reasons)
        )
