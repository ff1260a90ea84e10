"""A host: several tenants side by side, each with a loop over a store of its own; sandbox and models are shared.

request ─► Host: whose is it? ─► the tenant's Hammerstone ─► the tenant's Store
                                      └─► the sandbox and the models of all
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Self

import anyio
from anyio import to_thread

from hammerstone.concurrency import task_group
from hammerstone.digests import sha256
from hammerstone.errors import StoreError
from hammerstone.loop import Hammerstone, Models
from hammerstone.ordered import ordered_map
from hammerstone.settings import Settings
from hammerstone.types import Request

if TYPE_CHECKING:
    from anyio.abc import TaskGroup, TaskStatus

    from hammerstone.builder import OnBuild
    from hammerstone.faults import OnFault
    from hammerstone.sandbox import Sandbox
    from hammerstone.store import Answered, Keys, Stores

__all__ = ["Host"]


class Host:
    """The loops of all tenants. Use as `async with`; builds in the background end, or are interrupted, with it.

    What ends the run of one tenant (`hammerstone.faults`) ends the host's, unless there is `on_fault` to hear of it.
    """

    def __init__(
        self,
        *,
        stores: Stores,
        sandbox: Sandbox,
        models: Models,
        settings: Settings | None = None,
        on_build: OnBuild | None = None,
        fresh_s: float = 0.0,
        on_fault: OnFault | None = None,
    ) -> None:
        """`on_build(task, build)` is called as `Hammerstone` calls it, for the builds of every tenant.

        `fresh_s` and `on_fault` are those of every loop.
        """
        self._fresh_s = fresh_s
        self._on_fault = on_fault
        self.settings = settings or Settings()
        self._stores = stores
        self._sandbox = sandbox
        self._models = models
        self._on_build = on_build
        self._loops: dict[str, Hammerstone] = {}
        self._not_opened: dict[str, tuple[float, StoreError]] = {}
        self._catches_up = False
        self._opening: defaultdict[str, anyio.Lock] = defaultdict(anyio.Lock)
        self._closing = anyio.Event()
        self._exits = AsyncExitStack()
        self._group: TaskGroup | None = None

    async def __aenter__(self) -> Self:
        self._group = await self._exits.enter_async_context(task_group())
        self._exits.callback(self._closing.set)
        return self

    async def __aexit__(self, *exc: object) -> bool | None:
        return await self._exits.__aexit__(*exc)  # pyright: ignore[reportArgumentType] - passed through as given

    async def of(self, tenant: str = "") -> Hammerstone:
        """The loop of a tenant. At first use its store is opened, or made, and then kept. Any text is a name.

        Raises `StoreError`, also for those who waited for an opening that failed, or come within `fresh_s` of it.
        """
        if tenant not in self._loops:
            came = time.monotonic()
            async with self._opening[tenant]:  # a store that hangs keeps nobody else waiting
                if tenant not in self._loops:
                    self._refuse_if_it_just_failed(tenant, came)
                    self._loops[tenant] = await self._open(tenant)
        return self._loops[tenant]

    def _refuse_if_it_just_failed(self, tenant: str, came: float) -> None:
        when, error = self._not_opened.get(tenant, (-math.inf, None))
        if error is not None and came - when < self._fresh_s:
            raise StoreError(error.message, hint=error.hint)

    def tenants(self) -> tuple[str, ...]:
        """All tenants that have a store, whether this host has opened it or not. Raises `StoreError`."""
        return self._stores.tenants()

    @property
    def loops(self) -> tuple[Hammerstone, ...]:
        """The loops that are open."""
        return tuple(self._loops.values())

    @property
    def stores(self) -> Stores:
        """The stores of all tenants."""
        return self._stores

    @property
    def keys(self) -> Keys:
        """The gateway's keys, of whatever tenant."""
        return self._stores.keys

    async def solve(self, request: Request | str) -> Answered:
        """Answer one request by its tenant's loop. See `Hammerstone.solve`."""
        if isinstance(request, str):
            request = Request.plain(id=sha256(request)[:12], question=request)
        loop = await self.of(request.tenant)
        return await loop.solve(request)

    async def stream(self, requests: Iterable[Request] | AsyncIterable[Request]) -> AsyncGenerator[Answered]:
        """Answers in the order of the requests, whose tenants may take turns; `concurrency` of them under way."""
        async for answered in ordered_map(self._tasks, self.solve, requests, width=self.settings.loop.concurrency):
            yield answered

    async def catch_up(self) -> None:
        """Start the builds that are due, after labels came in or after a crash.

        Those of the default tenant and of loops that are open start now, those of the others when their loop is opened.
        """
        opened = list(self._loops.values())
        self._catches_up = True
        await self.of()
        for loop in opened:
            await loop.catch_up()

    def interrupt(self) -> None:
        """End all that goes on in the background now: what is paid is stored, and a later run takes the builds up."""
        self._tasks.cancel_scope.cancel()

    async def _open(self, tenant: str) -> Hammerstone:
        try:
            store = await to_thread.run_sync(self._stores.of, tenant)
        except StoreError as error:
            self._not_opened[tenant] = (time.monotonic(), error)
            raise
        loop = Hammerstone(
            store=store,
            sandbox=self._sandbox,
            models=self._models,
            settings=self.settings,
            on_build=self._on_build,
            tenant=tenant,
            fresh_s=self._fresh_s,
            on_fault=self._on_fault,
        )
        if self._fresh_s:
            await loop.catalog.refresh(at_once=True)  # before anybody asks, and not in the way of a request
        await self._tasks.start(self._run, loop)
        if self._catches_up:
            await loop.catch_up()
        return loop

    async def _run(self, loop: Hammerstone, *, task_status: TaskStatus[None]) -> None:
        """A loop ends in the task in which it began, and not in that of the request which was its first."""
        async with loop:
            task_status.started()
            await self._closing.wait()

    @property
    def _tasks(self) -> TaskGroup:
        if self._group is None:
            raise RuntimeError("use `async with Host(...)`")
        return self._group
