"""Sandboxes to test: every backend that works here, and a worker without confinement to show that tests can fail."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hammerstone.errors import SandboxError
from hammerstone.sandbox import Limits, open_sandbox
from hammerstone.sandbox.choose import BACKENDS
from hammerstone.sandbox.cpython import CPythonSandbox
from hammerstone.sandbox.interpreter import find_interpreter
from hammerstone.sandbox.process import Launch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hammerstone.sandbox import Sandbox

CPYTHON = tuple(name for name in BACKENDS if name != "monty")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


async def _open(backend: str) -> AsyncIterator[Sandbox]:
    try:
        opened = open_sandbox(backend)
        sandbox = await opened.__aenter__()
    except SandboxError as error:
        if backend in os.environ.get("HAMMERSTONE_TEST_SANDBOXES", "").split():
            raise  # it works here, so it is we who have broken it
        pytest.skip(error.message)
    yield sandbox
    await opened.__aexit__(None, None, None)


@pytest.fixture(scope="module", params=BACKENDS)
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    async for opened in _open(request.param):
        yield opened


@pytest.fixture(scope="module", params=CPYTHON)
async def cpython(request: pytest.FixtureRequest) -> AsyncIterator[Sandbox]:
    async for opened in _open(request.param):
        yield opened


@pytest.fixture(scope="module")
async def unconfined() -> AsyncIterator[Sandbox]:
    """The same worker with no confinement around it and an empty filter: what the others are compared with."""
    interpreter = await find_interpreter()
    command = ["/usr/bin/env", "LEAKED=from-the-host", *interpreter.command]
    launch = Launch(name="unconfined", command=lambda _seed: command, filter=b"", zones=interpreter.zones)
    async with CPythonSandbox(launch, workers=2, limits=Limits()) as opened:
        yield opened
