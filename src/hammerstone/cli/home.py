"""The store that a command works on."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    from hammerstone.store import Store

__all__ = ["open_home"]


@contextmanager
def open_home(home: str | None, tenant: str = "") -> Generator[Store]:
    """The tenant's store of `--home`, of `HAMMERSTONE_HOME`, or of the user's data folder.

    Raises `NotFoundError` for a tenant that has none.
    """
    from hammerstone.environment import default_home
    from hammerstone.store import open_stores

    with open_stores(home or default_home()) as stores:
        yield stores.known(tenant)
