"""The store that a command works on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hammerstone.latm.store import Store

__all__ = ["open_home"]


def open_home(home: str | None) -> Store:
    """The store of `--home`, of `HAMMERSTONE_HOME`, or of the user's data folder."""
    from hammerstone.latm.store import open_store
    from hammerstone.settings import default_home

    return open_store(home or default_home())
