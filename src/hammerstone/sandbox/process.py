"""One worker process, seen from the host: start it, exchange one request for one reply, end it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

from hammerstone.errors import SandboxError
from hammerstone.sandbox import exchange
from hammerstone.sandbox.interpreter import environment

if TYPE_CHECKING:
    from anyio.abc import Process

    from hammerstone.sandbox.contract import Limits

__all__ = ["Launch", "Reply", "WorkerDied", "WorkerProcess"]

START_SECONDS = 20.0
GRACE_SECONDS = 2.0  # how long after the wall limit the worker may take to report before the host ends it


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How a backend starts a confined worker.

    `command(hash_seed)` is what to run; `filter` is the system call filter that each child installs; `zones` are the
    time zones (see `interpreter.Interpreter`).
    """

    name: str
    command: Callable[[int], list[str]]
    filter: bytes
    zones: str


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the worker measured, and what the child said."""

    stopped: int
    kind: int
    wait_status: int
    cpu_seconds: float
    wall_seconds: float
    body: bytes
    printed: bytes


class WorkerDied(Exception):  # noqa: N818 - not an error of ours: the pool turns it into an outcome
    """The worker ended, or had to be ended, before it replied."""


class WorkerProcess:
    """A started worker. Not for concurrent use: one exchange at a time."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - opened with pipes below
        self._process = process
        self._requests = process.stdin
        self._replies = BufferedByteReceiveStream(process.stdout)

    @classmethod
    async def start(cls, launch: Launch, hash_seed: int) -> WorkerProcess:
        """Start and confine a worker. Raises `SandboxError` with what it said if it does not come up."""
        try:
            process = await anyio.open_process(
                launch.command(hash_seed),
                stderr=subprocess.PIPE,
                env=environment(hash_seed),
                start_new_session=True,  # a group of its own, so that ending it ends all of it
            )
        except OSError as error:
            raise SandboxError(f"cannot start the {launch.name} worker: {error}") from error
        started = cls(process)
        await started._set_up(launch)
        return started

    async def _set_up(self, launch: Launch) -> None:
        setup = json.dumps({"filter": launch.filter.hex(), "zones": launch.zones}).encode()
        try:
            with anyio.fail_after(START_SECONDS):
                await self._send(exchange.SETUP, setup, 0.0, 0.0, 0, 0)
                await self._receive()
        except (TimeoutError, WorkerDied) as error:
            said = await self._last_words()
            raise SandboxError(f"the {launch.name} worker does not start: {said or error}") from error
        except BaseException:
            await self.close()
            raise

    async def exchange(self, operation: int, payload: bytes, limits: Limits) -> Reply:
        """One request, one reply. Raises `WorkerDied` if there is none; the worker is then of no more use."""
        try:
            with anyio.move_on_after(limits.wall_seconds + GRACE_SECONDS):
                await self._send(
                    operation,
                    payload,
                    limits.cpu_seconds,
                    limits.wall_seconds,
                    limits.memory_bytes,
                    limits.output_bytes,
                )
                return await self._receive()
        except BaseException:
            # cancelled in the middle of a call, or dead: nobody can say what its next reply would belong to
            await self.close()
            raise
        await self.close()
        raise WorkerDied("the worker did not report within the wall limit")

    async def _send(self, operation: int, payload: bytes, cpu: float, wall: float, memory: int, output: int) -> None:
        header = exchange.REQUEST.pack(operation, cpu, wall, memory, output, len(payload))
        try:
            await self._requests.send(header + payload)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            raise WorkerDied("the worker is gone") from error

    async def _receive(self) -> Reply:
        try:
            header = await self._replies.receive_exactly(exchange.REPLY.size)
            stopped, kind, status, cpu, wall, body, printed = exchange.REPLY.unpack(header)
            said = await self._replies.receive_exactly(body + printed) if body + printed else b""
        except (anyio.IncompleteRead, anyio.EndOfStream, anyio.ClosedResourceError, anyio.BrokenResourceError) as error:
            raise WorkerDied("the worker ended during the call") from error
        return Reply(
            stopped=stopped,
            kind=kind,
            wait_status=status,
            cpu_seconds=cpu,
            wall_seconds=wall,
            body=said[:body],
            printed=said[body:],
        )

    @property
    def alive(self) -> bool:
        """Looks at the process itself: the event loop may not have heard of its end yet."""
        if self._process.returncode is not None:
            return False
        try:
            ended = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return ended is None

    async def _last_words(self) -> str:
        """What a worker that will not start wrote to its standard error; ends it."""
        self._kill()
        words = b""
        if self._process.stderr is not None:
            with contextlib.suppress(anyio.EndOfStream, anyio.BrokenResourceError), anyio.move_on_after(1.0):
                while len(words) < 4096:
                    words += await self._process.stderr.receive()
        await self.close()
        return words.decode(errors="replace").strip()

    def _kill(self) -> None:
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def close(self) -> None:
        """End the worker and everything in its process group."""
        self._kill()
        with anyio.CancelScope(shield=True):
            await self._process.aclose()
