"""The closed loop: the cheapest route that is sure (`routes.router`), and tools built beside the stream.

request ─► Router ─► answer ─► Journal: kept, stored as an instance of its task where the strong model gave it
                                  │ enough instances, or enough questions that a tool refused
                                  └─► Builder: propose ─► verify ─► gate ─► the tool is live
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Self

from anyio import to_thread
from anyio.abc import TaskGroup

from hammerstone.builder import Builder, Maker, OnBuild
from hammerstone.concurrency import task_group
from hammerstone.digests import sha256
from hammerstone.errors import InputError
from hammerstone.faults import OnFault, contained, logged, spared
from hammerstone.journal import Journal, Served, record_of
from hammerstone.life import Watch, take, watches
from hammerstone.models import Model
from hammerstone.ordered import ordered_map
from hammerstone.requests import framed
from hammerstone.routes import (
    Asked,
    Catalog,
    LabelerRoute,
    ParserRoute,
    Routed,
    Router,
    SideBySide,
    SolverRoute,
    TaskFinder,
    UserRoute,
)
from hammerstone.sandbox import Sandbox
from hammerstone.settings import Settings
from hammerstone.store import AccountedModel, Answered, Bill, Build, Store, StoredTool
from hammerstone.types import Instance, Request, Role

__all__ = ["Hammerstone", "Models"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Models:
    """A model for each role; a role without one is left out of the loop.

    With `labeler`, a person answers in the solver's place: such requests wait in the queue.
    """

    maker: Model | None = None
    user: Model | None = None
    dispatcher: Model | None = None
    solver: Model | None = None
    labeler: bool = False


class Hammerstone:
    """The loop over one store. Use as `async with`; builds in the background end, or are interrupted, with it."""

    def __init__(
        self,
        *,
        store: Store,
        sandbox: Sandbox,
        models: Models,
        settings: Settings | None = None,
        on_build: OnBuild | None = None,
        tenant: str = "",
        fresh_s: float = 0.0,
        on_fault: OnFault | None = None,
    ) -> None:
        """`on_build(task, build)` is called with `None` when a build starts, and with the result when it ends.

        `tenant` is whose store it is. What is known of its tools and labels may be `fresh_s` seconds old. With
        `on_fault`, what ends a run does not end this loop: whatever goes on beside the requests reports it there.
        """
        self.store = store
        self.tenant = tenant
        self.settings = settings or Settings()
        self.sandbox = sandbox
        accounted = _accounted(models, store, self.settings)
        user, dispatcher, solver, maker = map(accounted.get, (Role.USER, Role.DISPATCHER, Role.SOLVER, Role.MAKER))
        catalog = self.catalog = Catalog(store, fresh_s=fresh_s)
        parser = ParserRoute(catalog, sandbox, dispatcher)
        finder = TaskFinder(store, catalog, dispatcher)
        self.router = Router(
            catalog=catalog,
            parser=parser,
            user=UserRoute(catalog, sandbox, user),
            finder=finder,
            last=LabelerRoute(store) if models.labeler else _solver_route(solver),
        )
        self.side_by_side = SideBySide(
            catalog=catalog, sandbox=sandbox, user=user, dispatcher=dispatcher, strong=solver or maker
        )
        life = self.settings.life
        self._watch = Watch(store, catalog, parser, solver, life) if watches(life) else None
        self.builder = Builder(
            store=store,
            maker=_maker(store, sandbox, accounted, self.settings, on_fault),
            settings=self.settings,
            on_build=on_build or _ignore,
            on_fault=on_fault,
        )
        self.journal = Journal(store, finder, after=(self._compare, self._build_if_due), on_fault=on_fault)
        self._on_fault = on_fault
        self._exits = AsyncExitStack()
        self._group: TaskGroup | None = None

    async def __aenter__(self) -> Self:
        self._group = await self._exits.enter_async_context(task_group())
        return self

    async def __aexit__(self, *exc: object) -> bool | None:
        return await self._exits.__aexit__(*exc)  # pyright: ignore[reportArgumentType] - passed through as given

    async def solve(self, request: Request | str) -> Answered:
        """Answer one request by the cheapest route that is sure, store what came of it, and perhaps start a build.

        A plain question gets an id of its own, the same each time it is asked.

        Whatever goes wrong with this one request is an `error` in the answer. Raises `StoreError` and `RecordingError`,
        and `InputError` for a request of another tenant, of which nothing is stored.
        """
        started = time.perf_counter()
        if isinstance(request, str):
            request = Request.plain(id=sha256(request)[:12], question=request, tenant=self.tenant)
        if request.tenant != self.tenant:
            raise InputError(
                f"request {request.id} is of the tenant {request.tenant!r}, and this loop of {self.tenant!r}",
                hint="`hammerstone.opening.open_host` has the loops of all tenants",
            )
        asked = Asked(request=request, bill=Bill(request_id=request.id))
        routed = await contained(self.router.route(asked), _failed)
        return await self.keep(asked, routed, (time.perf_counter() - started) * 1000)

    async def keep(self, asked: Asked, routed: Routed, ms: float) -> Answered:
        """Store what came of a request, and learn from it: whoever answered it, here or at a gateway's upstream.

        Raises `StoreError` and `RecordingError`.
        """
        return await contained(self.journal.keep(asked, routed, ms), lambda why: self._not_kept(asked, routed, ms, why))

    async def keep_all(self, served: Sequence[Served], *, again: bool = False) -> None:
        """Store what came of many requests in one transaction, or each by itself where one of them spoils it.

        With `again`, some may have been stored by a call that failed. Raises `StoreError` and `RecordingError`.
        """
        failures: list[str] = []
        await logged(self.journal.keep_all(served, again=again), failures.append)
        if failures and len(served) == 1:
            _log.error("an answer was not stored: %s", failures[0])
        elif failures:
            for one in served:
                await self.keep_all([one], again=True)

    async def stream(self, requests: Iterable[Request] | AsyncIterable[Request]) -> AsyncGenerator[Answered]:
        """Answers in the order of the requests, `concurrency` of them under way at a time."""
        async for answered in ordered_map(self._tasks, self.solve, requests, width=self.settings.loop.concurrency):
            yield answered

    async def catch_up(self) -> None:
        """Start the builds that are due: after labels came in, or after a crash."""
        await spared(self.builder.catch_up(self._tasks), self._on_fault)

    async def make(self, instances: Sequence[Instance], *, name: str, description: str = "") -> Build:
        """Store solved instances under a task and run one build now.

        What is stored already is corrected by them, and a live tool that answers otherwise than a corrected label is
        disabled; this is logged as a warning, as are instances that contradict each other.

        Raises `InputError` if the task has too few of them then, or if they are chats of several shapes,
        `SettingsError` if there is no maker or another build of this tool is running, `StoreError`, `RecordingError`.
        """
        _ = self.builder.maker  # before anything is stored
        frame, instances = framed(instances)
        chat = instances[0].chat if instances else None
        await to_thread.run_sync(self.store.add_task, name, description, frame, chat)
        await take(instances, name, store=self.store, sandbox=self.sandbox)
        return await self.builder.make(name)

    async def start_build(self, name: str) -> None:
        """Begin one build of this task now, beside all else. Raises as `make` does."""
        await self.builder.start(name, self._tasks)

    def gathers(self, asked: Asked) -> bool:
        """Whether answers to requests like this one are gathered for a first tool, according to the tools in memory."""
        kind = asked.task or self.catalog.worded_like(asked)
        return self.builder.builds and self.catalog.tool(kind) is None

    def is_audited(self, asked: Asked, tool: StoredTool) -> bool:
        """Whether the strong model's answer to this request, which `tool` can answer, is wanted as well."""
        return self._watch is not None and self._watch.is_audited(asked, tool)

    async def _compare(self, asked: Asked, routed: Routed) -> None:
        """Compare with the upstream, in shadow or for an audit; beside the stream, unless settings say otherwise."""
        watch = self._watch
        if watch is None:
            return

        async def compare() -> None:
            await logged(watch.after(asked, routed), lambda why: _log.warning("a comparison: %s", why))

        if self.settings.loop.background:
            self._tasks.start_soon(lambda: spared(compare(), self._on_fault))
        else:
            await compare()

    async def _build_if_due(self, asked: Asked, routed: Routed) -> None:
        last = routed.answer is not None and routed.answer.tool is None
        if asked.task is not None and last:
            await self.builder.build_if_due(asked.task, self._tasks)

    @staticmethod
    def _not_kept(asked: Asked, routed: Routed, ms: float, why: str) -> Answered:
        return replace(record_of(asked, routed, ms), error=f"the answer was not stored: {why}")

    @property
    def _tasks(self) -> TaskGroup:
        if self._group is None:
            raise RuntimeError("use `async with Hammerstone(...)`")
        return self._group


