"""Choosing a backend: by name or the first that *proves* itself, and none rather than one that does not.

A backend is chosen by what it does, not by what is installed: it must run a call and return its value, and the same
program must fail to read a file that this process has just put outside, to open a socket and to start a process.
"""

from __future__ import annotations

import secrets
import tempfile
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hammerstone.errors import SandboxError, SettingsError
from hammerstone.sandbox.contract import Limits, Status
from hammerstone.settings import SandboxSettings

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from contextlib import AbstractAsyncContextManager

    from hammerstone.sandbox.backends.monty import MontySandbox
    from hammerstone.sandbox.contract import Outcome, Sandbox
    from hammerstone.sandbox.cpython import CPythonSandbox

__all__ = ["BACKENDS", "BackendReport", "open_sandbox", "survey"]

BACKENDS = ("sandlock", "bubblewrap", "monty")  # strongest first

HINT = (
    "install one: `pip install sandlock` (Linux 6.12 or later, no root needed), "
    "bubblewrap (for example `apt install bubblewrap`), or `pip install pydantic-monty`; "
    "`hammerstone doctor` says what each lacks"
)

PROBE = """
def add(a, b):
    return a + b

def read(path):
    with open(path) as file:
        return file.read()

def connect():
    import _socket
    return _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM).fileno()

def start():
    import os
    if os.fork() == 0:
        os._exit(0)
    return "started"
"""
PROBE_LIMITS = Limits(cpu_seconds=2.0, wall_seconds=5.0)


@dataclass(frozen=True, kw_only=True)
class BackendReport:
    """Whether one backend works on this machine; `reason` says why, or why not."""

    name: str
    available: bool
    reason: str
    not_covered: tuple[str, ...]


def open_sandbox(
    backend: str = "auto", workers: int = 2, *, settings: SandboxSettings | None = None
) -> AbstractAsyncContextManager[Sandbox]:
    """A proved sandbox: `async with open_sandbox() as sandbox: ...`.

    `backend` is `auto` (the first of sandlock, bubblewrap, monty that proves itself) or one of these names; `workers`
    is how many calls run at the same time, each within the `settings`. Raises `SandboxError`, saying what to install,
    when there is none.
    """
    return _opened(backend, workers, Limits.for_answers(settings or SandboxSettings()))


@asynccontextmanager
async def _opened(backend: str, workers: int, limits: Limits) -> AsyncGenerator[Sandbox]:
    sandbox = await _choose(backend, workers, limits)
    try:
        yield sandbox
    finally:
        await sandbox.aclose()


async def survey() -> tuple[BackendReport, ...]:
    """Prove every backend, one after another, and report on each; raises nothing for one that fails."""
    return tuple([await _report(name) for name in BACKENDS])


async def _report(name: str) -> BackendReport:
    try:
        sandbox = await _proved(name, 1, Limits())
    except SandboxError as error:
        reason = f"{error.message}; {error.hint}" if error.hint else error.message
        return BackendReport(name=name, available=False, reason=reason, not_covered=_not_covered(name))
    await sandbox.aclose()
    reason = "ran a call, and kept it from a file, a socket and a process"
    return BackendReport(name=name, available=True, reason=reason, not_covered=_not_covered(name))


async def _choose(backend: str, workers: int, limits: Limits) -> Sandbox:
    if backend in BACKENDS:
        return await _proved(backend, workers, limits)
    if backend != "auto":
        raise SettingsError(f"there is no sandbox {backend!r}", hint=f"one of: auto, {', '.join(BACKENDS)}")
    failures: list[str] = []
    for name in BACKENDS:
        try:
            return await _proved(name, workers, limits)
        except SandboxError as error:
            failures.append(f"{name}: {error.message}")
    raise SandboxError(f"no sandbox works on this machine ({'; '.join(failures)})", hint=HINT)


async def _proved(name: str, workers: int, limits: Limits) -> Sandbox:
    """The backend, started and proved. Raises `SandboxError`; nothing of it is then left running."""
    try:
        return await _started(name, workers, limits)
    except OSError as error:  # a disk that is full, no descriptors left
        raise SandboxError(f"{name} cannot be proved: {error}") from error


async def _started(name: str, workers: int, limits: Limits) -> Sandbox:
    sandbox = await _make(name, workers, limits)
    try:
        await sandbox.__aenter__()
        await _prove(sandbox)
    except BaseException:
        await sandbox.aclose()
        raise
    sandbox.rest()  # one worker of the proof has loaded everything, and nobody needs it again
    return sandbox


async def _make(name: str, workers: int, limits: Limits) -> CPythonSandbox | MontySandbox:
    # One import for each branch: a backend's library is loaded only when that backend is tried.
    if name == "monty":
        from hammerstone.sandbox.backends.monty import MontySandbox

        return MontySandbox(workers=workers, limits=limits)
    from hammerstone.sandbox.cpython import CPythonSandbox

    if name == "bubblewrap":
        from hammerstone.sandbox.backends import bubblewrap

        return CPythonSandbox(await bubblewrap.launch(), workers=workers, limits=limits)
    from hammerstone.sandbox.backends import sandlock

    return CPythonSandbox(await sandlock.launch(), workers=workers, limits=limits)


def _not_covered(name: str) -> tuple[str, ...]:
    from hammerstone.sandbox.backends import bubblewrap, monty, sandlock

    return {"sandlock": sandlock, "bubblewrap": bubblewrap, "monty": monty}[name].NOT_COVERED


async def _prove(sandbox: Sandbox) -> None:
    sums = await sandbox.call(PROBE, "add", {"a": 20, "b": 22}, limits=PROBE_LIMITS)
    if sums.value != 42:
        raise SandboxError(f"{sandbox.name} cannot run a call: {sums.error or sums.value}", hint=HINT)
    with _file_outside() as path:
        read = await sandbox.call(PROBE, "read", {"path": path}, limits=PROBE_LIMITS)
    _refuse_unless_held(sandbox.name, "reads a file outside", read)
    connected = await sandbox.call(PROBE, "connect", {}, limits=PROBE_LIMITS)
    _refuse_unless_held(sandbox.name, "opens a socket", connected)
    started = await sandbox.call(PROBE, "start", {}, limits=PROBE_LIMITS)
    _refuse_unless_held(sandbox.name, "starts a process", started)


@contextmanager
def _file_outside() -> Generator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "outside")
        path.write_text(secrets.token_hex())
        yield str(path)


def _refuse_unless_held(name: str, what: str, outcome: Outcome) -> None:
    if outcome.status is not Status.ERROR:
        raise SandboxError(f"{name} does not confine: generated code {what} ({outcome.status})", hint=HINT)
