"""Builds, from their start to the tool that they end with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.store import builds, instances, tools
from hammerstone.store.records import ToolState
from hammerstone.store.transactions.opened import Opened
from hammerstone.types import Source

if TYPE_CHECKING:
    from hammerstone.store.records import Attempt, Build, BuildState, Disagreement, StoredTool, Task
    from hammerstone.tools import Tool

__all__ = ["BuildTransactions"]


class BuildTransactions(Opened):
    """Part of `Store`."""

    def start_build(
        self,
        task_name: str,
        *,
        owner: str,
        lease_seconds: float = 120,
        improves: int | None = None,
        decided_on: Task | None = None,
    ) -> int | None:
        """Take the build of this task for `owner` (see `this_process`); `None` if another one has it.

        Also `None` if one has ended since the task was as in `decided_on`: what was decided then may not hold now.
        A build whose owner is dead, or whose lease has run out, is marked as interrupted and does not count.
        Raises `NotFoundError` if there is no such task.
        """
        with self._database.write() as connection:
            return builds.start(connection, task_name, owner, lease_seconds, improves, decided_on)

    def settle(self, task: Task, left: int) -> None:
        """Record that only `left` of the task's instances can still improve its tool."""
        with self._database.write() as connection:
            builds.settle(connection, task, left)

    def renew_build(self, build_id: int, lease_seconds: float = 120) -> bool:
        """Hold the build for `lease_seconds` from now; false if it runs no more, since somebody else took it."""
        with self._database.write() as connection:
            return builds.renew(connection, build_id, lease_seconds)

    def add_attempt(self, build_id: int, attempt: Attempt) -> None:
        with self._database.write() as connection:
            builds.add_attempt(connection, build_id, attempt)

    def end_build(
        self,
        build_id: int,
        state: BuildState,
        *,
        reason: str,
        tool: Tool | None = None,
        disagreement: Disagreement | None = None,
        gained: int | None = None,
        cost_usd: float | None = None,
    ) -> None:
        """End a build without a live tool (`publish` ends one with).

        The task's `built_at` becomes its present instance count, except for an interrupted build: that one has not
        said anything about the instances, and may be started again at once. A build that has ended, or that somebody
        else has taken, stays as it is. Raises `NotFoundError`.
        """
        with self._database.write() as connection:
            builds.end(
                connection,
                build_id,
                state,
                reason=reason,
                tool=tool,
                disagreement=disagreement,
                gained=gained,
                cost_usd=cost_usd,
            )

    def publish(
        self,
        tool: Tool,
        *,
        build_id: int | None = None,
        reason: str = "",
        gained: int | None = None,
        state: ToolState = ToolState.LIVE,
    ) -> StoredTool:
        """Keep `tool`, which passed the gate, as a version of the task `tool.name`, all in one transaction.

        `state` is live, or gated or shadow (see `life.states.first_state`). It gets the task's next version, or keeps
        the one it has if this digest is stored already; the task is added if it is not there; the version that was live
        (or in shadow) before is replaced; the build, if given, ends as live, or as passed.
        `reason` says which routes the gate kept out, and why.
        """
        with self._database.write() as connection:
            stored = tools.publish(connection, tool, state, reason)
            if build_id is not None:
                builds.end_passed(connection, build_id, tool, reason, gained, live=state is ToolState.LIVE)
            return stored

    def publish_over_label(self, tool: Tool, *, build_id: int, instance_id: int, answer: str) -> StoredTool:
        """Publish a tool that needs review, and correct the one label it differs from, in one transaction."""
        with self._database.write() as connection:
            reason = "a person said that the tool was right"
            instances.relabel(connection, instance_id, answer, Source.LABELER)
            stored = tools.publish(connection, tool, ToolState.LIVE, reason)
            builds.end_passed(connection, build_id, tool, reason)
            return stored

    def builds(self, task_name: str | None = None) -> tuple[Build, ...]:
        """The builds of one task or of all, newest first. One that its owner has left shows as interrupted."""
        with self._database.read() as connection:
            return builds.newest_first(connection, task_name)

    def builds_in_review(self, *, task: str | None = None, limit: int | None = None) -> tuple[Build, ...]:
        """The builds of one task or of all that need review: each ended with a tool, none with one came after it, and
        somebody must say whether the tool or a stored answer is right.
        """
        with self._database.read() as connection:
            return builds.in_review(connection, task=task, limit=limit)

    def attempts(self, build_id: int) -> tuple[Attempt, ...]:
        """The attempts of a build, in order."""
        with self._database.read() as connection:
            return builds.attempts_of(connection, build_id)
