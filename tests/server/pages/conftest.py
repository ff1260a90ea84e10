"""A gateway with its pages, and somebody who looks at them without a key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hammerstone.sandbox import Sandbox

from ..sums import Served, open_gateway
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
