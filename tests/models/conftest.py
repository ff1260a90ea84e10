from __future__ import annotations

from collections.abc import Iterator

import pytest
import stamina

from .local_provider import LocalProvider


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def no_waits() -> Iterator[None]:
    """Retries happen at once; how many is still up to the code."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.fixture
def provider() -> Iterator[LocalProvider]:
    local = LocalProvider()
    yield local
    local.close()
