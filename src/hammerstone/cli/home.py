"""The stores that a command works on."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from hammerstone.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Generator

    from hammerstone.store import Act, Store, Stores

__all__ = ["by_hand", "open_home", "open_homes"]


@contextmanager
def open_home(home: str | None, tenant: str = "", act: Act | None = None, *, new: bool = False) -> Generator[Store]:
    """The tenant's store of `--home`, of `HAMMERSTONE_HOME`, or of the user's data folder.

    What is changed through it is noted as `act`. Raises `NotFoundError` for a tenant that has none, and for a home that
    is not there, unless it may be `new`.
    """
    with open_homes(home, act, new=new) as stores:
        yield stores.known(tenant)


@contextmanager
def open_homes(home: str | None, act: Act | None = None, *, new: bool = False) -> Generator[Stores]:
    """The stores of all tenants. Raises `NotFoundError` for a home that is not there, unless it may be `new`."""
    from hammerstone.environment import default_home
    from hammerstone.store import open_stores

    where = home or default_home()
    if not new and not _is_there(where):
        raise NotFoundError(f"there is no home at {where}", hint="--home or HAMMERSTONE_HOME names one that there is")
    with open_stores(where) as stores:
        yield stores if act is None else stores.by(act)


def _is_there(home: str) -> bool:
    """Whether a folder holds a home. What is a URL, or cannot be looked into, is found out when it is opened."""
    from hammerstone.paths import expanded
    from hammerstone.store import DATABASE_FILE

    folder = expanded(home)
    try:
        return "://" in home or folder.is_file() or (folder / DATABASE_FILE).exists()
    except OSError:
        return True


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
