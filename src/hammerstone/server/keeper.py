"""What is older than the settings allow goes, beside the traffic: prompts and answers, not figures."""

from __future__ import annotations

import logging

import anyio
from anyio import to_thread

from hammerstone.faults import reason_of
from hammerstone.store import Stores
from hammerstone.store.database import timestamp
from hammerstone.store.purging import Selection

__all__ = ["Keeper"]

INTERVAL = 3_600.0  # seconds between two looks
DAY = 86_400.0

_log = logging.getLogger(__name__)


class Keeper:
    """Looks after the stores of all tenants. Without `keep_days` it has nothing to do."""

    def __init__(self, stores: Stores, keep_days: int | None) -> None:
        self._stores = stores
        self._keep_days = keep_days
        self._closing = anyio.Event()

    async def run(self) -> None:
        """Until `close` is called; a purge under way then ends with its batch."""
        while self._keep_days is not None and not self._closing.is_set():
            await self.purge(self._keep_days)
            with anyio.move_on_after(INTERVAL):
                await self._closing.wait()

    def close(self) -> None:
        self._closing.set()

    async def purge(self, keep_days: int) -> None:
        """Whatever goes wrong is logged and tried again the next time, and keeps no other tenant's text."""
        selection = Selection(before=timestamp(seconds_ahead=-DAY * keep_days))
        try:
            tenants = await to_thread.run_sync(self._stores.tenants)
        except Exception as error:
            _log.error("what is older than %d days is not removed: %s", keep_days, reason_of(error))
            return
        for tenant in tenants:
            if self._closing.is_set():
                return
            try:
                await to_thread.run_sync(self._purge, tenant, selection)
            except Exception as error:
                _log.error("what is older than %d days is not removed: %s", keep_days, reason_of(error))

    def _purge(self, tenant: str, selection: Selection) -> None:
        store = self._stores.of(tenant)
        purged = store.purge(selection, ends=self._closing.is_set)
        if purged != type(purged)():
            store.give_back()
            _log.info("removed what was older than %s: %s", selection.before, purged)
