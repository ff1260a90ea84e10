"""A gateway with its pages, somebody who looks at them without a key, and a browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from hammerstone.sandbox import Sandbox

from ..sums import Served, open_gateway
from .desk import CHROMIUM
from .looking import Person, person


@pytest.fixture
async def served(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Served]:
    """Its settings name no maker."""
    async with open_gateway(tmp_path / "home", sandbox) as one:
        yield one


@pytest.fixture
async def me(served: Served) -> AsyncIterator[Person]:
    async with person(served) as one:
        yield one


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()
