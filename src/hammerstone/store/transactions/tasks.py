"""Tasks, and which task a question was found to be of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.requests import PLAIN
from hammerstone.store import counters, removal, renaming, tasks
from hammerstone.store.transactions.opened import Opened

if TYPE_CHECKING:
    from hammerstone.requests import Frame
    from hammerstone.store.records import Merged, Task
    from hammerstone.types import Chat

__all__ = ["TaskTransactions"]


class TaskTransactions(Opened):
    """Part of `Store`."""

    def tasks(self, *, after: int = 0) -> tuple[Task, ...]:
        """All tasks, in order of creation, or those with an id above `after`."""
        with self._database.read() as connection:
            return tasks.every(connection, after)

    def task(self, name: str) -> Task | None:
        with self._database.read() as connection:
            return tasks.find(connection, name)

    def add_task(self, name: str, description: str, frame: Frame = PLAIN, chat: Chat | None = None) -> Task:
        """The task of this name: a new one with this frame and first chat, or the one that is there, as it is."""
        with self._database.write() as connection:
            return tasks.ensure(connection, name, description, frame, chat and self.keeping.chat(chat))

    def widen_task(self, name: str, frame: Frame) -> Task:
        """Let the whole chat be the question of this task's requests: their other turns differ.

        Raises `NotFoundError`.
        """
        with self._database.write() as connection:
            return tasks.widen(connection, name, frame)

    def remove_task(self, name: str) -> None:
        """Remove a task with its instances, builds and tools; paid calls and answers stay.

        Raises `NotFoundError`, and `SettingsError` while a tool is being made for it.
        """
        with self._database.write() as connection:
            removal.remove_task(connection, name)

    def rename_task(self, old: str, new: str) -> Task:
        """Give a task another name; its tools, builds, answers, calls and waiting requests follow it.

        Raises `NotFoundError`, and `SettingsError` if the name is taken, is not one, or a tool is being built.
        """
        with self._database.write() as connection:
            return renaming.rename(connection, old, new)

    def mark_task(self, name: str, *, time_dependent: bool) -> Task:
        """Say whether a task's answers depend on the time: such are given again by no cache, in no process.

        Raises `NotFoundError`.
        """
        with self._database.write() as connection:
            task = tasks.mark(connection, name, time_dependent=time_dependent)
            counters.count_up(connection, counters.TOOLS)
            return task

    def time_dependent_tasks(self) -> frozenset[str]:
        """The names of the tasks whose answers depend on the time."""
        with self._database.read() as connection:
            return tasks.time_dependent(connection)

    def merge_tasks(self, source: str, target: str) -> Merged:
        """Make the task `source` part of `target`: its instances move, its tools and builds are kept as replaced.

        Where both have a question with different labels, that of `target` stays and the other is kept as its former
        one. Raises `NotFoundError`, and `SettingsError` if their frames differ or a tool is being built.
        """
        with self._database.write() as connection:
            return renaming.merge(connection, source, target)

    def assign(
        self, question: str, name: str, description: str = "", frame: Frame = PLAIN, chat: Chat | None = None
    ) -> Task:
        """Keep that this question in this frame is of task `name`, which is added if it is not there."""
        with self._database.write() as connection:
            return tasks.assign(connection, question, name, description, frame, chat and self.keeping.chat(chat))

    def assigned(self, question: str, frame: Frame = PLAIN) -> str | None:
        """The task that this very question in this frame was once found to be of."""
        with self._database.read() as connection:
            return tasks.assigned(connection, question, frame)
