"""The stores that a command works on."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    from hammerstone.store import Act, Store, Stores

__all__ = ["by_hand", "open_home", "open_homes"]


@contextmanager
def open_home(home: str | None, tenant: str = "", act: Act | None = None) -> Generator[Store]:
    """The tenant's store of `--home`, of `HAMMERSTONE_HOME`, or of the user's data folder.

    What is changed through it is noted as `act`. Raises `NotFoundError` for a tenant that has none.
    """
    with open_homes(home, act) as stores:
        yield stores.known(tenant)


@contextmanager
def open_homes(home: str | None, act: Act | None = None) -> Generator[Stores]:
    """The stores of all tenants."""
    from hammerstone.environment import default_home
    from hammerstone.store import open_stores

    with open_stores(home or default_home()) as stores:
        yield stores if act is None else stores.by(act)


def by_hand(what: str, about: str = "") -> Act:
    """An act of whoever runs the command. `what` is the name that the same action has in the administration."""
    import getpass
    import os

    from hammerstone.store import Act

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # of a container: a number without a name
        user = str(os.getuid())
    return Act(who=f"{user} (command line)", what=what, about=about)
