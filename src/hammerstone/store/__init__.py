"""Where everything is kept, apart for each tenant: SQLite files in the home folder, or PostgreSQL by URL.

SQLAlchemy takes a third of a second to import, so it comes with the first store that is opened, not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.store.opening import open_store, open_stores
from hammerstone.store.owner import this_process
from hammerstone.store.summaries import LedgerRow, MeanCall, RouteRow

if TYPE_CHECKING:
    from hammerstone.store.store import Store
    from hammerstone.store.tenants import Stores

__all__ = ["LedgerRow", "MeanCall", "RouteRow", "Store", "Stores", "open_store", "open_stores", "this_process"]


def __getattr__(name: str) -> object:
    if name == "Store":
        from hammerstone.store.store import Store

        return Store
    if name == "Stores":
        from hammerstone.store.tenants import Stores

        return Stores
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
