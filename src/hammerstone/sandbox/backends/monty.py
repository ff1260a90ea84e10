"""Backend `monty`: a Rust interpreter of a subset of Python, in worker processes of its own.

Generated code can do only what the interpreter offers: no files, no network, no processes and no native code.
A program that needs a feature or a module that Monty lacks (generators, `heapq`, `string`, `statistics`, `fractions`
among others) gets an ERROR outcome that names it. Every call is a fresh interpreter.

The synchronous pool runs in threads. The asynchronous one of pydantic-monty 1.4 aborts the whole process, now and
then, when the interpreter exits.
"""

from __future__ import annotations

import datetime
import json
import time
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Self

import anyio
import anyio.to_thread

from hammerstone.errors import SandboxError
from hammerstone.sandbox.contract import Limits, Outcome, Status
from hammerstone.sandbox.inside.child import refuse_other_keys
from hammerstone.sandbox.outcomes import read_json, says

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping

    import pydantic_monty

    from hammerstone.types import JSON

__all__ = ["NOT_COVERED", "MontySandbox"]

NOT_COVERED = (
    "faults of the interpreter: its process is an ordinary one, with the rights of the user who started it",
    "what can be learned from timing, caches and load",
    "CPU time is not measured apart from wall time, and the wall limit is only kept as CPU time plus sleep",
    "the hash seed: sets and dictionaries keep one order, so a dependence on set order stays unseen",
    "full Python: only a subset, at about a quarter of the speed, and at most 64 MiB of memory",
    "CPU and memory used within the limits",
)

NO_TIME = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)  # what every clock says
MEMORY_BYTES = 64 * 1024 * 1024  # at most: what an exception carries arrives here whole
SUBSET = "; this sandbox runs a subset of Python"
LACKING = ("NotImplementedError", "ModuleNotFoundError", "ImportError", "AttributeError")


