"""What the tests of several packages share."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, find, settings
from hypothesis import strategies as st

from hammerstone.sandbox import Sandbox, open_sandbox
from hammerstone.store import Store, open_store

# The load of the machine and luck decide no test: nothing here measures time, and each run draws the same examples.
settings.register_profile(
    "hammerstone",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("hammerstone")


@pytest.fixture(scope="session", autouse=True)
def known_characters() -> None:
    """Hypothesis tabulates Unicode at its first text in a fresh clone, for seconds: not within somebody's test."""
    find(st.text(), lambda _: True)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def sandbox(anyio_backend: str) -> AsyncIterator[Sandbox]:
    """This machine's own sandbox, one for all tests of a module: each call has a process of its own anyway.

    Not one for the whole session: anyio's plugin would keep its event loop for as long, and no other could be started.
    """
    del anyio_backend  # asked for, so that the sandbox lives in the event loop of the tests
    async with open_sandbox() as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "home") as opened:
        yield opened


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no Chromium here: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()
