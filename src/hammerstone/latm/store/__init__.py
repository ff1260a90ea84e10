"""Where everything is kept: a SQLite file in the home folder, or PostgreSQL by URL.

SQLAlchemy takes a third of a second to import, so it comes with `open_store`'s first call and with `Store`, not here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.latm.store.figures import LedgerRow, MeanCall, RouteRow
from hammerstone.latm.store.opening import open_store
from hammerstone.latm.store.owner import this_process

if TYPE_CHECKING:
    from hammerstone.latm.store.store import Store

__all__ = ["LedgerRow", "MeanCall", "RouteRow", "Store", "open_store", "this_process"]


def __getattr__(name: str) -> object:
    if name == "Store":
        from hammerstone.latm.store.store import Store

        return Store
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
