"""Where everything is kept: a SQLite file in the home folder, or PostgreSQL by URL.

SQLAlchemy takes a third of a second to import, so it comes with `open_store`'s first call and with `Store`, not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.store.opening import open_store
from hammerstone.store.owner import this_process
from hammerstone.store.summaries import LedgerRow, MeanCall, RouteRow

if TYPE_CHECKING:
    from hammerstone.store.store import Store

__all__ = ["LedgerRow", "MeanCall", "RouteRow", "Store", "open_store", "this_process"]


def __getattr__(name: str) -> object:
    if name == "Store":
        from hammerstone.store.store import Store

        return Store
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
