"""Tools in a home where they are live, as the loop's own routes need them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable

from anyio import to_thread

from hammerstone.routes import Catalog
from hammerstone.store import open_store
from hammerstone.tools import Tool

__all__ = ["catalog_of"]


async def catalog_of(tools: Iterable[Tool]) -> Catalog:
    """The catalog of a home with these tools and nothing else; it holds them in memory."""
    with tempfile.TemporaryDirectory() as folder, open_store(folder) as store:
        for tool in tools:
            await to_thread.run_sync(store.publish, tool)
        catalog = Catalog(store)
        await catalog.refresh()
    return catalog
