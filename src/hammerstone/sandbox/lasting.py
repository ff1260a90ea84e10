"""A sandbox that outlives its own death: one that has failed is opened again beside the calls."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Self

import anyio

from hammerstone.concurrency import task_group
from hammerstone.errors import SandboxError
from hammerstone.sandbox.contract import Limits, Outcome, Process, Sandbox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anyio.abc import TaskStatus

    from hammerstone.faults import Reporter
    from hammerstone.types import JSON

__all__ = ["open_lasting"]

FIRST_SECONDS, MOST_SECONDS = 0.5, 30.0
"""Seconds before the first opening after a failure, and at most before a later one: each waits twice as long."""

Opening = Callable[[], AbstractAsyncContextManager[Sandbox]]


@asynccontextmanager
async def open_lasting(
    opening: Opening, reporter: Reporter, *, first_s: float = FIRST_SECONDS
) -> AsyncGenerator[Sandbox]:
    """The sandbox that `opening` opens, and again after it has failed. The first opening raises `SandboxError`.

    While there is none, each call raises `SandboxError` at once, and so do those that were under way when it failed.
    """
    async with task_group() as group:
        sandbox = _LastingSandbox(opening, reporter, first_s)
        await group.start(sandbox.keep_open)
        try:
            yield sandbox
        finally:
            await sandbox.aclose()


class _LastingSandbox:
    def __init__(self, opening: Opening, reporter: Reporter, first_s: float) -> None:
        self._opening = opening
        self._reporter = reporter
        self._first_s = self._wait_s = first_s
        self._sandbox: Sandbox | None = None
        self._failed = anyio.Event()
        self._closing = anyio.Event()
        self._under_way: set[anyio.CancelScope] = set()
        self.name = ""

    async def keep_open(self, *, task_status: TaskStatus[None]) -> None:
        """Keep the sandbox open until it is closed."""
        async with self._opening() as sandbox:
            self._start(sandbox)
            task_status.started()
            await self._failed.wait()
        while not self._closing.is_set():
            with anyio.move_on_after(self._wait_s):
                await self._closing.wait()
                return
            self._wait_s = min(2 * self._wait_s, MOST_SECONDS)
            try:
                async with self._opening() as sandbox:
                    self._start(sandbox)
                    self._reporter.works()
                    await self._failed.wait()
            except SandboxError as error:
                self._reporter.failed(error)

    def _start(self, sandbox: Sandbox) -> None:
        self._sandbox, self.name, self._failed = sandbox, sandbox.name, anyio.Event()

    async def call(
        self,
        program: str,
        function: str,
        arguments: Mapping[str, JSON],
        *,
        limits: Limits | None = None,
        hash_seed: int = 0,
    ) -> Outcome:
        async with self._working() as sandbox:
            return await sandbox.call(program, function, arguments, limits=limits, hash_seed=hash_seed)

    @asynccontextmanager
    async def process(
        self, program: str, *, limits: Limits | None = None, hash_seed: int = 0
    ) -> AsyncGenerator[Process]:
        async with self._working() as sandbox, sandbox.process(program, limits=limits, hash_seed=hash_seed) as process:
            yield process

    @asynccontextmanager
    async def _working(self) -> AsyncGenerator[Sandbox]:
        """The sandbox that is open. Raises `SandboxError` if there is none, or if it fails meanwhile."""
        sandbox = self._sandbox
        if sandbox is None:
            raise SandboxError("the sandbox has failed, and is being opened again")
        with anyio.CancelScope() as scope:
            self._under_way.add(scope)
            try:
                yield sandbox
            except SandboxError as error:
                self._fail(sandbox, error)
                raise
            finally:
                self._under_way.discard(scope)
        if scope.cancelled_caught:
            raise SandboxError("the sandbox failed during this call")
        self._wait_s = self._first_s

    def _fail(self, sandbox: Sandbox, error: SandboxError) -> None:
        """Drop a sandbox that a call has found dead, so that no other call waits for it."""
        if self._sandbox is not sandbox:
            return
        self._sandbox = None
        self._reporter.failed(error)
        self._failed.set()
        for scope in self._under_way:
            scope.cancel()

    async def aclose(self) -> None:
        self._sandbox = None
        self._closing.set()
        self._failed.set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()
