"""The store that a command works on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hammerstone.store import Store

__all__ = ["open_home"]


def open_home(home: str | None) -> Store:
    """The store of `--home`, of `HAMMERSTONE_HOME`, or of the user's data folder."""
    from hammerstone.environment import default_home
    from hammerstone.store import open_store

    return open_store(home or default_home())
