"""What is older than the settings allow goes, beside the traffic: prompts and answers, not figures."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import anyio
from anyio import to_thread

from hammerstone.errors import StoreError
from hammerstone.faults import LogReporter, Reporter, place_of
from hammerstone.store import Purged, Selection, Stores, timestamp

__all__ = ["Keeper"]

INTERVAL = 3_600.0  # seconds between two looks
DAY = 86_400.0

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Keeper:
    """Looks after the stores of all tenants. Without `keep_days` it has nothing to do."""

    def __init__(self, stores: Stores, keep_days: int | None, reporter: Reporter | None = None) -> None:
        self._stores = stores
        self._keep_days = keep_days
        self._reporter = reporter or LogReporter()
        self._closing = anyio.Event()

    async def run(self) -> None:
        """Purge until `close` is called; a purge under way then ends with its batch."""
        while self._keep_days is not None and not self._closing.is_set():
            await self.purge(self._keep_days)
            with anyio.move_on_after(INTERVAL):
                await self._closing.wait()

    def close(self) -> None:
        self._closing.set()

    async def purge(self, keep_days: int) -> None:
        """Whatever goes wrong is reported and tried again the next time, and keeps no other tenant's text."""
        selection = Selection(before=timestamp(seconds_ahead=-DAY * keep_days))
        tenants = await self._reported(self._stores.tenants)
        for tenant in tenants or ():
            if not self._closing.is_set():
                await self._reported(lambda tenant=tenant: self._purge(tenant, selection), tenant)

    async def _reported(self, work: Callable[[], T], tenant: str | None = None) -> T | None:
        try:
            done = await to_thread.run_sync(work)
        except StoreError as error:
            self._reporter.failed(error, tenant)
            return None
        except Exception as error:
            _log.error("what is too old is not removed: %s", place_of(error))
            return None
        self._reporter.works(tenant)
        return done

    def _purge(self, tenant: str, selection: Selection) -> None:
        store = self._stores.of(tenant)
        purged = store.purge(selection, ends=self._closing.is_set)
        if purged != Purged():
            store.give_back()
            _log.info("removed what was older than %s: %s", selection.before, purged)
