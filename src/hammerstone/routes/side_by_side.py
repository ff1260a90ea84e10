"""Asks each route by itself, for a person who wants to see what each of them answers, and why.

No request, no task and no answer is stored. What models are paid is, as always.
"""

from __future__ import annotations

from dataclasses import replace

from hammerstone.concurrency import map_concurrently
from hammerstone.faults import contained
from hammerstone.routes import dispatcher
from hammerstone.routes.catalog import Catalog
from hammerstone.routes.contract import Answer, Asked, Refusal
from hammerstone.routes.last_routes import SolverRoute
from hammerstone.routes.parser_route import ParserRoute
from hammerstone.routes.user_route import UserRoute
from hammerstone.sandbox import Sandbox
from hammerstone.store import AccountedModel, StoredTool

__all__ = ["SideBySide"]


class SideBySide:
    """The routes over one catalog. Those without a model refuse."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        sandbox: Sandbox,
        user: AccountedModel | None,
        dispatcher: AccountedModel | None,
        strong: AccountedModel | None,
    ) -> None:
        self._catalog = catalog
        self._parsers = ParserRoute(catalog, sandbox, None)
        self._users = UserRoute(catalog, sandbox, user)
        self._user = user
        self._dispatcher = dispatcher
        self._strong = SolverRoute(strong) if strong is not None else None

    async def by_parsers(self, asked: Asked) -> list[tuple[StoredTool, Answer | Refusal]]:
        """Each live tool that would be asked, with its answer. Raises `StoreError`, `SandboxError`."""
        await self._catalog.refresh(at_once=True)
        tools = self._catalog.parsers(asked)
        results = await map_concurrently(lambda tool: self._parsers.ask(tool, asked), tools)
        return list(zip(tools, results, strict=True))

    async def by_user(self, asked: Asked) -> Answer | Refusal:
        """Ask the task's tool with arguments that the user model writes, even if a parser can read the question.

        Where neither the request nor its wording names the task, the dispatcher does. Raises `StoreError` and what ends
        a run.
        """
        await self._catalog.refresh(at_once=True)
        if self._user is None:
            return Refusal(reasons=("no cheap model is set to use tools: [roles.user] of the settings names one",))
        if not self._users.may_answer(asked):
            return Refusal(reasons=("no live tool that this model may use is for chats of this frame",))
        task = asked.task or self._catalog.worded_like(asked)
        if task is None:
            found = await contained(self._dispatched(asked), lambda why: Refusal(reasons=(f"dispatcher: {why}",)))
            if isinstance(found, Refusal):
                return found
            task = found
        result = await self._users.attempt(replace(asked, task=task))
        unsaid = isinstance(result, Refusal) and not result.reasons
        return Refusal(reasons=(f"{task}: it has no live tool that this model may use",)) if unsaid else result

    async def by_strong(self, asked: Asked) -> Answer | Refusal:
        """The strong model's answer to the request as it came. Raises what the model raises."""
        if self._strong is None:
            return Refusal(reasons=("no strong model is set: `--maker`, or [roles.maker] of the settings, names one",))
        return await self._strong.attempt(asked)

    async def _dispatched(self, asked: Asked) -> str | Refusal:
        if self._dispatcher is None:
            return Refusal(reasons=("its wording is that of no task, or of several, and no dispatcher is set",))
        question = asked.question()
        tasks = await self._catalog.tasks(question, asked.frame())
        verdict = await dispatcher.dispatch(self._dispatcher, tasks, question, asked.bill)
        if isinstance(verdict, dispatcher.KnownTask):
            return verdict.name
        why = f"a new task, {verdict.name}" if verdict is not None else "nothing that can be read"
        return Refusal(reasons=(f"dispatcher: {why}",))
