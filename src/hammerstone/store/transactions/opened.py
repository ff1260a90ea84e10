"""What all transactions need: the open database, and which text may be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.store.keeping import ALL

if TYPE_CHECKING:
    from hammerstone.store.database import Database
    from hammerstone.store.keeping import Keeping

__all__ = ["Opened"]


class Opened:
    """A database that is open."""

    def __init__(self, database: Database, keeping: Keeping = ALL) -> None:
        self._database = database
        self.keeping = keeping
