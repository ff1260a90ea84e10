"""The processes inside the sandbox, seen from the host: the template, its workers, and the process of a call."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from hammerstone.errors import SandboxError
from hammerstone.sandbox.inside import child, exchange
from hammerstone.sandbox.interpreter import environment
from hammerstone.sandbox.outcomes import Reply, Stop
from hammerstone.sandbox.transport import Gone, Transport

if TYPE_CHECKING:
    from anyio.abc import Process

    from hammerstone.sandbox.contract import Limits

__all__ = ["CallProcess", "Launch", "Template", "Worker"]

START_SECONDS = 20.0
PREPARE_SECONDS = 30.0
GRACE_SECONDS = 2.0  # how long a worker may take to report the end of a process


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How a backend starts a confined template.

    `command(hash_seed)` is what to run; `filter` is the system call filter that each process of a call installs;
    `zones` are the time zones (see `interpreter.Interpreter`).
    """

    name: str
    command: Callable[[int], list[str]]
    filter: bytes
    zones: str


class Template:
    """A started and confined interpreter that forks workers."""

    def __init__(self, process: Process, host: Transport) -> None:
        self._process = process
        self._host = host

    @classmethod
    async def start(cls, launch: Launch, hash_seed: int) -> Template:
        """Raises `SandboxError` with what it said if it does not come up."""
        host, theirs = Transport.pair()
        try:
            process = await anyio.open_process(
                launch.command(hash_seed),
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment(hash_seed),
                start_new_session=True,  # a group of its own, so that ending it ends all of it
            )
        except OSError as error:
            host.close()
            raise SandboxError(f"cannot start the {launch.name} worker: {error}") from error
        finally:
            theirs.close()
        started = cls(process, host)
        await started._set_up(launch)
        return started

    async def _set_up(self, launch: Launch) -> None:
        setup = json.dumps({"filter": launch.filter.hex(), "zones": launch.zones}).encode()
        try:
            with anyio.fail_after(START_SECONDS):
                await self._host.send(exchange.FRAME.pack(0, len(setup)) + setup)
                await self._host.receive(len(exchange.READY))
        except (TimeoutError, Gone) as error:
            said = await self._last_words()
            raise SandboxError(f"the {launch.name} worker does not start: {said or error}") from error
        except BaseException:
            await self.close()
            raise

    async def fork(self) -> Transport:
        """The socket of a new worker. Raises `Gone` if the template has ended or does not answer."""
        ours, theirs = Transport.pair()
        try:
            with theirs:
                self._host.hand_over(exchange.FORK, [theirs.fileno()])
            with anyio.fail_after(START_SECONDS):
                await ours.receive(len(exchange.READY))
        except BaseException as error:
            ours.close()
            if isinstance(error, TimeoutError):
                raise Gone from error
            raise
        return ours

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
        """What a template that will not start wrote to its standard error; ends it."""
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
        """End it and everything in its process group."""
        self._kill()
        self._host.close()
        with anyio.CancelScope(shield=True):
            await self._process.aclose()


class Worker:
    """What is ready to run one program. One process at a time."""

    def __init__(self, control: Transport, limits: Limits) -> None:
        self._control = control
        self._limits = limits
        self._last: CallProcess | None = None

    @classmethod
    async def start(cls, control: Transport, source: str, limits: Limits, *, whole: bool) -> Worker | Reply:
        """A worker, or what is wrong with the program. Raises `Gone` if it ends over it. `control` is its socket."""
        try:
            bounds = {
                "cpu_seconds": math.ceil(limits.cpu_seconds),  # the kernel counts whole ones
                "memory_bytes": limits.memory_bytes,
                "output_bytes": limits.output_bytes,
            }
            asked = json.dumps({"source": source, "whole": whole, **bounds}).encode()
            with anyio.fail_after(PREPARE_SECONDS):
                await control.send(exchange.FRAME.pack(0, len(asked)) + asked)
                kind, length = exchange.FRAME.unpack(await control.receive(exchange.FRAME.size))
                if kind == child.VALUE:
                    return cls(control, limits)
                error = Reply(kind=kind, body=await control.receive(length))
        except BaseException as error:
            control.close()
            if isinstance(error, TimeoutError):
                raise Gone from error
            raise
        control.close()
        return error

    def open(self) -> CallProcess:
        """A new process. Raises `Gone`."""
        try:
            printed = os.memfd_create("printed", os.MFD_CLOEXEC)
            ours, theirs = Transport.pair()
        except OSError as error:
            raise SandboxError(f"no process can be started: {error}") from error
        try:
            self._control.hand_over(exchange.CALL, [theirs.fileno(), printed])
        except Gone:
            ours.close()
            os.close(printed)
            raise
        finally:
            theirs.close()
        self._last = CallProcess(self._control, ours, printed, self._limits)
        return self._last

    async def ready(self) -> bool:
        """Whether it can open another process. Waits for the end of the one before."""
        try:
            if self._last is not None:
                await self._last.end()
        except Gone:
            return False
        return self._control.open

    def close(self) -> None:
        self._control.close()


