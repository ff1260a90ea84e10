"""The workers of a CPython backend: one for each program that is in use, kept while there is room."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import BinaryIO

import anyio

from hammerstone.errors import SandboxError
from hammerstone.sandbox.contract import Limits
from hammerstone.sandbox.outcomes import ProcessReply
from hammerstone.sandbox.process import CallProcess, Launch, Template, Worker
from hammerstone.sandbox.transport import Gone, Transport

__all__ = ["Warm", "WorkerPool"]

IDLE_WORKERS = 64
IDLE_SECONDS = 300.0


@dataclass(frozen=True, kw_only=True)
class Warm:
    """A worker that is ready. `whole`: it has loaded all that can be imported."""

    worker: Worker
    source: str
    whole: bool
    limits: Limits
    hash_seed: int


_Key = tuple[int, Limits, bool, str]


class WorkerPool:
    """Templates, one for each hash seed, and the idle workers that they have forked."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._starting = anyio.Lock()
        self._templates: dict[int, Template] = {}
        self._idle: OrderedDict[_Key, list[tuple[float, Warm]]] = OrderedDict()  # each with when it was given back
        self.closed = False

    async def open(
        self, source: str, limits: Limits, hash_seed: int, *, whole: bool
    ) -> tuple[Warm, CallProcess] | ProcessReply:
        """A new process of the program, or what is wrong with it. Raises `Gone` if its worker ends meanwhile."""
        if self.closed:
            raise SandboxError("the sandbox is closed")
        key = (hash_seed, limits, whole, source)
        while idle := self._idle.pop(key, []):
            _, warm = idle.pop()
            if idle:
                self._idle[key] = idle
            try:
                return warm, await warm.worker.open()
            except Gone:
                warm.worker.close()
        worker = await Worker.start(*await self._fork(hash_seed), source, limits, whole=whole)
        if isinstance(worker, ProcessReply):
            return worker
        warm = Warm(worker=worker, source=source, whole=whole, limits=limits, hash_seed=hash_seed)
        return warm, await worker.open()

    def give_back(self, warm: Warm) -> None:
        """Keep the worker for the next call of its program. Those that have been idle longest make room."""
        if self.closed:
            warm.worker.close()
            return
        key = (warm.hash_seed, warm.limits, warm.whole, warm.source)
        self._idle.setdefault(key, []).append((time.monotonic(), warm))
        self._idle.move_to_end(key)
        self.retire(IDLE_SECONDS)
        while sum(len(idle) for idle in self._idle.values()) > IDLE_WORKERS:
            for _, one in self._idle.popitem(last=False)[1]:
                one.worker.close()

    def retire(self, idle_s: float = 0.0) -> None:
        """End the workers that have been idle for so many seconds."""
        latest = time.monotonic() - idle_s
        for key, idle in list(self._idle.items()):
            for since, warm in idle:
                if since <= latest:
                    warm.worker.close()
            idle[:] = [one for one in idle if one[0] > latest]
            if not idle:
                del self._idle[key]

    async def _fork(self, hash_seed: int) -> tuple[Transport, BinaryIO]:
        """A new worker: see `Template.fork`. A template that has just ended is replaced, once. Raises `Gone`."""
        template = await self.template(hash_seed)
        try:
            return await template.fork()
        except Gone:
            return await (await self.template(hash_seed, other_than=template)).fork()

    async def template(self, hash_seed: int, *, other_than: Template | None = None) -> Template:
        """The template of this hash seed, started if it is not running. Raises `SandboxError`."""
        async with self._starting:
            template = self._templates.pop(hash_seed, None)
            if template is not None and (template is other_than or not template.alive):
                await template.close()
                template = None
            self._templates[hash_seed] = template or await Template.start(self._launch, hash_seed)
            return self._templates[hash_seed]

    def close(self) -> None:
        """End the idle workers, and take no more."""
        self.closed = True
        self.retire()

    async def end(self) -> None:
        """End everything, even busy workers."""
        self.close()
        while self._templates:
            await self._templates.popitem()[1].close()
