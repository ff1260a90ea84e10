"""Finds the tasks of requests by their kinds: without a model, and the same after a restart."""

from __future__ import annotations

import re
from dataclasses import replace
from weakref import WeakKeyDictionary

from hammerstone.digests import sha256
from hammerstone.requests import Form, frame_of
from hammerstone.routes.kinds import Kind, Kinds
from hammerstone.store import Store, Task
from hammerstone.tools import tool_name
from hammerstone.types import Chat

__all__ = ["KindsOfTasks"]

LATEST = 100  # instances of a task, by which its kind is known again
WORDS = 5  # of the first question, in the name of its task

_WORD = re.compile(r"[^\W\d_]{2,}")


class KindsOfTasks:
    """Gives the task of a chat by its frame and wording."""

    def __init__(self) -> None:
        self._kinds = Kinds()
        self._names: WeakKeyDictionary[Kind, str] = WeakKeyDictionary()  # each is forgotten with its kind
        self._newest = 0  # id of a stored task that was learned

    @classmethod
    def stored(cls, store: Store) -> KindsOfTasks:
        """The kinds of the stored tasks, by their instances. Raises `StoreError`."""
        known = cls()
        known.catch_up(store)
        return known

    def catch_up(self, store: Store) -> None:
        """Learn the tasks that were stored since the last time, by whichever process. Raises `StoreError`."""
        own = frozenset(self._names.values())
        for task in store.tasks(after=self._newest):
            for chat in _chats(store, task) if task.name not in own else ():
                if not chat.plain and frame_of(chat, task.frame.form) != task.frame:
                    continue  # an earlier release gave it another frame, in which no request is any more
                self.learn(chat, task.name)
            self._newest = task.id

    def learn(self, chat: Chat, task: str) -> None:
        """Take a chat for one of a task, however that was found: others of its kind are of it, too."""
        self._names.setdefault(self._kinds.of(chat), task)

    def find(self, chat: Chat) -> str | None:
        """The task of a kind that is there. Nothing is learned."""
        kind = self._kinds.find(chat)
        return self._names.get(kind) if kind is not None else None

    def of(self, chat: Chat, worded_like: str | None = None, *, store: Store | None = None) -> tuple[str, Form]:
        """The task of this chat's kind, new or not, and how much of the chat is its question.

        With `store`, a kind is new only if no other process has stored its task. Raises `StoreError` then.

        A new kind is the task of `worded_like`, the tool whose wording the chat has, unless that has a kind already: of
        a tool that came from elsewhere nothing else is known.
        """
        kind = self.sort(chat)
        if kind not in self._names and store is not None:
            self.catch_up(store)
            kind = kind.now
        if kind not in self._names:
            is_free = worded_like is not None and worded_like not in self._names.values()
            self._names[kind] = worded_like if is_free and worded_like is not None else _name(kind, chat)
        return self._names[kind], kind.form

    def sort(self, chat: Chat) -> Kind:
        """The kind of this chat, new or not. It may become part of another when more chats have come."""
        return self._kinds.of(chat)

    def name(self, kind: Kind, chat: Chat) -> str:
        """The task of a kind as it is now; of a new one by this chat, the first of it."""
        return self._names.setdefault(kind.now, _name(kind, chat))

    def is_known(self, kind: Kind) -> bool:
        """Whether the kind has a task already."""
        return kind.now in self._names


def _chats(store: Store, task: Task) -> list[Chat]:
    """By which a task is known: its latest instances, or what its tool was checked on, or its first chat."""
    instances = [one.chat or Chat.of(one.question) for one in store.instances(task.name)[-LATEST:]]
    return instances or _checked(store, task) or ([task.chat] if task.chat is not None else [])


def _checked(store: Store, task: Task) -> list[Chat]:
    """The chats that a task's tool was checked on, for a task whose instances are gone."""
    tool = next((one for one in store.tools() if one.task == task.name), None)
    questions = [check.question for check in tool.tool.checks[:LATEST]] if tool is not None else []
    first = task.chat
    if first is None or task.frame.form is not Form.LAST:
        return [Chat.of(question) for question in questions] if first is None else []
    last = first.messages[-1]
    return [replace(first, messages=(*first.messages[:-1], replace(last, content=one))) for one in questions]


def _name(kind: Kind, chat: Chat) -> str:
    """The first words of its first question, and four digits that distinguish it from others that begin alike."""
    words = _WORD.findall(kind.sample)[:WORDS]
    digits = sha256(f"{frame_of(chat).digest}\0{kind.sample}")[:4]
    return tool_name(f"{' '.join(words).lower() or 'chat'} {digits}")
