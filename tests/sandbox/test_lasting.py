"""A sandbox that has failed is opened again, and nobody waits for a dead one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import pytest

from hammerstone.errors import SandboxError
from hammerstone.sandbox import Outcome, Sandbox, Status
from hammerstone.sandbox.lasting import open_lasting
from hammerstone.testing import FakeSandbox, SandboxCall

pytestmark = pytest.mark.anyio

FINE = Outcome(status=Status.OK, value=1)


@dataclass
class Told:
    """A reporter."""

    failures: list[str] = field(default_factory=list)
    works_again: anyio.Event = field(default_factory=anyio.Event)

    def failed(self, error: Exception, tenant: str | None = None) -> None:
        del tenant
        self.failures.append(str(error))

    def works(self, tenant: str | None = None) -> None:
        del tenant
        self.works_again.set()


@dataclass
class Backend:
    """Opens sandboxes that are dead while `dead`, and cannot be opened so many times."""

    dead: bool = False
    cannot_open: int = 0
    opened: list[FakeSandbox] = field(default_factory=list)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Sandbox]:
        if self.cannot_open:
            self.cannot_open -= 1
            raise SandboxError("no worker starts")

        def call(_: SandboxCall) -> Outcome:
            if self.dead:
                raise SandboxError("the worker is gone")
            return FINE

        async with FakeSandbox(call) as sandbox:
            self.opened.append(sandbox)
            yield sandbox


async def ask(sandbox: Sandbox) -> Outcome:
    return await sandbox.call("", "solve", {})


async def test_a_sandbox_that_failed_is_opened_again_until_it_works() -> None:
    backend, told = Backend(), Told()
    async with open_lasting(backend.open, told, first_s=0.001) as sandbox:
        assert await ask(sandbox) == FINE
        backend.dead, backend.cannot_open = True, 2
        with pytest.raises(SandboxError, match="the worker is gone"):
            await ask(sandbox)
        backend.dead = False
        with anyio.fail_after(10):
            await told.works_again.wait()
        assert await ask(sandbox) == FINE
    assert told.failures == ["the worker is gone", "no worker starts", "no worker starts"]
    assert [one.closed for one in backend.opened] == [True, True]


async def test_while_there_is_none_each_call_fails_at_once() -> None:
    backend, told = Backend(dead=True), Told()
    async with open_lasting(backend.open, told, first_s=60) as sandbox:
        with pytest.raises(SandboxError, match="gone"):
            await ask(sandbox)
        with pytest.raises(SandboxError, match="is being opened again"):
            await ask(sandbox)
    assert told.failures == ["the worker is gone"]


async def test_calls_under_way_end_with_the_sandbox() -> None:
    told = Told()
    ended: list[str] = []

    class Hangs(FakeSandbox):
        async def call(self, *call: object, **_: object) -> Outcome:  # pyright: ignore[reportIncompatibleMethodOverride]
            if "dies" in call:
                raise SandboxError("the worker is gone")
            await anyio.sleep_forever()
            raise AssertionError

    @asynccontextmanager
    async def opening() -> AsyncGenerator[Sandbox]:
        yield Hangs({})

    async def waits(sandbox: Sandbox) -> None:
        try:
            await ask(sandbox)
        except SandboxError as error:
            ended.append(error.message)

    async with open_lasting(opening, told, first_s=60) as sandbox, anyio.create_task_group() as group:
        group.start_soon(waits, sandbox)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(SandboxError, match="gone"):
            await sandbox.call("", "dies", {})
    assert ended == ["the sandbox failed during this call"]


async def test_a_first_opening_that_fails_is_an_error() -> None:
    with pytest.raises(SandboxError, match="no worker starts"):
        async with open_lasting(Backend(cannot_open=1).open, Told()):
            raise AssertionError
