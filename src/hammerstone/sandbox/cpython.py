"""The sandbox of the CPython backends: a fresh process for each call, forked by a warm worker of its program."""

from __future__ import annotations

import json
import marshal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Self

import anyio

from hammerstone.errors import SandboxError
from hammerstone.sandbox.contract import Limits, Outcome, Status
from hammerstone.sandbox.inside import child
from hammerstone.sandbox.outcomes import ProcessReply, outcome_of
from hammerstone.sandbox.pool import Warm, WorkerPool
from hammerstone.sandbox.process import CallProcess, Launch
from hammerstone.sandbox.transport import Gone

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hammerstone.types import JSON

__all__ = ["WORKER_ENDED", "CPythonSandbox"]

HASH_SEEDS = (0, 1)
WORKER_ENDED = "the worker ended during the call"

to_json = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode


class CPythonSandbox:
    """Full CPython in confined processes. How they are confined is the `Launch`'s business.

    At most `workers` processes run at the same time, within `limits` unless a call has others.
    """

    def __init__(self, launch: Launch, *, workers: int, limits: Limits) -> None:
        if workers < 1:
            raise SandboxError(f"a sandbox needs at least one worker, not {workers}")
        self._name = launch.name
        self._limits = limits
        self._pool = WorkerPool(launch)
        self._free = anyio.Semaphore(workers, fast_acquire=True)
        self._running = 0

    @property
    def name(self) -> str:
        return self._name

    async def __aenter__(self) -> Self:
        await self._pool.template(0)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def rest(self) -> None:
        """End the idle workers now: whoever comes next has one started."""
        self._pool.retire()

    async def aclose(self) -> None:
        """End every idle worker now, and those that are at work when they have finished their call."""
        self._pool.close()
        if not self._running:
            await self._pool.end()

    async def call(
        self,
        program: str,
        function: str,
        arguments: Mapping[str, JSON],
        *,
        limits: Limits | None = None,
        hash_seed: int = 0,
    ) -> Outcome:
        async with self.process(program, limits=limits, hash_seed=hash_seed) as process:
            outcome = await process.call(function, arguments)
            return replace(outcome, cpu_seconds=await process.cpu_seconds())

    @asynccontextmanager
    async def process(
        self, program: str, *, limits: Limits | None = None, hash_seed: int = 0
    ) -> AsyncGenerator[FreshProcess]:
        if hash_seed not in HASH_SEEDS:
            raise SandboxError(f"the hash seed is 0 or 1, not {hash_seed}")
        async with self._free:
            process = FreshProcess(self._pool, program, limits or self._limits, hash_seed)
            self._running += 1
            try:
                yield process
            except BaseException:
                with anyio.CancelScope(shield=True):
                    await process.cpu_seconds()  # a call that is cancelled has ended when that is known
                raise
            finally:
                try:
                    await process.end()
                finally:
                    self._running -= 1
                    if self._pool.closed:
                        with anyio.CancelScope(shield=True):
                            await self.aclose()  # after the last one


class FreshProcess:
    """A process that has seen nothing but the program. It is started by its first call."""

    def __init__(self, pool: WorkerPool, program: str, limits: Limits, hash_seed: int) -> None:
        self._pool = pool
        self._program = program
        self._limits = limits
        self._hash_seed = hash_seed
        self._warm: Warm | None = None
        self._process: CallProcess | None = None
        self._whole = False
        self._asked: list[bytes] = []
        self._over: Outcome | None = None

    async def call(self, function: str, arguments: Mapping[str, JSON]) -> Outcome:
        """Call `function(**arguments)`. After a call that ended the process, there is only that outcome."""
        if self._over is not None:
            return self._over
        try:
            asked = marshal.dumps((function, json.loads(to_json(dict(arguments)).encode())))
            self._program.encode()
        except (TypeError, ValueError, RecursionError) as error:
            return Outcome(status=Status.ERROR, error=f"the program or its arguments are not JSON: {error}")
        try:
            outcome = outcome_of(await self._exchange(asked), self._program, self._limits)
        except Gone:
            outcome = Outcome(status=Status.KILLED, error=WORKER_ENDED)
        if self._process is None or not self._process.running:
            self._over = outcome
        return outcome

    async def _exchange(self, asked: bytes) -> ProcessReply:
        """Raises `Gone` if the worker ends."""
        reply = await self._ask(asked)
        if reply.kind == child.LACKING and not self._whole:
            await self.end()
            self._whole = True  # for this process alone: the next one must not see what this one was asked
            for earlier in self._asked:
                await self._ask(earlier)
            reply = await self._ask(asked)
        self._asked.append(asked)
        return reply

    async def _ask(self, asked: bytes) -> ProcessReply:
        if self._process is None:
            opened = await self._pool.open(self._program, self._limits, self._hash_seed, whole=self._whole)
            if isinstance(opened, ProcessReply):
                return opened
            self._warm, self._process = opened
        return await self._process.exchange(asked)

    async def end(self) -> None:
        """End it, without waiting until it has."""
        warm, process = self._warm, self._process
        self._warm = self._process = None
        if warm is None or process is None:
            return
        try:
            await process.kill()
        except BaseException as error:  # nobody can say what the worker's next reply would belong to
            warm.worker.close()
            if not isinstance(error, Gone):
                raise
        else:
            self._pool.give_back(warm)
        finally:
            process.close()

    async def cpu_seconds(self) -> float:
        """Wait for its end. 0 where nothing is known of it."""
        try:
            return 0.0 if self._process is None else (await self._process.end()).cpu_seconds
        except Gone:
            return 0.0
