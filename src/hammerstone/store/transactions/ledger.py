"""What was paid, served and compared, counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.store import ledger, standing, traffic
from hammerstone.store.transactions.opened import Opened

if TYPE_CHECKING:
    from hammerstone.store.records import Kept
    from hammerstone.store.standing import Ordering, Progress, Standing
    from hammerstone.store.summaries import LedgerRow, MeanCall, RouteRow, ToolRow, ToolTally
    from hammerstone.store.traffic import Bucket, Spent, Stretch, StrongModel, Traffic, TrafficFigures

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

    def traffic(self, stretch: Stretch) -> tuple[Traffic, ...]:
        """The requests since a moment, by route, task and model."""
        with self._database.read() as connection:
            return traffic.sums(connection, stretch)

    def buckets(self, stretch: Stretch, characters: int) -> tuple[Bucket, ...]:
        """The same per period, named by the first `characters` of its time: 16 for minutes, 13 hours, 10 days."""
        with self._database.read() as connection:
            return traffic.buckets(connection, stretch, characters)

    def figures(self, stretch: Stretch, characters: int, *, bars: Stretch | None = None) -> TrafficFigures:
        """`traffic`, `buckets` (of `bars`, if that is another stretch) and `strong_model` ever, as of one moment."""
        with self._database.read_one_moment() as connection:
            return traffic.figures(connection, stretch, bars or stretch, characters)

    def strong_model(self, since: str) -> StrongModel:
        """What an answer of the strong model has taken on average since a moment."""
        with self._database.read() as connection:
            return traffic.strong_model(connection, since)

    def spent_learning(self, stretch: Stretch) -> Spent:
        """What builds and comparisons have cost since a moment, for all tasks or one."""
        with self._database.read() as connection:
            return traffic.learning(connection, stretch)

    def standings(self, wanted: Ordering) -> tuple[Standing, ...]:
        """A page of the tasks, each with how far its tool is."""
        with self._database.read() as connection:
            return standing.page(connection, wanted)

    def progress(self) -> Progress:
        """How far all tasks are together, and what waits for a person."""
        with self._database.read() as connection:
            return standing.progress(connection)
