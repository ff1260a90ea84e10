"""Instances and their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.requests import PLAIN
from hammerstone.store import instances, labels
from hammerstone.store.transactions.opened import Opened

if TYPE_CHECKING:
    from hammerstone.requests import Frame
    from hammerstone.store.records import StoredInstance
    from hammerstone.types import Instance, Source

__all__ = ["InstanceTransactions"]


class InstanceTransactions(Opened):
    """Part of `Store`."""

    def task_of(self, question: str, frame: Frame = PLAIN) -> str | None:
        """The only task of this frame that has this very question as an instance."""
        with self._database.read() as connection:
            return instances.task_of(connection, question, frame)

    def add_instance(self, task_name: str, instance: Instance, *, request_id: str) -> StoredInstance | None:
        """Store an instance, or correct the one with this very question; `None` if nothing changed by it.

        A caller's or a labeler's answer replaces the stored one, which is kept as the former answer, and the task may
        be built again at once. One that differs from it only as JSON or as a number corrects nothing, and is stored as
        it is now written. A solver's answer replaces nothing. One of which not all text may be kept is not stored.
        Raises `NotFoundError` if there is no such task.
        """
        if not self.keeping.is_whole_instance(instance):
            return None
        with self._database.write() as connection:
            return instances.add(connection, task_name, instance, request_id)

    def instances(self, task_name: str) -> tuple[StoredInstance, ...]:
        """The task's instances, in order of arrival."""
        with self._database.read() as connection:
            return instances.of_task(connection, task_name)

    def person_label(self, task_name: str, question: str) -> str | None:
        """What a person, a caller or a labeler, says is the answer to this very question of a task."""
        with self._database.read() as connection:
            return labels.of_question(connection, task_name, question)

    def labeled_digests(self) -> frozenset[bytes]:
        """The first 8 bytes of the SHA-256 of every question that a person has answered, of whatever task."""
        with self._database.read() as connection:
            return labels.digests(connection)

    def relabel(self, instance_id: int, answer: str, source: Source) -> StoredInstance:
        """Replace an instance's answer and keep the former one; a solver's replaces no person's.

        Returns the instance as it is then. Raises `NotFoundError`.
        """
        with self._database.write() as connection:
            return instances.relabel(connection, instance_id, answer, source)
