"""Acts of people: who changed what."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Self

from hammerstone.store import acts
from hammerstone.store.transactions.opened import Opened

if TYPE_CHECKING:
    from hammerstone.store.acts import Act, NotedAct

__all__ = ["ActTransactions"]


class ActTransactions(Opened):
    """Part of `Store`."""

    def by(self, act: Act) -> Self:
        """The same store, for one act of a person: the first change that is made through it is noted with it, in the
        same transaction. What changes nothing is not noted.
        """
        other = copy.copy(self)
        other._database = self._database.noting(lambda connection: acts.add(connection, act))
        return other

    def note(self, act: Act) -> None:
        """An act that changes nothing by itself: it has begun something."""
        with self._database.write() as connection:
            acts.add(connection, act)

    def acts(self, limit: int, before: int | None = None) -> tuple[NotedAct, ...]:
        """What people have changed, newest first, before the act of a number."""
        with self._database.read() as connection:
            return acts.newest_first(connection, limit, before)

    def acts_of(self, what: str, about: str) -> tuple[NotedAct, ...]:
        """All of one kind that were done to one thing, newest first."""
        with self._database.read() as connection:
            return acts.of(connection, what, about)
