"""The removal of text, in batches."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hammerstone.store import purging
from hammerstone.store.purging import Purged
from hammerstone.store.transactions.opened import Opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from hammerstone.store.selection import Selection

__all__ = ["PurgeTransactions"]


class PurgeTransactions(Opened):
    """Part of `Store`."""

    def purge(
        self,
        selection: Selection,
        *,
        tools: bool = False,
        dry_run: bool = False,
        ends: Callable[[], bool] = lambda: False,
    ) -> Purged:
        """Remove the text of the selected requests, and with `tools` those of the selected tasks; what went, or would.

        This is many transactions: others go on meanwhile, and one that is interrupted can be run again. It ends early
        once `ends` says so.
        """
        with self._database.read() as connection:
            steps = purging.steps(connection, selection, with_tools=tools)
            if dry_run:
                return purging.count(connection, steps)
        purged: Counter[str] = Counter()
        for step in steps:
            last = 0
            while not ends():
                with self._database.read() as connection:  # which can take long, and keeps no other from writing
                    ids = purging.batch(connection, step, last)
                if not ids:
                    break
                with self._database.write() as connection:
                    purged[step.counted] += purging.purge(connection, step, ids)
                last = max(ids)
        if purged.total() and selection.before is None:
            with self._database.write() as connection:
                purging.forget_cached_answers(connection)
        return Purged(**purged)

    def purges(self) -> int:
        """A number that grows when what is named, and not merely old, was purged."""
        with self._database.read() as connection:
            return purging.purges(connection)

    def give_back(self, *, whole: bool = False) -> None:
        """Overwrite what was deleted; with `whole`, the space is given back too, while others wait."""
        self._database.give_back(whole=whole)
