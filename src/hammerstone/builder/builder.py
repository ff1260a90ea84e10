"""Decides when a build is due, and runs at most one for a task at a time.

A task without a tool is due once it has enough instances, and after a failed build once more have come in. A task with
a live tool is due when questions that the tool refused have been answered: see `improve`. None of them starts beyond
what its task is allowed: see `allowance`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from anyio import to_thread
from anyio.abc import TaskGroup

from hammerstone.builder.allowance import no_more
from hammerstone.builder.build import Maker, build_fault
from hammerstone.builder.improve import improvement_due, replacement_due
from hammerstone.builder.splits import independent
from hammerstone.digests import sha256
from hammerstone.errors import HammerstoneError, InputError, SettingsError
from hammerstone.faults import OnFault, logged, spared
from hammerstone.settings import BuildSettings, Settings
from hammerstone.store import Build, BuildState, Store, StoredTool, Task, ToolState
from hammerstone.types import Route

__all__ = ["Builder", "OnBuild"]

OnBuild = Callable[[str, Build | None], None]
"""Called with the task and `None` when a build starts, and with the result when it ends."""

_log = logging.getLogger(__name__)


class Builder:
    """Starts builds. Without a `maker` none is ever due.

    A tool is improved in the states `improves`: while it serves, unless a log stands for the traffic.
    """

    def __init__(
        self,
        *,
        store: Store,
        maker: Maker | None,
        settings: Settings,
        on_build: OnBuild,
        on_fault: OnFault | None = None,
        improves: Collection[ToolState] = (ToolState.LIVE,),
    ) -> None:
        """`on_fault` gets an error that ends a run from a build in the background; other builds go on."""
        self._store = store
        self._maker = maker
        self._settings = settings
        self._on_build = on_build
        self._on_fault = on_fault
        self._improves = improves
        self._running: set[str] = set()
        self._said: set[tuple[str, str]] = set()

    @property
    def running(self) -> int:
        """The number of builds under way."""
        return len(self._running)

    async def catch_up(self, group: TaskGroup) -> None:
        """Start the builds that are due: after labels came in, or after a crash."""
        for task in await to_thread.run_sync(self._store.tasks):
            await self.build_if_due(task.name, group)

    async def build_if_due(self, name: str, group: TaskGroup) -> None:
        """Start a build that is due, in `group` or, if the settings say so, before this returns.

        A build that cannot even be stored as failed is logged, and everything else goes on.
        """
        await logged(self._build_if_due(name, group), lambda why: _log.warning("a tool for %s: %s", name, why))

    async def _build_if_due(self, name: str, group: TaskGroup) -> None:
        maker = self._maker
        if maker is None or name in self._running:
            return
        task, tool = await self._now(name)
        if task is None or not (await self._due(task, tool) and await self._allowed(task)) or name in self._running:
            return
        self._running.add(name)  # with no `await` since it was looked for
        present = tool if tool is not None and tool.state in self._improves else None
        if self._settings.loop.background:
            group.start_soon(self._build_beside, maker, task, present)
        else:
            await self._run(maker, task, present)

    async def _now(self, name: str) -> tuple[Task | None, StoredTool | None]:
        return await to_thread.run_sync(lambda: (self._store.task(name), self._store.tool(name)))

    async def _due(self, task: Task, tool: StoredTool | None) -> bool:
        if tool is None:
            return await to_thread.run_sync(_first_due, self._store, task, self._settings.build)
        if tool.state is ToolState.QUARANTINED:
            return await to_thread.run_sync(replacement_due, self._store, task, tool, self._settings.build)
        if tool.state not in self._improves or Route.PARSER not in tool.tool.routes:
            return False  # in shadow, waiting for approval, or disabled by a person; or without a parser
        due, why = await to_thread.run_sync(improvement_due, self._store, task, self._settings.improve)
        if why:
            self._say_once(task, "the tool %s is not improved any further: %s", why)
        return due

    async def _allowed(self, task: Task) -> bool:
        why = no_more(await to_thread.run_sync(self._store.builds, task.name), self._settings.improve)
        if why:
            self._say_once(task, "no tool for %s is built now: %s", why)
        return not why

    def _say_once(self, task: Task, message: str, why: str) -> None:
        if (task.name, why) not in self._said:
            self._said.add((task.name, why))
            _log.warning(message, task.name, why)

    async def _build_beside(self, maker: Maker, task: Task, present: StoredTool | None) -> None:
        build = logged(self._run(maker, task, present), lambda why: _log.warning("a tool for %s: %s", task.name, why))
        report = self._on_fault
        await spared(build, None if report is None else lambda error: report(build_fault(task.name, error)))

    async def _run(self, maker: Maker, task: Task, present: StoredTool | None = None) -> Build | None:
        """Run one build and, if the parser of a first tool refuses some of its instances, the next one at once."""
        self._running.add(task.name)
        try:
            build = await self._one_build(maker, task, present)
            now, tool = await self._now(task.name)
            falls_short = build is not None and present is None and tool is not None and self._falls_short(build, tool)
            if falls_short and now is not None and await self._allowed(now):
                await self._one_build(maker, now, tool, at_once=True)
        finally:
            self._running.discard(task.name)
        return build

    async def _one_build(
        self, maker: Maker, task: Task, present: StoredTool | None, *, at_once: bool = False
    ) -> Build | None:
        material = await maker.material(task, present, at_once=at_once) if present is not None else None
        if present is not None and material is None:
            return None
        self._on_build(task.name, None)
        build = await maker.make(task, material)
        if build is not None:
            self._on_build(task.name, build)
        return build

    def _falls_short(self, build: Build, tool: StoredTool) -> bool:
        """Whether the parser of a tool that has just been built refuses held-out instances."""
        built = build.state in {BuildState.LIVE, BuildState.PASSED}
        if not self._settings.improve.after or not built or tool.state not in self._improves:
            return False
        if Route.PARSER not in tool.tool.routes:
            return False
        made = tool.tool.provenance
        parsed = {sha256(check.question)[:16] for check in tool.tool.checks if check.parsed}
        held_out = made.instances[made.shown + made.verified :]
        return not parsed.issuperset(held_out)

    async def make(self, name: str) -> Build:
        """Run one build of this task now.

        Raises `InputError` if the task has too few instances, `SettingsError` if there is no maker or another build of
        this tool is running, `StoreError` and `RecordingError`.
        """
        maker, task = self.maker, await self._ready(name)
        build = await self._run(maker, task)
        if build is None:
            raise _running(name)
        return build

    async def start(self, name: str, group: TaskGroup) -> None:
        """Start one build of this task now, in the background. Raises what `make` does."""
        maker, task = self.maker, await self._ready(name)
        if name in self._running:
            raise _running(name)
        self._running.add(name)
        group.start_soon(self._build_beside, maker, task, None)

    async def _ready(self, name: str) -> Task:
        task = await to_thread.run_sync(self._store.task, name)
        count = len(independent(await to_thread.run_sync(self._store.instances, name)))
        if task is None or count < self._settings.build.needed:
            different = "instance" if count == 1 else "different instances"
            raise InputError(
                f"{name} has {count} {different}; a tool is made from {self._settings.build.needed} or more",
                hint="questions that differ only in spaces or Unicode form count once",
            )
        return task

    @property
    def builds(self) -> bool:
        """Whether there is a maker."""
        return self._maker is not None

    @property
    def maker(self) -> Maker:
        """The maker. Raises `SettingsError` if there is none."""
        if self._maker is None:
            hint = "name one, for example --maker anthropic:claude-sonnet-5-5"
            raise SettingsError("there is no maker model", hint=hint)
        return self._maker


def _first_due(store: Store, task: Task, numbers: BuildSettings) -> bool:
    """Whether a task without a tool has enough questions, of which spellings count once.

    They are counted only where enough instances are stored; if there are too few, again when more have come in.
    """
    if task.instances < (task.built_at + numbers.more if task.built_at else numbers.needed):
        return False
    try:
        questions = len(independent(store.instances(task.name)))
    except HammerstoneError:
        return True  # the build meets the same error, and ends as failed by it
    if questions >= numbers.needed:
        return True
    store.settle(task, 0)
    return False


def _running(name: str) -> SettingsError:
    return SettingsError(f"a build of {name} is running already", hint=f"hammerstone tasks show {name}")
