"""The shape of a hostile program, and the place outside from which its success would be seen."""

from __future__ import annotations

import os
import platform
import secrets
import socket
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from hammerstone.sandbox.contract import Limits, Outcome, Status
from hammerstone.sandbox.cpython import WORKER_ENDED

if TYPE_CHECKING:
    from hammerstone.types import JSON

__all__ = ["LIMITS", "NO_ARGUMENTS", "Attack", "Outside"]

LIMITS = Limits(cpu_seconds=0.3, wall_seconds=0.8, memory_bytes=256 * 1024**2, output_bytes=64 * 1024)

ESCAPED = "escaped"
NO_ARGUMENTS: Callable[[Outside], dict[str, JSON]] = lambda _outside: {}  # noqa: E731 - a value, not a function of ours


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One hostile program and one property that it would break.

    Its functions named in `steps` are called in order, each in a call of its own (a step `name@1` with hash seed 1).
    Where they are `concurrent`, all run at the same time, each by a worker of its own if there are as many. A step
    that returns or prints a text starting with "escaped" has succeeded; one that raises has not. `ends` are the
    only ways in which the last step may end, where there is such a demand; `check` sees all outcomes and says what is
    wrong with them, or nothing. Both ask nothing of an interpreter of a subset that refuses the program, nor, where
    they are about how CPython does a thing (`cpython`), of any other interpreter.
    """

    name: str
    description: str
    program: str
    arguments: Callable[[Outside], dict[str, JSON]] = NO_ARGUMENTS
    steps: tuple[str, ...] = ("attack",)
    ends: frozenset[Status] = frozenset(Status)
    check: Callable[[Sequence[Outcome]], str] = lambda _outcomes: ""
    cpython: bool = False
    concurrent: bool = False

    def verdict(self, outcomes: Sequence[Outcome], outside: Outside, *, subset: bool) -> str:
        """Why the property is broken, or the empty string. `subset`: the sandbox may refuse what it lacks."""
        for outcome in outcomes:
            shown = f"{outcome.value!r}{outcome.printed}{outcome.error}"
            if str(outcome.value).startswith(ESCAPED) or outcome.printed.startswith(ESCAPED):
                return f"{outcome.value or outcome.printed}"[:200]
            if outside.secret in shown:
                return "the secret outside came back"
            if outcome.error == WORKER_ENDED:
                return "the worker did not survive it"
        last = outcomes[-1]
        refused = subset and (self.cpython or last.status is Status.ERROR)
        if last.status not in self.ends and not refused:
            return f"ended as {last.status} ({last.error[:120]}), not as {' or '.join(sorted(self.ends))}"
        return outside.seen() or ("" if refused else self.check(outcomes))


class Outside:
    """A secret file, a folder and listening sockets that generated code must not reach; `seen()` says what it did.

    `worker` is the process id of one of the sandbox's workers (0 where there is none to be found).
    """

    def __init__(self, worker: int = 0) -> None:
        self.worker = worker
        self.secret = secrets.token_hex(16)
        self.machine = platform.machine()
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self.folder = Path(self._open.enter_context(tempfile.TemporaryDirectory(prefix="outside-")))
        self.folder.chmod(0o777)
        self.file = self.folder / "secret"
        self.file.write_text(self.secret)
        self.file.chmod(0o666)
        self._mark = self._state()
        self.tcp = self._bound(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
        self.udp = self._bound(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0))
        self.unix = self._bound(socket.AF_UNIX, socket.SOCK_STREAM, str(self.folder / "socket"))
        self.abstract_name = f"hammerstone-{secrets.token_hex(4)}"
        self.abstract = self._bound(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{self.abstract_name}")
        return self

    def __exit__(self, *exc: object) -> None:
        self._open.close()

    def _bound(self, family: int, kind: int, address: object) -> socket.socket:
        bound = self._open.enter_context(socket.socket(family, kind))
        bound.bind(address)  # type: ignore[arg-type] - each family has its own shape of address
        bound.setblocking(False)
        if kind == socket.SOCK_STREAM:
            bound.listen()
        return bound

    def _state(self) -> tuple[object, ...]:
        of = self.file.stat()
        return self.file.read_text(), of.st_mode, of.st_mtime_ns, of.st_nlink, of.st_uid

    def seen(self) -> str:
        """The traces that generated code left outside, or the empty string."""
        if not self.file.exists() or self._state() != self._mark:
            return "the file outside was changed"
        others = {name for name in os.listdir(self.folder) if name not in ("secret", "socket")}  # noqa: PTH208 - names
        if others:
            return f"{sorted(others)} appeared outside"
        for name, listener in (("TCP", self.tcp), ("Unix", self.unix), ("abstract", self.abstract)):
            with suppress(BlockingIOError):
                listener.accept()[0].close()
                return f"a {name} connection arrived"
        with suppress(BlockingIOError):
            self.udp.recv(1)
            return "a datagram arrived"
        return ""