def _accounted(models: Models, store: Store, settings: Settings) -> dict[Role, AccountedModel]:
    """The models of the roles that are played, whose calls are stored and paid once."""
    roles = {
        Role.MAKER: models.maker,
        Role.USER: models.user,
        Role.DISPATCHER: models.dispatcher,
        Role.SOLVER: models.solver,
    }
    return {
        role: AccountedModel(model, role, store, settings.roles.of(role))
        for role, model in roles.items()
        if model is not None
    }


def _solver_route(model: AccountedModel | None) -> SolverRoute | None:
    return SolverRoute(model) if model is not None else None


def _maker(
    store: Store,
    sandbox: Sandbox,
    models: dict[Role, AccountedModel],
    settings: Settings,
    on_fault: OnFault | None,
) -> Maker | None:
    model = models.get(Role.MAKER)
    if model is None:
        return None
    return Maker(
        store=store,
        sandbox=sandbox,
        model=model,
        user=models.get(Role.USER),
        solver=models.get(Role.SOLVER),
        settings=settings,
        on_fault=on_fault,
    )


def _failed(why: str) -> Routed:
    return Routed(answer=None, refusals=(), error=why)


def _ignore(task: str, build: Build | None) -> None:
    """Nobody asked for news of builds."""
    del task, build
