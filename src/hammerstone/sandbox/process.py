"""The processes inside the sandbox, seen from the host: the template, its workers, and the process of a call."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

import anyio

from hammerstone.errors import SandboxError
from hammerstone.sandbox.inside import child, exchange
from hammerstone.sandbox.interpreter import environment, programs
from hammerstone.sandbox.outcomes import ProcessReply, Stop
from hammerstone.sandbox.transport import Gone, Transport

if TYPE_CHECKING:
    from anyio.abc import Process

    from hammerstone.sandbox.contract import Limits

__all__ = ["CallProcess", "Launch", "Template", "Worker"]

START_SECONDS = 20.0
PREPARE_SECONDS = 30.0
TOOL_LINE = re.compile(rb'File "%s", line (\d{1,9}) ' % child.TOOL_FILE.encode())
MOST_SAID = 16_384  # bytes that are read of a process whose time is up
GRACE_SECONDS = 2.0  # how long a worker may take to report the end of a process
MAX_UNREPORTED = 16  # reports that nobody has read: far fewer than a socket holds


@dataclass(frozen=True, kw_only=True)
class Launch:
    """The way in which a backend starts a confined template.

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
        """Start a template. Raises `SandboxError` with its output if it does not come up."""
        with contextlib.ExitStack() as opened:
            try:
                host, theirs = Transport.pair()
                opened.callback(host.close)
                with theirs:
                    process = await anyio.open_process(
                        launch.command(hash_seed),
                        stdin=theirs.fileno(),
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.PIPE,
                        env=environment(hash_seed),
                        start_new_session=True,  # a group of its own, so that ending it ends all of it
                    )
            except OSError as error:
                raise SandboxError(f"cannot start the {launch.name} worker: {error}") from error
            opened.pop_all()
        started = cls(process, host)
        await started._set_up(launch)
        return started

    async def _set_up(self, launch: Launch) -> None:
        setup = json.dumps({"filter": launch.filter.hex(), "zones": launch.zones}).encode()
        try:
            with anyio.fail_after(START_SECONDS):
                await self._host.send(programs())
                await self._host.send(exchange.FRAME.pack(0, len(setup)) + setup)
                await self._host.receive(len(exchange.READY))
        except (TimeoutError, Gone) as error:
            said = await self._last_words()
            raise SandboxError(f"the {launch.name} worker does not start: {said or error}") from error
        except BaseException:
            await self.close()
            raise

    async def fork(self) -> tuple[Transport, BinaryIO]:
        """The socket of a new worker, and the file that its calls print to.

        Raises `Gone` if the template has ended or does not answer.
        """
        with contextlib.ExitStack() as opened:
            try:
                printed = os.fdopen(os.memfd_create("printed", os.MFD_CLOEXEC), "rb", buffering=0)
                opened.callback(printed.close)
                ours, theirs = Transport.pair()
                opened.callback(ours.close)
            except OSError as error:
                raise SandboxError(f"no worker can be started: {error}") from error
            with theirs:
                self._host.hand_over(exchange.FORK, (theirs.fileno(), printed.fileno()))
            try:
                with anyio.fail_after(START_SECONDS):
                    await ours.receive(len(exchange.READY))
            except TimeoutError as error:
                raise Gone from error
            opened.pop_all()
        return ours, printed

    @property
    def alive(self) -> bool:
        """Whether the process runs, by the process itself: the event loop may not have heard of its end yet."""
        if self._process.returncode is not None:
            return False
        try:
            ended = os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return ended is None

    async def _last_words(self) -> str:
        """End a template that will not start, and return what it wrote to its standard error."""
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


@dataclass(frozen=True, slots=True)
class End:
    """The end of a process. `confined`: it was confined before that."""

    confined: bool
    wait_status: int
    cpu_seconds: float


