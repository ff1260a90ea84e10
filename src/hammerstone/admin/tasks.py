"""Tasks as those who look after them see them: how far each is, and its builds."""

from __future__ import annotations

from dataclasses import dataclass

from hammerstone.errors import NotFoundError
from hammerstone.store import Attempt, Build, BuildState, Disagreement, Store, StoredTool, Task

__all__ = ["ListedTask", "ShownBuild", "find_task", "listed", "shown_build"]


@dataclass(frozen=True, kw_only=True)
class ListedTask:
    """`standing` says how far its tool is."""

    name: str
    description: str
    instances: int
    standing: str
    time_dependent: bool


@dataclass(frozen=True, kw_only=True)
class ShownBuild:
    """A build with its attempts, without the source of its tool."""

    id: int
    task: str
    state: BuildState
    instances: int
    started: str
    reason: str
    disagreement: Disagreement | None
    improves: int | None
    gained: int | None
    cost_usd: float | None
    attempts: tuple[Attempt, ...]


def find_task(store: Store, name: str) -> Task:
    """Raises `NotFoundError`."""
    task = store.task(name)
    if task is None:
        raise NotFoundError(f"there is no task {name}", hint="`hammerstone tasks list` lists them")
    return task


def listed(store: Store) -> tuple[ListedTask, ...]:
    """All tasks in order of creation."""
    builds = {build.task: build for build in reversed(store.builds())}
    tools = {tool.task: tool for tool in store.tools()}
    unreadable = {tool.task for tool in store.unreadable_tools()} - tools.keys()
    return tuple(
        ListedTask(
            name=task.name,
            description=task.description,
            instances=task.instances,
            standing="tool unreadable"
            if task.name in unreadable
            else _standing(tools.get(task.name), builds.get(task.name)),
            time_dependent=task.time_dependent,
        )
        for task in store.tasks()
    )


def shown_build(store: Store, build: Build) -> ShownBuild:
    fields = {name: value for name, value in vars(build).items() if name != "tool"}
    return ShownBuild(**fields, attempts=store.attempts(build.id))


def _standing(tool: StoredTool | None, build: Build | None) -> str:
    if tool is not None:
        return f"tool {tool.state}: {', '.join(tool.tool.routes)}"
    if build is not None and build.state != "live":
        return f"build {build.state}"
    return "collecting"
