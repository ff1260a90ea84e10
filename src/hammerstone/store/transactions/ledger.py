"""What was paid, served and compared, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.store import ledger
from hammerstone.store.transactions.opened import Opened

if TYPE_CHECKING:
    from hammerstone.store.records import Kept
    from hammerstone.store.summaries import LedgerRow, MeanCall, RouteRow, ToolRow, ToolTally

__all__ = ["LedgerTransactions"]


class LedgerTransactions(Opened):
    """Part of `Store`."""

    def ledger(self) -> tuple[LedgerRow, ...]:
        """All paid calls, by role, model and task."""
        with self._database.read() as connection:
            return ledger.by_role(connection)

    def routes(self) -> tuple[RouteRow, ...]:
        """All requests, by route, task and tool."""
        with self._database.read() as connection:
            return ledger.by_route(connection)

    def kept(self) -> dict[Kept, int]:
        """How many requests there are of which all text is stored, what a mask left of it, or none."""
        with self._database.read() as connection:
            return ledger.by_keeping(connection)

    def tool_rows(self) -> tuple[ToolRow, ...]:
        """What each version of each tool has served, how it compared with the upstream, and what was corrected."""
        with self._database.read() as connection:
            return ledger.by_tool(connection)

    def tallies(self) -> tuple[ToolTally, ...]:
        """How each version of each tool compared with the upstream: quick, whatever was answered."""
        with self._database.read() as connection:
            return ledger.tallies(connection)

    def mean_solver_call(self) -> MeanCall:
        """What one call of the solver takes on average: the baseline "every request to the solver's model"."""
        with self._database.read() as connection:
            return ledger.mean_solver_call(connection)
