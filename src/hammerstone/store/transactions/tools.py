"""Tools, the versions of each, and their states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.store import changes, counters, tools
from hammerstone.store.records import Actor, Move, ToolState
from hammerstone.store.transactions.opened import Opened

if TYPE_CHECKING:
    from hammerstone.store.records import Change, StoredTool, UnreadableTool
    from hammerstone.tools import Tool

__all__ = ["ToolTransactions"]


class ToolTransactions(Opened):
    """Part of `Store`."""

    def live_tools(self) -> tuple[StoredTool, ...]:
        """The live tools, by name."""
        with self._database.read() as connection:
            return tools.in_state(connection, ToolState.LIVE)

    def shadow_tools(self) -> tuple[StoredTool, ...]:
        """The tools in shadow, by name."""
        with self._database.read() as connection:
            return tools.in_state(connection, ToolState.SHADOW)

    def tools(self, all_versions: bool = False) -> tuple[StoredTool, ...]:
        """Tools by name: each task's current version (the live one, else the newest), or all versions, oldest first."""
        with self._database.read() as connection:
            return tools.every(connection) if all_versions else tools.current(connection)

    def unreadable_tools(self) -> tuple[UnreadableTool, ...]:
        """The versions that cannot be read, by name: the other methods pass over them."""
        with self._database.read() as connection:
            return tools.unreadable(connection)

    def tool(self, name: str, version: int | None = None) -> StoredTool | None:
        """One version of a task's tool; without a version the live one, or else the newest.

        Raises `ToolRefusedError` if it cannot be read.
        """
        with self._database.read() as connection:
            return tools.find(connection, name, version)

    def keep_tool(self, tool: Tool) -> StoredTool:
        """Store `tool` as a disabled version, or leave the version with its digest as it is; the live one stays."""
        with self._database.write() as connection:
            return tools.keep(connection, tool)

    def adopt(self, tool: Tool, reason: str) -> StoredTool:
        """Take over a tool that a person publishes from another tenant: in shadow, or as it is if it is there.

        Where a task of another frame has its name, it gets another one.
        """
        with self._database.write() as connection:
            return tools.adopt(connection, tool, reason)

    def set_tool_state(
        self,
        name: str,
        version: int | None,
        state: ToolState,
        *,
        reason: str = "no reason given",
        who: Actor = Actor.PERSON,
    ) -> StoredTool:
        """Change the state of one version (`None`: the live one, or else the newest), and return it.

        Setting one live or into shadow replaces the one that was. Disabling without a version takes out the one in
        shadow, too. Raises `NotFoundError`.
        """
        with self._database.write() as connection:
            return tools.set_state(connection, name, version, Move(to=state, reason=reason), who)

    def approve(self, name: str, version: int | None, to: ToolState) -> StoredTool:
        """Let a gated version (`None`: the newest one) come into shadow or go live; one without a parser goes live.

        Raises `NotFoundError` if none waits for approval.
        """
        with self._database.write() as connection:
            return tools.approve(connection, name, version, to)

    def quarantine(self, name: str, version: int | None, reason: str, *, who: Actor = Actor.PERSON) -> StoredTool:
        """Take one version (`None`: the live one, or else the newest) out of service as wrong.

        Raises `NotFoundError`.
        """
        with self._database.write() as connection:
            return tools.quarantine(connection, name, version, reason, who)

    def roll_back(self, name: str, version: int | None = None) -> StoredTool:
        """Bring back the version that was live before, or this one, which was replaced; the present one is replaced.

        Raises `NotFoundError` if there is none, `SettingsError` if this one is not replaced.
        """
        with self._database.write() as connection:
            return tools.roll_back(connection, name, version)

    def remove_tool(self, name: str) -> None:
        """Remove all versions of a task's tool; its instances, builds and answers stay. Raises `NotFoundError`."""
        with self._database.write() as connection:
            tools.remove(connection, name)

    def changes(self, name: str) -> tuple[Change, ...]:
        """How the states of a tool's versions changed, and why, oldest first."""
        with self._database.read() as connection:
            return changes.of_task(connection, name)

    def tools_revision(self) -> int:
        """A number that grows whenever a tool's state changes, in whatever process. One indexed query."""
        with self._database.read() as connection:
            return counters.value(connection, counters.TOOLS)
