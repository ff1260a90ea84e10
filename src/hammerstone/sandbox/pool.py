"""The sandbox of the CPython backends: a few warm workers, one call at a time in each."""

from __future__ import annotations

import json
from collections import OrderedDict
from typing import TYPE_CHECKING, Self

import anyio

from hammerstone.errors import SandboxError
from hammerstone.sandbox import child, exchange
from hammerstone.sandbox.contract import Limits, Outcome, Status
from hammerstone.sandbox.outcomes import outcome_of
from hammerstone.sandbox.process import Launch, Reply, WorkerDied, WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hammerstone.types import JSON

__all__ = ["WORKER_ENDED", "CPythonSandbox"]

HASH_SEEDS = (0, 1)
CACHED_PROGRAMS = 256
WORKER_ENDED = "the worker ended during the call"
COMPILE_LIMITS = Limits(cpu_seconds=5.0, wall_seconds=10.0, output_bytes=8 * 1024 * 1024)


class CPythonSandbox:
    """Full CPython in confined workers. How they are confined is the `Launch`'s business."""

    def __init__(self, launch: Launch, *, workers: int) -> None:
        if workers < 1:
            raise SandboxError(f"a sandbox needs at least one worker, not {workers}")
        self._launch = launch
        self._free = {seed: anyio.Semaphore(workers) for seed in HASH_SEEDS}
        self._idle: dict[int, list[WorkerProcess]] = {seed: [] for seed in HASH_SEEDS}
        self._compiled: OrderedDict[str, bytes | Outcome] = OrderedDict()
        self._closed = False

    @property
    def name(self) -> str:
        return self._launch.name

    async def __aenter__(self) -> Self:
        self._idle[0].append(await WorkerProcess.start(self._launch, 0))
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End every idle worker now, and those that are at work when they have finished their call."""
        self._closed = True
        for idle in self._idle.values():
            while idle:
                await idle.pop().close()

    async def call(
        self,
        program: str,
        function: str,
        arguments: Mapping[str, JSON],
        *,
        limits: Limits | None = None,
        hash_seed: int = 0,
    ) -> Outcome:
        if hash_seed not in HASH_SEEDS:
            raise SandboxError(f"the hash seed is 0 or 1, not {hash_seed}")
        limits = limits or Limits()
        try:
            call = {"function": function, "arguments": dict(arguments)}
            asked = json.dumps(call, allow_nan=False).encode()
            source = program.encode()
        except (TypeError, ValueError, RecursionError) as error:
            return Outcome(status=Status.ERROR, error=f"the program or its arguments are not JSON: {error}")
        code = await self._compile(program, source)
        if isinstance(code, Outcome):
            return code
        payload = child.CODE_LENGTH.pack(len(code)) + code + asked
        return self._read(await self._exchange(exchange.CALL, payload, limits, hash_seed), program, limits)

    async def _compile(self, program: str, source: bytes) -> bytes | Outcome:
        """The code object of `program`, from a child that compiles and runs nothing; or what is wrong with it."""
        if program in self._compiled:
            self._compiled.move_to_end(program)
            return self._compiled[program]
        reply = await self._exchange(exchange.COMPILE, source, COMPILE_LIMITS, 0)
        if reply is None or reply.stopped != exchange.NOT_STOPPED or reply.kind not in (child.VALUE, child.ERROR):
            return self._read(reply, program, COMPILE_LIMITS)  # it may go better another time
        compiled = reply.body if reply.kind == child.VALUE else self._read(reply, program, COMPILE_LIMITS)
        self._compiled[program] = compiled
        if len(self._compiled) > CACHED_PROGRAMS:
            self._compiled.popitem(last=False)
        return compiled

    def _read(self, reply: Reply | None, program: str, limits: Limits) -> Outcome:
        if reply is None:
            return Outcome(status=Status.KILLED, error=WORKER_ENDED)
        return outcome_of(reply, program, limits)

    async def _exchange(self, operation: int, payload: bytes, limits: Limits, hash_seed: int) -> Reply | None:
        """One request to a free worker; None if the worker died of it."""
        async with self._free[hash_seed]:
            process = await self._take(hash_seed)
            try:
                reply = await process.exchange(operation, payload, limits)
            except WorkerDied:
                return None
            await self._give_back(process, hash_seed)
            return reply

    async def _take(self, hash_seed: int) -> WorkerProcess:
        if self._closed:
            raise SandboxError("the sandbox is closed")
        idle = self._idle[hash_seed]
        while idle:
            process = idle.pop()
            if process.alive:
                return process
            await process.close()
        return await WorkerProcess.start(self._launch, hash_seed)

    async def _give_back(self, process: WorkerProcess, hash_seed: int) -> None:
        if self._closed:
            await process.close()
        else:
            self._idle[hash_seed].append(process)
