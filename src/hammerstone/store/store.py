"""The store: tasks, instances, builds, tools, paid calls, answers and the labeler's queue, in one database."""

from __future__ import annotations

from typing import Self

from hammerstone.store.transactions.acts import ActTransactions
from hammerstone.store.transactions.answers import AnswerTransactions
from hammerstone.store.transactions.builds import BuildTransactions
from hammerstone.store.transactions.instances import InstanceTransactions
from hammerstone.store.transactions.judgements import JudgementTransactions
from hammerstone.store.transactions.ledger import LedgerTransactions
from hammerstone.store.transactions.purges import PurgeTransactions
from hammerstone.store.transactions.queue import QueueTransactions
from hammerstone.store.transactions.tasks import TaskTransactions
from hammerstone.store.transactions.tools import ToolTransactions

__all__ = ["Store"]


class Store(
    TaskTransactions,
    InstanceTransactions,
    BuildTransactions,
    ToolTransactions,
    JudgementTransactions,
    AnswerTransactions,
    PurgeTransactions,
    QueueTransactions,
    LedgerTransactions,
    ActTransactions,
):
    """Made by `open_store`.

    Every method but `purge` is one transaction, and may be called from any thread. What goes wrong with the database
    is a `StoreError`.
    """

    @property
    def where(self) -> str:
        """The database file, or the URL without its password."""
        return self._database.where

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