class MontySandbox:
    """Monty interpreters, one fresh for each call."""

    def __init__(self, *, workers: int, limits: Limits) -> None:
        if workers < 1:
            raise SandboxError(f"a sandbox needs at least one worker, not {workers}")
        self._workers = workers
        self._limits = limits
        self._pool: pydantic_monty.Monty | None = None

    @property
    def name(self) -> str:
        return "monty"

    async def __aenter__(self) -> Self:
        try:
            import pydantic_monty

            pool = pydantic_monty.Monty(min_processes=1, max_processes=self._workers)
            self._pool = await anyio.to_thread.run_sync(pool.__enter__)
        except ImportError as error:
            raise SandboxError(f"pydantic-monty: {error}", hint="pip install pydantic-monty") from error
        except (OSError, RuntimeError) as error:
            raise SandboxError(f"monty does not start: {error}") from error
        self._free = anyio.Semaphore(self._workers)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def rest(self) -> None:
        """Nothing is kept between calls."""

    async def aclose(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(pool.__exit__, None, None, None)

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
            return await process.call(function, arguments)

    @asynccontextmanager
    async def process(
        self, program: str, *, limits: Limits | None = None, hash_seed: int = 0
    ) -> AsyncGenerator[MontyProcess]:
        if hash_seed not in (0, 1):
            raise SandboxError(f"the hash seed is 0 or 1, not {hash_seed}")
        async with self._free:
            if self._pool is None:
                raise SandboxError("the sandbox is closed")
            process = MontyProcess(self._pool, program, limits or self._limits, hash_seed)
            try:
                yield process
            finally:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(process.close)


class MontyProcess:
    """One interpreter. Its calls run in threads."""

    def __init__(self, pool: pydantic_monty.Monty, program: str, limits: Limits, hash_seed: int) -> None:
        import pydantic_monty

        self.pool = pool
        self.program = program
        self.limits = limits
        self.hash_seed = hash_seed
        self.seconds = min(limits.cpu_seconds, limits.wall_seconds)
        self.memory_bytes = min(limits.memory_bytes, MEMORY_BYTES)
        self.printed = pydantic_monty.CollectString(max_bytes=limits.output_bytes)
        self.opened = ExitStack()
        self.session: pydantic_monty.MontySession | None = None

    async def call(self, function: str, arguments: Mapping[str, JSON]) -> Outcome:
        """Call `function(**arguments)`."""
        if not function.isidentifier():
            return Outcome(status=Status.ERROR, error=f"{function!r} is not the name of a function")
        return await anyio.to_thread.run_sync(self.run, function, dict(arguments))

    def close(self) -> None:
        """End the interpreter."""
        self.opened.close()

    def run(self, function: str, arguments: dict[str, JSON]) -> Outcome:
        started = time.monotonic()
        status, value, error = self.judged(function, arguments)
        printed = self.printed.output
        wall = time.monotonic() - started
        return Outcome(status=status, value=value, error=error, printed=printed, wall_seconds=wall)

    def judged(self, function: str, arguments: dict[str, JSON]) -> tuple[Status, JSON, str]:
        import pydantic_monty

        try:
            json.dumps(arguments, allow_nan=False).encode()
            return self.read(*self.feed(function, arguments))
        except pydantic_monty.MontySyntaxError as error:
            return Status.ERROR, None, self.lacking(str(error))
        except pydantic_monty.MontyRuntimeError as error:
            return self.failure(error)
        except pydantic_monty.MontyCrashedError as error:
            return (Status.TIMEOUT if error.timed_out else Status.KILLED), None, str(error)
        except pydantic_monty.MontyDisconnectError as error:
            raise SandboxError(f"the monty worker is out of reach: {error}") from error
        except (TypeError, ValueError, RecursionError, pydantic_monty.MontyConversionError) as error:
            return Status.ERROR, None, f"the arguments or the value returned are not JSON: {error}"

    def feed(self, function: str, arguments: dict[str, JSON]) -> tuple[object, str]:
        """The value as the host sees it, and its JSON as made inside, where a function is still a function.

        The JSON comes first, cut off where it is too long, and the value only if it was not: nothing made inside can
        take the host's memory. Only the interpreter's own `json.dumps`, which cannot be replaced, stands before that.
        """
        longest = self.limits.output_bytes + 1
        call = f"\n__value = {function}(**__arguments)\nimport json as __json\n__json.dumps(__value)[:{longest}]"
        code = call if self.session else self.program + call
        self.session = session = self.session or self.opened.enter_context(self.checkout())
        text = session.feed_run(code, inputs={"__arguments": arguments}, print_callback=self.printed)
        fits = len(str(text)) < longest
        return session.feed_run("__value") if fits else None, str(text)

    def checkout(self) -> pydantic_monty.MontySession:
        return self.pool.checkout(
            script_name="tool.py",
            limits={
                "max_feed_duration_secs": self.seconds,
                "max_memory": self.memory_bytes,
                "max_total_sleep_secs": self.limits.wall_seconds,
            },
            os_policy={"datetime": NO_TIME, "random_start": {"seed": self.hash_seed}},
        )

    def read(self, value: object, text: str) -> tuple[Status, JSON, str]:
        body = text.encode()
        if len(body) > self.limits.output_bytes:
            return Status.OUTPUT, None, f"its result is larger than {self.limits.output_bytes:,} bytes"
        refuse_other_keys(value)
        return Status.OK, read_json(body), ""

    def failure(self, error: pydantic_monty.MontyRuntimeError) -> tuple[Status, JSON, str]:
        text = error.display("type-msg")
        kind, _, message = text.partition(": ")
        if kind == "MemoryError" and message.endswith(f"> {self.limits.output_bytes} bytes"):
            return Status.OUTPUT, None, f"printed more than {self.limits.output_bytes:,} bytes"
        if kind == "MemoryError":
            return Status.MEMORY, None, f"used more memory than its limit of {self.memory_bytes:,} bytes"
        if kind == "TimeoutError" and "limit exceeded" in message:
            return Status.TIMEOUT, None, f"took more than {self.seconds:g} s"
        lines = [frame.line for frame in error.traceback()]
        said = says(kind, message, lines[-1] if lines else None, self.program)
        return Status.ERROR, None, self.lacking(said) if kind in LACKING else said

    def lacking(self, message: str) -> str:
        return message + SUBSET
