"""Paid calls, and answers to requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.store import answers, calls, instances
from hammerstone.store.transactions.opened import Opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hammerstone.store.answers import RefusedQuestion, WantedAnswers
    from hammerstone.store.records import Answered, Finished, LedgerEntry, PaidCall

__all__ = ["AnswerTransactions"]


class AnswerTransactions(Opened):
    """Part of `Store`."""

    def find_call(self, key: str, model: str) -> PaidCall | None:
        """The newest completion of this prompt (`Prompt.key`) by this model."""
        with self._database.read() as connection:
            return calls.find(connection, key, model)

    def add_call(self, call: PaidCall) -> int:
        """Store a paid completion, on the disk when this returns; the row id."""
        with self._database.write() as connection:
            return calls.add(connection, self.keeping.call(call))

    def add_answer(self, answered: Answered) -> None:
        """Store one answer: safe from the death of this process, and from a power cut once a paid call follows it."""
        self.add_answers((answered,))

    def add_answers(self, answered: Sequence[Answered]) -> None:
        """Store many answers in one transaction, as `add_answer` does."""
        with self._database.write(durable=False) as connection:
            answers.add(connection, answered, self.keeping)

    def finish_requests(self, finished: Sequence[Finished], *, again: bool = False) -> frozenset[str]:
        """Store answers and, where given, what they cost and the instances under their tasks, in one transaction.

        Where somebody has removed a task meanwhile, or it reads its chats otherwise, its instances are not stored: the
        names of such tasks. Nor is one of which not all text may be kept. With `again`, a former call has failed and
        may have stored all of it nevertheless: the requests that are there, by their ids, are left out.
        """
        keeps = [one.instance is not None and self.keeping.is_whole_instance(one.instance) for one in finished]
        with self._database.write(durable=any(keeps)) as connection:
            there = answers.there(connection, [one.answered.id for one in finished]) if again else frozenset[str]()
            new = [(one, kept) for one, kept in zip(finished, keeps, strict=True) if one.answered.id not in there]
            answers.add(connection, [one.answered for one, _ in new], self.keeping)
            calls.add_all(connection, [one.call for one, _ in new if one.call is not None])
            return instances.add_all(connection, [one for one, kept in new if kept])

    def refused_questions(self, task_name: str, limit: int) -> tuple[str, ...]:
        """Questions of this task that its tool's cheaper routes refused and another one answered, newest first."""
        with self._database.read() as connection:
            return answers.refused(connection, task_name, limit)

    def refused_lately(self, task_name: str, limit: int) -> tuple[RefusedQuestion, ...]:
        """The same with the reasons, each time that it was asked."""
        with self._database.read() as connection:
            return answers.refused_lately(connection, task_name, limit)

    def served(self, name: str) -> dict[int, int]:
        """How many requests each version of a tool has answered."""
        with self._database.read() as connection:
            return answers.served(connection, name)

    def answers(self, wanted: WantedAnswers, limit: int) -> tuple[LedgerEntry, ...]:
        """Some of the requests with their answers, newest first."""
        with self._database.read() as connection:
            return answers.page(connection, wanted, limit)

    def answer_numbered(self, number: int) -> LedgerEntry | None:
        with self._database.read() as connection:
            return answers.find(connection, number)

    def newest_answer(self) -> int:
        """The number of the newest answer; 0 before the first."""
        with self._database.read() as connection:
            return answers.newest(connection)

    def calls_for(self, request_id: str) -> tuple[PaidCall, ...]:
        """The paid calls for a request, in order."""
        with self._database.read() as connection:
            return calls.of_request(connection, request_id)

    def answers_of(self, name: str, version: int, limit: int | None = None) -> tuple[Answered, ...]:
        """What one version has answered, newest first: all of it, or no more than `limit` requests."""
        with self._database.read() as connection:
            return answers.of_tool(connection, name, version, limit)