class CallProcess:
    """A process that has seen nothing yet, and its calls, one after another."""

    def __init__(self, control: Transport, channel: Transport, printed: int, limits: Limits) -> None:
        self._control = control
        self._channel = channel
        self._printed = printed
        self._limits = limits
        self._started = 0.0
        self._confined = False
        self._killed = False
        self._ended: tuple[int, float] | None = None

    @property
    def running(self) -> bool:
        return self._ended is None

    async def exchange(self, payload: bytes) -> Reply:
        """What it says to one request; or why it says nothing, and how it ended. Raises `Gone` if the worker ended."""
        self._started = time.monotonic()
        try:
            with anyio.move_on_after(self._limits.wall_seconds):
                kind, body = await self._ask(payload)
                if body is None or self._printed_too_much():
                    return await self._stop(Stop.OUT_OF_OUTPUT)
                return Reply(kind=kind, body=body, printed=self._text(), wall_seconds=self._seconds())
        except Gone:
            return await self._stop(Stop.NOT)
        return await self._stop(Stop.OUT_OF_TIME)

    async def _ask(self, payload: bytes) -> tuple[int, bytes | None]:
        """The kind and the body of its frame; no body if that is longer than allowed."""
        await self._channel.send(exchange.FRAME.pack(0, len(payload)) + payload)
        if not self._confined:
            self._confined = await self._channel.receive(len(child.CONFINED)) == child.CONFINED
            if not self._confined:
                raise Gone
        kind, length = exchange.FRAME.unpack(await self._channel.receive(exchange.FRAME.size))
        if kind not in child.SAYINGS:
            raise Gone
        return kind, await self._channel.receive(length) if length <= self._limits.output_bytes else None

    async def _stop(self, stop: Stop) -> Reply:
        wall_seconds = self._seconds()
        status, cpu_seconds = await self.end()
        if stop is Stop.NOT and self._printed_too_much():
            stop = Stop.OUT_OF_OUTPUT
        elif stop is Stop.NOT and cpu_seconds >= self._limits.cpu_seconds:
            stop = Stop.OUT_OF_TIME
        return Reply(
            stop=stop,
            kind=child.NOTHING if self._confined or stop else child.NOT_CONFINED,
            wait_status=status,
            cpu_seconds=cpu_seconds,
            wall_seconds=wall_seconds,
            printed=self._text(),
        )

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _printed_too_much(self) -> bool:
        return os.fstat(self._printed).st_size > self._limits.output_bytes

    def _text(self) -> bytes:
        return os.pread(self._printed, self._limits.output_bytes, 0)

    async def kill(self) -> None:
        """Have the worker kill it. Raises `Gone`."""
        if not self._killed:
            self._killed = True
            await self._control.send(exchange.END)

    async def end(self) -> tuple[int, float]:
        """Kill it; its wait status and the CPU seconds that it used. Raises `Gone` if the worker has ended."""
        if self._ended is not None:
            return self._ended
        with anyio.CancelScope(shield=True), anyio.move_on_after(GRACE_SECONDS):
            await self.kill()
            status, user, user_micro, system, system_micro = exchange.REPORT.unpack(
                await self._control.receive(exchange.REPORT.size)
            )
            self._ended = status, user + system + (user_micro + system_micro) / 1e6
            return self._ended
        raise Gone

    def close(self) -> None:
        self._channel.close()
        os.close(self._printed)
