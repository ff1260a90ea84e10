"""What was said of a tool's answers: by the upstream, and by people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.store import comparisons, corrections
from hammerstone.store.transactions.opened import Opened

if TYPE_CHECKING:
    from hammerstone.store.records import (
        Agreement,
        Comparison,
        ComparisonKind,
        Correction,
        GivenCorrection,
        Opinion,
        StoredTool,
    )

__all__ = ["JudgementTransactions"]


class JudgementTransactions(Opened):
    """Part of `Store`."""

    def add_comparison(
        self,
        name: str,
        version: int,
        *,
        request_id: str,
        kind: ComparisonKind,
        tool_answer: str,
        upstream_answer: str,
        rule: comparisons.MoveRule,
    ) -> Comparison:
        """Keep what a version and the upstream answered to one request, count it, and let `rule` change its state.

        `rule` (see `life.states.after_comparison`) is called with the tool and its tally within the transaction. A
        disagreement counts as a false hit until `add_opinion` says otherwise. Raises `NotFoundError`.
        """
        with self._database.write() as connection:
            return comparisons.add(
                connection,
                name,
                version,
                request_id=request_id,
                kind=kind,
                tool_answer=tool_answer,
                upstream_answer=upstream_answer,
                rule=rule,
                keeping=self.keeping,
            )

    def add_opinion(self, comparison_id: int, opinion: Opinion) -> StoredTool:
        """Keep the second opinion on a disagreement, once: where the upstream was right, the tool is quarantined by it.

        Where the tool was right, the disagreement is no false hit any more. Raises `NotFoundError`.
        """
        with self._database.write() as connection:
            return comparisons.add_opinion(connection, comparison_id, opinion)

    def comparisons(
        self, name: str, version: int, *, agreed: bool | None = None, limit: int | None = None
    ) -> tuple[Comparison, ...]:
        """The comparisons of one version, newest first: all, or those that agreed or did not."""
        with self._database.read() as connection:
            return comparisons.of_tool(connection, name, version, agreed=agreed, limit=limit)

    def comparisons_of_request(self, request_id: str) -> tuple[Comparison, ...]:
        """What tools and the upstream answered to one request, oldest first."""
        with self._database.read() as connection:
            return comparisons.of_request(connection, request_id)

    def corrections_of(self, number: int) -> tuple[GivenCorrection, ...]:
        """What people have said of the answer of this number, newest first."""
        with self._database.read() as connection:
            return corrections.of_answer(connection, number)

    def correct(self, request_id: str, answer: str | None = None) -> Correction:
        """Say that the newest answer to the request of this id is wrong, and what is right, all in one transaction.

        The version that gave it is quarantined; the right answer becomes the caller's label of this question. Without
        one, what a solver answered is no instance any more. No exact cache gives the wrong answer again. Raises
        `NotFoundError` if no such request was answered, and `SettingsError` where there is nothing to correct: the
        answer is the one that was given, or none is given and nothing was learned from it.
        """
        with self._database.write() as connection:
            return corrections.correct(connection, request_id, answer, self.keeping)

    def confirm(self, request_id: str) -> Agreement:
        """Say that the newest answer to the request of this id is right: it becomes the caller's label.

        Raises `NotFoundError` if no such request was answered.
        """
        with self._database.write() as connection:
            return corrections.confirm(connection, request_id)

    def corrections(self, *, limit: int, before: int | None = None) -> tuple[GivenCorrection, ...]:
        """What people have said was wrong, newest first: those with a smaller id than `before`."""
        with self._database.read() as connection:
            return corrections.newest_first(connection, limit, before)

    def reported_wrong(self, tool: str | None = None, version: int | None = None) -> int:
        """How many answers of tools, of one, or of one version, somebody has said are wrong."""
        with self._database.read() as connection:
            return corrections.reported(connection, tool, version)

    def withdrawn(self) -> frozenset[bytes]:
        """The digests (`pair_digest`) of questions with the answers that somebody said are wrong."""
        with self._database.read() as connection:
            return corrections.withdrawn(connection)
