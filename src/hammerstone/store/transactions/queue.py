"""The labeler's queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.requests import PLAIN
from hammerstone.store import queue
from hammerstone.store.transactions.opened import Opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hammerstone.requests import Frame
    from hammerstone.store.records import Queued
    from hammerstone.types import Chat

__all__ = ["QueueTransactions"]


class QueueTransactions(Opened):
    """Part of `Store`."""

    def enqueue(
        self, request_id: str, question: str, task: str | None, chat: Chat | None = None, frame: Frame = PLAIN
    ) -> Queued:
        """Let a request wait for a labeler; the same request of the same task and frame waits once.

        `chat` is all of it, if not the question.
        """
        with self._database.write() as connection:
            return queue.add(connection, request_id, question, task, chat, frame, self.keeping)

    def queue(self) -> tuple[Queued, ...]:
        """What waits, in order of arrival."""
        with self._database.read() as connection:
            return queue.waiting(connection)

    def hold_queued(self, who: str, seconds: float) -> Queued | None:
        """What waits first and nobody else holds, held for `who` so long: two people are not shown the same."""
        with self._database.write(durable=False) as connection:
            return queue.hold(connection, who, seconds)

    def queued(self, queued_id: int) -> Queued | None:
        """An entry of the queue, which may have been answered."""
        with self._database.read() as connection:
            return queue.find(connection, queued_id)

    def labels_of(self, request_ids: Sequence[str]) -> dict[tuple[str, str], str]:
        """What people have answered to these requests in the queue, by the request's id and its question."""
        with self._database.read() as connection:
            return queue.labels(connection, request_ids)

    def label(self, queued_id: int, answer: str) -> Queued:
        """Take an entry off the queue and store it as an instance of its task, if it has one, in one transaction.

        An instance with this question that is there already is relabeled. Raises `NotFoundError` if the entry does not
        wait (any more).
        """
        with self._database.write() as connection:
            return queue.label(connection, queued_id, answer, self.keeping)

    def skip(self, queued_id: int) -> Queued:
        """Put an entry of the queue off: it waits behind all others. Raises `NotFoundError` if it does not wait."""
        with self._database.write() as connection:
            return queue.skip(connection, queued_id)
