"""Finds which task a request belongs to.

If there is a dispatcher, a cheap model, it decides among the tasks of one frame. It is asked before the answer only
if a tool may be called with a model's arguments, or a person is to see the task; otherwise after it. Chats of one shape
whose other turns differ from request to request (a date, a customer's name) and that are worded alike are of one task,
whose question is then the whole chat. Without a dispatcher, or where its replies cannot be read, frame and wording
decide (`kinds`).
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Iterable
from functools import partial

import anyio
from anyio import to_thread

from hammerstone.requests import Form, form_identity, render
from hammerstone.routes import dispatcher
from hammerstone.routes.catalog import Catalog
from hammerstone.routes.contract import Asked
from hammerstone.routes.kinds import used_last
from hammerstone.routes.kinds_of_tasks import KindsOfTasks
from hammerstone.store import AccountedModel, Store, Task
from hammerstone.tools import grams, task_name, tool_name
from hammerstone.types import Chat

__all__ = ["TaskFinder"]

MOST_KNOWN = 10_000  # tasks in memory
ALIKE = 0.6  # share of the n-grams of two chats that both have

_log = logging.getLogger(__name__)


class TaskFinder:
    """Finds the task, and stores a new one. `model` is the dispatcher; without one, frame and wording decide."""

    def __init__(self, store: Store, catalog: Catalog, model: AccountedModel | None) -> None:
        self._store = store
        self._catalog = catalog
        self._model = model
        self._naming = anyio.Lock()
        self._sorting = anyio.Lock()  # by kinds
        self._kinds: KindsOfTasks | None = None
        self._known: OrderedDict[str, Task] = OrderedDict()  # as stored when a request was last found to be of them
        self._spelled: OrderedDict[str, str] = OrderedDict()  # how the caller first wrote the name of each task
        self._said_to_be_one: set[str] = set()
        self._unread = False  # a reply of the dispatcher

    @property
    def asks_model(self) -> bool:
        """Whether a model may be asked, which can take long."""
        return self._model is not None

    def named(self, text: str | None) -> str | None:
        """The task that the caller names. Two texts that come to one name are one task, which is logged.

        Of a name that no tool has yet, no more is taken than may be stored.
        """
        if not text:
            return None
        if self._catalog.tool(task_name(text)) is None:
            text = self._store.keeping.text(text)
        name = task_name(text)
        if not name:
            return None
        if self._spelled.setdefault(name, text) != text and name not in self._said_to_be_one:
            self._said_to_be_one.add(name)
            _log.warning("the tasks %r and %r are one task here: %s", self._spelled[name], text, name)
        used_last(self._spelled, name, MOST_KNOWN)
        return name

    async def find(self, asked: Asked) -> None:
        """Set the task of a request: it is recognised, or else named.

        Raises `ModelError`, `RecordingError`, `StoreError`.
        """
        if not self._store.keeping.is_whole_chat(asked.request.chat):
            return  # nothing is learned from it, and the name of a task is made of its words
        if not asked.recognised and (asked.task is not None or self._model is not None):
            await self.recognise(asked)
        await self._name(asked)

    async def known(self, name: str) -> Task | None:
        """A task as it is stored, or was a moment ago: see `forget`."""
        return self._known.get(name) or await to_thread.run_sync(self._store.task, name)

    def forget(self, names: Iterable[str]) -> None:
        """Forget tasks that were changed, renamed or removed: they are read, or created, again."""
        for name in names:
            self._known.pop(name, None)
            self._kinds = None

    async def recognise(self, asked: Asked) -> None:
        """Set the task of a request if its name, its frame or an earlier request show it.

        No model is asked, and nothing is learned.

        Raises `StoreError`.
        """
        asked.recognised = True
        if asked.task is not None:
            await self._fit(asked, asked.task)
        elif self._model is None:
            asked.task = await self._by_kind(asked, new=False)
        elif not asked.request.chat.plain:
            asked.task = await self._by_frame(asked) or await self._seen(asked)
        else:
            asked.task = await self._seen(asked)

    async def _name(self, asked: Asked) -> None:
        """Set the task of a request that the caller does not name.

        The dispatcher helps if it was not recognised. Without a dispatcher its wording decides, and adds to what is
        known of its kind.
        """
        if self.named(asked.request.task) is not None:
            return  # that of another shape than its task is of none
        if self._model is None:
            asked.task = await self._by_kind(asked, new=True)
        elif asked.task is None and asked.request.chat.plain:
            asked.task = await self._ask(asked, self._model)
        elif asked.task is None:
            asked.task = await self._by_frame(asked) or await self._ask(asked, self._model)

    async def _fit(self, asked: Asked, name: str) -> None:
        """Fit a named task, which has the frame of its first request: if this one differs, its whole chat is read."""
        chat = asked.request.chat
        task = await self._added(name, asked)
        if task.frame == asked.frame(task.frame.form):
            return
        if task.chat is None or chat.plain or not _one_shape(task.chat, chat) or task.frame.form is Form.WHOLE:
            _log.warning("request %s has another shape than the task %s: it is not used for it", asked.request.id, name)
            asked.task = None
            return
        await self._widen(name, asked)

    async def _added(self, name: str, asked: Asked) -> Task:
        """The task of this name; a new one has the frame of this request."""
        if name not in self._known:
            chat = None if asked.request.chat.plain else asked.request.chat
            self._known[name] = await to_thread.run_sync(self._store.add_task, name, "", asked.frame(), chat)
        used_last(self._known, name, MOST_KNOWN)
        return self._known[name]

    async def _widen(self, name: str, asked: Asked) -> None:
        """Take the whole chat as the task's question from now on."""
        frame = asked.frame(Form.WHOLE)
        self._known[name] = await to_thread.run_sync(self._store.widen_task, name, frame)

    async def _by_frame(self, asked: Asked) -> str | None:
        """The task whose chats are worded like this one, where no task has its frame."""
        tasks = await to_thread.run_sync(self._store.tasks)
        same = [task for task in tasks if task.frame == asked.frame(task.frame.form)]
        fixed = [task for task in same if task.frame.form is Form.LAST]
        if fixed:
            return None
        chat = asked.request.chat
        for task in tasks:
            if task.chat is not None and _one_shape(task.chat, chat) and _alike(task.chat, chat):
                if task.frame.form is Form.LAST:
                    await self._widen(task.name, asked)
                return task.name
        return None

    async def _seen(self, asked: Asked) -> str | None:
        """The task found earlier for this question, or the only one that has it as an instance."""
        question, frame = asked.question(), asked.frame()

        def look() -> str | None:
            return self._store.assigned(question, frame) or self._store.task_of(question, frame)

        return await to_thread.run_sync(look)

    async def _ask(self, asked: Asked, model: AccountedModel) -> str | None:
        """The task found earlier for this question, or else the model's verdict, which is kept.

        Where two replies in a row cannot be read, frame and wording decide: a small model may sort nothing at all.
        A new task is named under a lock, and only if no other request has named one meanwhile.
        """
        question, frame = asked.question(), asked.frame()
        known = await to_thread.run_sync(self._store.assigned, question, frame)
        if known is not None:
            return known
        tasks = await self._catalog.tasks(question, frame)
        verdict = await dispatcher.dispatch(model, tasks, question, asked.bill)
        if isinstance(verdict, dispatcher.NewTask):
            async with self._naming:
                now = await self._catalog.tasks(question, frame)
                if [task.name for task in now] != [task.name for task in tasks]:
                    verdict = await dispatcher.dispatch(model, now, question, asked.bill)
                if isinstance(verdict, dispatcher.NewTask):
                    return await self._assign(asked, await self._free(verdict.name, asked), verdict.description)
        if verdict is None:
            self._note_unread(model)
            return await self._by_kind(asked, new=True)
        return await self._assign(asked, verdict.name, "")

    def _note_unread(self, model: AccountedModel) -> None:
        if not self._unread:
            _log.warning("two replies of the dispatcher %s could not be read: wording decides instead", model.name)
        self._unread = True

    async def _free(self, name: str, asked: Asked) -> str:
        """The name, or another one where a task of another frame has it: their requests never share a tool."""
        tasks = await to_thread.run_sync(self._store.tasks)
        taken = any(task.name == name and task.frame != asked.frame(task.frame.form) for task in tasks)
        return tool_name(f"{name}_{asked.frame().digest[:6] or 'plain'}") if taken else name

    async def _assign(self, asked: Asked, name: str, description: str) -> str:
        chat = None if asked.request.chat.plain else asked.request.chat
        task = await to_thread.run_sync(self._store.assign, asked.question(), name, description, asked.frame(), chat)
        async with self._sorting:
            if self._kinds is not None:
                self._kinds.learn(asked.request.chat, task.name)
        return task.name

    async def _by_kind(self, asked: Asked, *, new: bool) -> str | None:
        """The task of the requests that are framed and worded like this one; with `new`, also one of its own."""
        chat = asked.request.chat
        async with self._sorting:
            kinds = self._kinds
            if kinds is None:
                kinds = self._kinds = await to_thread.run_sync(KindsOfTasks.stored, self._store)
            if not new:
                return kinds.find(chat)
            sort = partial(kinds.of, chat, self._catalog.worded_like(asked), store=self._store)
            name, form = await to_thread.run_sync(sort)
            task = await self._added(name, asked)
            if form is Form.WHOLE and task.frame != asked.frame(Form.WHOLE):
                await self._widen(name, asked)
            return name


def _one_shape(one: Chat, other: Chat) -> bool:
    """Whether two chats are equal except for the content of their messages."""
    roles = [[message.role for message in chat.messages] for chat in (one, other)]
    forms = [form_identity(chat) for chat in (one, other)]
    return roles[0] == roles[1] and forms[0] == forms[1] and one.model == other.model


def _alike(one: Chat, other: Chat) -> bool:
    ours, theirs = grams(render(one.messages)), grams(render(other.messages))
    return len(ours & theirs) >= ALIKE * len(ours | theirs)