class Worker:
    """A worker, ready to run one program, one process at a time."""

    def __init__(self, control: Transport, printed: BinaryIO, limits: Limits) -> None:
        self._control = control
        self._printed = printed
        self._unreported = 0
        self.limits = limits

    @classmethod
    async def start(
        cls, control: Transport, printed: BinaryIO, source: str, limits: Limits, *, whole: bool
    ) -> Worker | ProcessReply:
        """A worker, or what is wrong with the program. Raises `Gone` if it ends over it. See `Template.fork`."""
        worker = cls(control, printed, limits)
        try:
            with anyio.fail_after(PREPARE_SECONDS):
                error = await worker._prepare(source, whole)
        except BaseException as failure:
            worker.close()
            if isinstance(failure, TimeoutError):
                raise Gone from failure
            raise
        if error is None:
            return worker
        worker.close()
        return error

    async def _prepare(self, source: str, whole: bool) -> ProcessReply | None:
        bounds = {
            "cpu_seconds": math.ceil(self.limits.cpu_seconds),  # the kernel counts whole ones
            "memory_bytes": self.limits.memory_bytes,
            "output_bytes": self.limits.output_bytes,
        }
        asked = json.dumps({"source": source, "whole": whole, **bounds}).encode()
        await self._control.send(exchange.FRAME.pack(0, len(asked)) + asked)
        kind, length = exchange.FRAME.unpack(await self._control.receive(exchange.FRAME.size))
        return None if kind == child.VALUE else ProcessReply(kind=kind, body=await self._control.receive(length))

    async def open(self) -> CallProcess:
        """A new process. Raises `Gone`."""
        if self._unreported == MAX_UNREPORTED:
            await self.report()
        self._control.collect()
        try:
            ours, theirs = Transport.pair()
        except OSError as error:
            raise SandboxError(f"no process can be started: {error}") from error
        with theirs:
            try:
                self._control.hand_over(exchange.CALL, (theirs.fileno(),))
            except Gone:
                ours.close()
                raise
        self._unreported += 1
        return CallProcess(self, ours)

    async def kill(self) -> None:
        """Have the last process that was opened killed, and the worker free for another one. Raises `Gone`."""
        await self._control.send(exchange.END)

    async def report(self) -> End | None:
        """The end of the last process that was opened, unless it is known already. Raises `Gone`."""
        end = None
        while self._unreported:
            confined = await self._control.receive(1) == exchange.CONFINED
            if confined:
                await self._control.receive(len(exchange.ENDED))
            status, user, user_micro, system, system_micro = exchange.REPORT.unpack(
                await self._control.receive(exchange.REPORT.size)
            )
            end = End(confined, status, user + system + (user_micro + system_micro) / 1e6)
            self._unreported -= 1
        return end

    def printed(self) -> bytes:
        """The output of the last process that was opened, cut at one byte more than it may print."""
        file = self._printed.fileno()
        size = os.fstat(file).st_size
        return os.pread(file, min(size, self.limits.output_bytes + 1), 0) if size else b""

    def close(self) -> None:
        self._control.close()
        self._printed.close()


class CallProcess:
    """A process that has seen nothing yet, and its calls, one after another."""

    def __init__(self, worker: Worker, channel: Transport) -> None:
        self._worker = worker
        self._channel = channel
        self._limits = worker.limits
        self._started = 0.0
        self._killed = False
        self._ended: End | None = None

    @property
    def running(self) -> bool:
        return self._ended is None

    async def exchange(self, payload: bytes) -> ProcessReply:
        """The reply to one request; or why there is none, and how it ended. Raises `Gone` if the worker ended."""
        self._started = time.monotonic()
        try:
            with anyio.move_on_after(self._limits.wall_seconds):
                kind, body = await self._ask(payload)
                printed = self._worker.printed()
                if body is None or len(printed) > self._limits.output_bytes:
                    return await self._stop(Stop.OUT_OF_OUTPUT)
                if kind == child.TOO_MUCH_TIME:
                    line = await self._line()
                    return replace(await self._stop(Stop.OUT_OF_TIME), body=line)
                return ProcessReply(kind=kind, body=body, printed=printed, wall_seconds=self._seconds())
        except Gone:
            return await self._stop(Stop.NOT)
        return await self._stop(Stop.OUT_OF_TIME)

    async def _ask(self, payload: bytes) -> tuple[int, bytes | None]:
        """The kind and the body of its frame; no body if that is longer than allowed."""
        await self._channel.send(exchange.FRAME.pack(0, len(payload)) + payload)
        kind, length = exchange.FRAME.unpack(await self._channel.receive(exchange.FRAME.size))
        if kind == child.TOO_MUCH_TIME:
            return kind, b""
        if kind not in child.SAYINGS:
            raise Gone
        return kind, await self._channel.receive(length) if length <= self._limits.output_bytes else None

    async def _line(self) -> bytes:
        """The number of the line that a process is in whose time is up: frames are written, the innermost first."""
        said, found = b"", None
        with contextlib.suppress(Gone), anyio.move_on_after(GRACE_SECONDS):
            while found is None and len(said) < MOST_SAID:
                said += await self._channel.receive(1)
                found = TOOL_LINE.search(said)
        return found[1] if found else b""

    async def _stop(self, stop: Stop) -> ProcessReply:
        wall_seconds = self._seconds()
        end = await self.end()
        printed = self._worker.printed()
        if stop is Stop.NOT and len(printed) > self._limits.output_bytes:
            stop = Stop.OUT_OF_OUTPUT
        elif stop is Stop.NOT and end.cpu_seconds >= self._limits.cpu_seconds:
            stop = Stop.OUT_OF_TIME
        return ProcessReply(
            stop=stop,
            kind=child.NOTHING if end.confined or stop else child.NOT_CONFINED,
            wait_status=end.wait_status,
            cpu_seconds=end.cpu_seconds,
            wall_seconds=wall_seconds,
            printed=printed[: self._limits.output_bytes],
        )

    def _seconds(self) -> float:
        return time.monotonic() - self._started

    async def kill(self) -> None:
        """Have the worker kill it. Raises `Gone`."""
        if not self._killed:
            self._killed = True
            await self._worker.kill()

    async def end(self) -> End:
        """Kill it. Raises `Gone` if the worker has ended."""
        with anyio.CancelScope(shield=True), anyio.move_on_after(GRACE_SECONDS):
            await self.kill()
            self._ended = self._ended or await self._worker.report()
        if self._ended is None:
            self._worker.close()  # nobody can say what its next report would be of
            raise Gone
        return self._ended

    def close(self) -> None:
        self._channel.close()
