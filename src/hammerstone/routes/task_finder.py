"""Which task a request belongs to.

A chat with a fixed frame is of the task that has this frame. Where the other turns differ from request to request (a
date, a customer's name), chats of one shape that are worded alike are of one task, whose question is then the whole
chat. Questions alone, and several tasks in one frame, are told apart by the dispatcher, a cheap model. It is asked
before the answer only where a tool may be called with a model's arguments, or a person is to see the task; else after.
"""

from __future__ import annotations

import logging

import anyio
from anyio import to_thread

from hammerstone.errors import ModelError
from hammerstone.requests.frame import Form, render
from hammerstone.routes import dispatcher
from hammerstone.routes.catalog import Catalog
from hammerstone.routes.contract import Asked
from hammerstone.store import Store
from hammerstone.store.accounts import AccountedModel
from hammerstone.tools.shortlist import grams
from hammerstone.tools.tool import task_name, tool_name
from hammerstone.types import Chat

__all__ = ["TaskFinder"]

ALIKE = 0.6  # share of the n-grams of two chats that both have

_log = logging.getLogger(__name__)


class TaskFinder:
    """Finds the task, and stores a new one. `model` is the dispatcher; without one only frames are told apart."""

    def __init__(self, store: Store, catalog: Catalog, model: AccountedModel | None) -> None:
        self._store = store
        self._catalog = catalog
        self._model = model
        self._naming = anyio.Lock()
        self._spelled: dict[str, str] = {}  # how the caller first wrote the name of each task
        self._said_to_be_one: set[str] = set()

    def named(self, text: str | None) -> str | None:
        """The task that the caller names. Two texts that come to one name are one task, which is logged."""
        name = task_name(text or "")
        if not text or not name:
            return None
        if self._spelled.setdefault(name, text) != text and name not in self._said_to_be_one:
            self._said_to_be_one.add(name)
            _log.warning("the tasks %r and %r are one task here: %s", self._spelled[name], text, name)
        return name

    async def recognise(self, asked: Asked) -> None:
        """Set the task of a request where its name, its frame or an earlier request tell it. No model is asked.

        Raises `StoreError`.
        """
        if asked.task is not None:
            await self._fit(asked, asked.task)
        elif not asked.request.chat.plain:
            asked.task = await self._by_frame(asked) or await self._seen(asked)
        else:
            asked.task = await self._seen(asked)

    async def name(self, asked: Asked) -> None:
        """Set the task of a request that was not recognised, with the dispatcher's help. Unknown stays `None`.

        Raises `ModelError` (also where the dispatcher's replies cannot be read), `RecordingError`, `StoreError`.
        """
        if asked.task is not None or self.named(asked.request.task) is not None:  # it has another shape than its task
            return
        if asked.request.chat.plain:
            asked.task = await self._ask(asked)
        else:
            asked.task = await self._by_frame(asked) or await self._ask(asked) or await self._new_frame(asked)

    async def _fit(self, asked: Asked, name: str) -> None:
        """A named task has the frame of its first request. Where that of another differs, its whole chat is read."""
        frame, chat = asked.frame(), asked.request.chat
        task = await to_thread.run_sync(self._store.add_task, name, "", frame, None if chat.plain else chat)
        if task.frame == asked.frame(task.frame.form):
            return
        if task.chat is None or chat.plain or not _one_shape(task.chat, chat) or task.frame.form is Form.WHOLE:
            _log.warning("request %s has another shape than the task %s: it is not used for it", asked.request.id, name)
            asked.task = None
            return
        await to_thread.run_sync(self._store.widen_task, name, asked.frame(Form.WHOLE))

    async def _by_frame(self, asked: Asked) -> str | None:
        """The only task with this frame, or one whose chats are worded like this one."""
        tasks = await to_thread.run_sync(self._store.tasks)
        same = [task for task in tasks if task.frame == asked.frame(task.frame.form)]
        fixed = [task for task in same if task.frame.form is Form.LAST]
        if fixed:
            return fixed[0].name if len(fixed) == 1 and self._model is None else None
        chat = asked.request.chat
        for task in tasks:
            if task.chat is not None and _one_shape(task.chat, chat) and _alike(task.chat, chat):
                if task.frame.form is Form.LAST:
                    await to_thread.run_sync(self._store.widen_task, task.name, asked.frame(Form.WHOLE))
                return task.name
        return None

    async def _seen(self, asked: Asked) -> str | None:
        """The task that this question was once found to be of, or the only one that has it as an instance."""
        question, frame = asked.question(), asked.frame()

        def look() -> str | None:
            sorted_once = self._store.assigned(question, frame) if self._model is not None else None
            return sorted_once or self._store.task_of(question, frame)

        return await to_thread.run_sync(look)

    async def _ask(self, asked: Asked) -> str | None:
        """The task that this question was once found to be of, or else the model's verdict, which is kept.

        A new task is named under a lock, and only if no other request has named one meanwhile.
        """
        if self._model is None:
            return None
        question, frame = asked.question(), asked.frame()
        known = await to_thread.run_sync(self._store.assigned, question, frame)
        if known is not None:
            return known
        tasks = await self._catalog.tasks(question, frame)
        verdict = await dispatcher.dispatch(self._model, tasks, question, asked.bill)
        if isinstance(verdict, dispatcher.New):
            async with self._naming:
                now = await self._catalog.tasks(question, frame)
                if [task.name for task in now] != [task.name for task in tasks]:
                    verdict = await dispatcher.dispatch(self._model, now, question, asked.bill)
                if isinstance(verdict, dispatcher.New):
                    return await self._assign(asked, await self._free(verdict.name, asked), verdict.description)
        if verdict is None:
            raise ModelError("two replies in a row could not be read")
        return await self._assign(asked, verdict.name, "")

    async def _free(self, name: str, asked: Asked) -> str:
        """The name, or another one where a task of another frame has it: their requests never share a tool."""
        tasks = await to_thread.run_sync(self._store.tasks)
        taken = any(task.name == name and task.frame != asked.frame(task.frame.form) for task in tasks)
        return tool_name(f"{name}_{asked.frame().digest[:6] or 'plain'}") if taken else name

    async def _assign(self, asked: Asked, name: str, description: str) -> str:
        chat = None if asked.request.chat.plain else asked.request.chat
        task = await to_thread.run_sync(self._store.assign, asked.question(), name, description, asked.frame(), chat)
        return task.name

    async def _new_frame(self, asked: Asked) -> str:
        """A task for a frame that was not seen before, where there is no dispatcher to name it."""
        frame = asked.frame()
        task = await to_thread.run_sync(self._store.add_task, f"chat_{frame.digest[:8]}", "", frame, asked.request.chat)
        return task.name


def _one_shape(one: Chat, other: Chat) -> bool:
    """Equal but for what the messages say."""
    roles = [[message.role for message in chat.messages] for chat in (one, other)]
    return roles[0] == roles[1] and (one.model, one.response_format) == (other.model, other.response_format)


def _alike(one: Chat, other: Chat) -> bool:
    ours, theirs = grams(render(one.messages)), grams(render(other.messages))
    return len(ours & theirs) >= ALIKE * len(ours | theirs)
