"""Ways to find the tool of a question before the user writes its arguments; `OneCallRoute` does both at once."""

from __future__ import annotations

from hammerstone.routes import Answer, Asked, Catalog, KnownTask, NewTask, Refusal, UserRoute, dispatch, nearest_tools
from hammerstone.store import AccountedModel, Task
from hammerstone.tools import Parsed

__all__ = ["NEW_TASK", "DispatchedUser", "NearestUser"]

NEW_TASK = "the dispatcher takes the question for one of a new task"


class DispatchedUser:
    """A dispatcher model names the task, as in the loop (LATM, section 3.2)."""

    def __init__(self, catalog: Catalog, dispatcher: AccountedModel, user: UserRoute) -> None:
        self._tasks = [Task(id=0, name=one.task, description=one.tool.description) for one in catalog.tools]
        self._dispatcher = dispatcher
        self._user = user

    async def attempt(self, asked: Asked) -> Answer | Refusal:
        match await dispatch(self._dispatcher, self._tasks, asked.question(), asked.bill):
            case KnownTask(name=name):
                asked.task = name
                return await self._user.attempt(asked)
            case NewTask():
                return Refusal(reasons=(NEW_TASK,), parsed=Parsed(refusal=NEW_TASK))
            case None:
                return Refusal(reasons=("two replies of the dispatcher could not be read",))


class NearestUser:
    """Takes the nearest tool by n-grams, without a model."""

    def __init__(self, catalog: Catalog, user: UserRoute) -> None:
        self._catalog = catalog
        self._user = user

    async def attempt(self, asked: Asked) -> Answer | Refusal:
        asked.task = nearest_tools(self._catalog.tools, asked)[0].task
        return await self._user.attempt(asked)
