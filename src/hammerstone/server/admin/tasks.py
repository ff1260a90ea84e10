"""Tasks: listed, renamed, merged, settled and removed; their instances and builds."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from hammerstone.admin.tasks import ListedTask, ShownBuild, find_task, listed, shown_build
from hammerstone.life import settle
from hammerstone.server.admin.actions import MOST, Action, AdminRequest, Body, ListPage, page
from hammerstone.store import BuildState, MergedLabel, StoredInstance

__all__ = ["ACTIONS"]


class NewName(Body):
    """In snake_case."""

    name: str


class Mark(Body):
    """Whether its answers depend on the time."""

    time_dependent: bool


class Into(Body):
    """The task that stays."""

    into: str


class WhoIsRight(Body):
    """The tool that needs review, which then goes live, or else the stored answer."""

    tool_is_right: bool


@dataclass(frozen=True, kw_only=True)
class ShownTask(ListedTask):
    """`refused` are questions that its tool refused and that were answered since, newest first."""

    refused: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Renamed:
    name: str
    former_name: str


@dataclass(frozen=True, kw_only=True)
class MergedTask:
    """`tools` are the versions that came with it, and `conflicts` the questions that had two labels."""

    name: str
    instances: int
    tools: tuple[int, ...]
    conflicts: tuple[MergedLabel, ...]


@dataclass(frozen=True, kw_only=True)
class RemovedTask:
    name: str
    state: str = "removed"


def list_tasks(asked: AdminRequest) -> list[ListedTask]:
    """The tasks, how many instances each has, and how far its tool is."""
    return list(listed(asked.store))


def show_task(asked: AdminRequest, name: str) -> ShownTask:
    """A task, and what its tool refuses."""
    find_task(asked.store, name)
    task = next(one for one in listed(asked.store) if one.name == name)
    return ShownTask(**asdict(task), refused=asked.store.refused_questions(name, MOST))


def list_instances(asked: AdminRequest, name: str, *, limit: int = 100, after: int = 0) -> ListPage[StoredInstance]:
    """A task's instances with their labels, in order of arrival."""
    find_task(asked.store, name)
    later = [one for one in asked.store.instances(name) if one.id > after]
    return page(later, limit, lambda one: one.id)


def rename_task(asked: AdminRequest, name: str, *, body: NewName) -> Renamed:
    """Give a task another name. Its tools, builds, answers and costs follow it."""
    return Renamed(name=asked.store.rename_task(name, body.name).name, former_name=name)


def mark_task(asked: AdminRequest, name: str, *, body: Mark) -> ShownTask:
    """Say whether a task's answers depend on the time: the exact cache then repeats none of them."""
    asked.store.mark_task(name, time_dependent=body.time_dependent)
    return show_task(asked, name)


def merge_task(asked: AdminRequest, name: str, *, body: Into) -> MergedTask:
    """Make a task part of another one. Of two labels of a question the other task's stays, and both are listed."""
    merged = asked.store.merge_tasks(name, body.into)
    return MergedTask(name=body.into, instances=merged.instances, tools=merged.tools, conflicts=merged.conflicts)


def settle_task(asked: AdminRequest, name: str, *, body: WhoIsRight) -> ShownBuild:
    """Say who is right where a tool that needs review and one stored answer differ."""
    return shown_build(asked.store, settle(asked.store, name, tool_is_right=body.tool_is_right))


def remove_task(asked: AdminRequest, name: str) -> RemovedTask:
    """Delete a task with its instances, builds and tools. Paid calls and answers stay."""
    asked.store.remove_task(name)
    return RemovedTask(name=name)


def list_builds(
    asked: AdminRequest,
    *,
    task: str | None = None,
    state: BuildState | None = None,
    limit: int = 100,
    after: int | None = None,
) -> ListPage[ShownBuild]:
    """The builds with every attempt, newest first."""
    builds = [one for one in asked.store.builds(task) if after is None or one.id < after]
    found = page([one for one in builds if state in (None, one.state)], limit, lambda one: one.id)
    return ListPage(data=[shown_build(asked.store, one) for one in found.data], next=found.next)


ACTIONS = (
    Action("GET", "/tasks", list_tasks),
    Action("GET", "/tasks/{name}", show_task),
    Action("DELETE", "/tasks/{name}", remove_task),
    Action("GET", "/tasks/{name}/instances", list_instances),
    Action("POST", "/tasks/{name}/rename", rename_task),
    Action("POST", "/tasks/{name}/mark", mark_task),
    Action("POST", "/tasks/{name}/merge", merge_task),
    Action("POST", "/tasks/{name}/settle", settle_task),
    Action("GET", "/builds", list_builds),
)
