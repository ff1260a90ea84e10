"""The live tools and known tasks as the loop sees them: kept in memory, read again when the store has changed."""

from __future__ import annotations

from anyio import to_thread

from hammerstone.routes.dispatcher import LISTED, nearest
from hammerstone.store import Store
from hammerstone.store.records import StoredTool, Task
from hammerstone.tools.shortlist import Shortlist
from hammerstone.types import Route

__all__ = ["Catalog"]


class Catalog:
    """Call `refresh` first for each request: one indexed query when nothing has changed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._revision = -1
        self._tools: dict[str, StoredTool] = {}
        self._shortlist: Shortlist[StoredTool] = Shortlist([])
        self._examples: dict[str, str] = {}

    async def refresh(self) -> None:
        """Read the live tools again when their set has changed, by this process or another."""
        revision = await to_thread.run_sync(self._store.tools_revision)
        if revision == self._revision:
            return
        tools = await to_thread.run_sync(self._store.live_tools)
        self._tools = {tool.task: tool for tool in tools}
        self._shortlist = Shortlist((tool, tool.tool.wording) for tool in tools if Route.PARSER in tool.tool.routes)
        self._revision = revision

    def tool(self, task: str | None) -> StoredTool | None:
        """The live tool of a task."""
        return self._tools.get(task) if task is not None else None

    def parsers(self, question: str, hint: str | None = None) -> list[StoredTool]:
        """The tools whose wording the question holds. A hint of the task leaves only that task's tool."""
        tools = self._shortlist.candidates(question)
        return [tool for tool in tools if hint in {None, tool.task}]

    async def tasks(self, question: str) -> list[Task]:
        """The tasks that the dispatcher is told of: all, or the most similar where there are many."""
        tasks = await to_thread.run_sync(self._store.tasks)
        if len(tasks) <= LISTED:
            return list(tasks)
        unseen = [task for task in tasks if task.name not in self._examples]
        self._examples |= await to_thread.run_sync(lambda: {task.name: self._example(task) for task in unseen})
        return nearest(tasks, [self._examples[task.name] for task in tasks], question)

    def _example(self, task: Task) -> str:
        instances = self._store.instances(task.name)
        return instances[0].question if instances else task.description
