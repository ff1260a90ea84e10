"""The contract that every sandbox backend keeps.

Generated code that fails is data: an `Outcome` with a status and a message. A sandbox that cannot do its work raises
`SandboxError`. Nothing made by a model ever runs in this process.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractAsyncContextManager

    from hammerstone.settings import SandboxSettings
    from hammerstone.types import JSON

__all__ = ["Limits", "Outcome", "Process", "Sandbox", "Status"]

WAITING = 10  # times its processor time: so long may a call of a tool take where the machine is busy


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of one call; memory, output and CPU seconds hold for all calls of one process together.

    CPU seconds are counted by the kernel, in whole ones. The default of 10 is for a program that runs once, and
    generous on purpose: one that searches by brute force may need several (the paper's own recorded tool for Chinese
    remainders took up to 5.75 s). A tool that is to serve has less (`for_answers`).
    """

    cpu_seconds: float = 10.0
    wall_seconds: float = 20.0
    memory_bytes: int = 512 * 1024 * 1024
    output_bytes: int = 1024 * 1024

    @classmethod
    def for_answers(cls, settings: SandboxSettings) -> Self:
        """The limits of a tool's calls. CPU time is what counts for a tool; on a busy machine it has to wait for it."""
        return cls(cpu_seconds=settings.answer_s, wall_seconds=WAITING * settings.answer_s)


class Status(StrEnum):
    """The way in which a call of generated code ended."""

    OK = "ok"
    ERROR = "error"  # it raised, or returned what is not JSON
    TIMEOUT = "timeout"  # CPU or wall time
    MEMORY = "memory"
    OUTPUT = "output"  # its result or its prints were too large
    KILLED = "killed"  # it ended its own process, or the kernel did


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The outcome of one call.

    `value` is the JSON value returned (only when `status` is OK); `error` says what happened otherwise, in a form
    that can be shown to the maker (exception type, message and line of the generated source).
    """

    status: Status
    value: JSON = None
    error: str = ""
    printed: str = ""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return self.status is Status.OK


class Process(Protocol):
    """A confined process (or interpreter) of one generated program. What a call leaves in it, the next one finds."""

    async def call(self, function: str, arguments: Mapping[str, JSON]) -> Outcome:
        """Call `function(**arguments)`. The CPU seconds of its outcome are known only if it ended the process.

        After a call that did, every further one has the same outcome. Raises `SandboxError` if the sandbox itself is
        broken.
        """
        ...


class Sandbox(Protocol):
    """Runs functions of generated programs, confined, each call in a fresh process (or interpreter)."""

    @property
    def name(self) -> str:
        """The backend: `sandlock`, `bubblewrap` or `monty`."""
        ...

    async def call(
        self,
        program: str,
        function: str,
        arguments: Mapping[str, JSON],
        *,
        limits: Limits | None = None,
        hash_seed: int = 0,
    ) -> Outcome:
        """Call `function(**arguments)` of the module source `program`.

        Without `limits` it has those of a tool that answers. `hash_seed` chooses the string-hash seed of the
        interpreter and the seed of `random` (0 or 1), so that a caller can ask for the same value twice and see whether
        it depends on set order or on chance. Raises `SandboxError` if the sandbox itself is broken.
        """
        ...

    def process(
        self, program: str, *, limits: Limits | None = None, hash_seed: int = 0
    ) -> AbstractAsyncContextManager[Process]:
        """A process for several calls of `program` that belong together: the module runs once, before the first."""
        ...

    async def aclose(self) -> None: ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...
