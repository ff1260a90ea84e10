"""What is kept of requests that are over."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio
import pytest

from hammerstone.errors import ModelError
from hammerstone.journal import Journal, Served
from hammerstone.models import Prompt, Reply
from hammerstone.routes import Answer, Asked, Catalog, Routed, TaskFinder
from hammerstone.settings import RoleSettings
from hammerstone.store import AccountedModel, Store, WantedAnswers
from hammerstone.types import Request, Role, Route

pytestmark = pytest.mark.anyio


@dataclass
class HeldModel:
    """A model that is asked, and does not answer until it may."""

    name: str = "held"
    identity: str = "held"
    asked: anyio.Event = field(default_factory=anyio.Event)
    goes_on: anyio.Event = field(default_factory=anyio.Event)

    async def complete(self, prompt: Prompt) -> Reply:
        del prompt
        self.asked.set()
        await self.goes_on.wait()
        raise ModelError("no")


def over(question: str, route: Route) -> Served:
    asked = Asked(request=Request.plain(id=question, question=question))
    return asked, Routed(answer=Answer(text="x", route=route), refusals=(), route=route), 1.0


async def test_what_no_dispatcher_is_asked_about_is_stored_before_it_has_answered(store: Store) -> None:
    model = HeldModel()
    finder = TaskFinder(store, Catalog(store), AccountedModel(model, Role.DISPATCHER, store, RoleSettings()))
    journal = Journal(store, finder)

    def kept() -> list[str]:
        return [one.id for one in store.answers(WantedAnswers(), 9)]

    async with anyio.create_task_group() as group:
        group.start_soon(journal.keep_all, [over("upstream's", Route.SOLVER), over("tool's", Route.PARSER)])
        with anyio.fail_after(20):
            await model.asked.wait()
        assert kept() == ["tool's"]
        model.goes_on.set()
    assert kept() == ["upstream's", "tool's"]
