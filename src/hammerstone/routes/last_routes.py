"""The last route, where no tool answers: a strong model, or a person in its place (LATM, section 3.2)."""

from __future__ import annotations

from anyio import to_thread

from hammerstone.routes.contract import Answer, Asked, Refusal
from hammerstone.routes.solver import solve
from hammerstone.store import AccountedModel, Store
from hammerstone.types import Route

__all__ = ["LabelerRoute", "SolverRoute"]


class SolverRoute:
    """Sends the request as it came to the strong model."""

    route = Route.SOLVER

    def __init__(self, model: AccountedModel) -> None:
        self._model = model

    async def attempt(self, asked: Asked) -> Answer | Refusal:
        """Ask the model. Raises what the model raises: there is no cheaper way left."""
        given = await solve(self._model, asked.request.chat, asked.bill)
        return Answer(text=given, route=self.route) if given is not None else Refusal(reasons=(NO_ANSWER,))


class LabelerRoute:
    """Puts the request in the queue until a person has answered it."""

    route = Route.LABELER

    def __init__(self, store: Store) -> None:
        self._store = store

    async def attempt(self, asked: Asked) -> Answer | Refusal:
        request = asked.request
        chat = None if request.chat.plain else request.chat
        queued = await to_thread.run_sync(
            self._store.enqueue, request.id, request.question, asked.task, chat, asked.frame()
        )
        if queued.answer is None:
            return Refusal(reasons=(), waits=True)
        return Answer(text=queued.answer, route=self.route)  # a person has answered it since it was last asked


NO_ANSWER = "the solver gave no answer: its reply has none in the form that the prompt asks for"
