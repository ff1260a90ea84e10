"""The stores of one home: the default tenant's, and one apart for each other tenant.

A tenant's rows are in a file or a schema of their own, so no query can meet those of another. The default tenant's
store is the one that every home has had; beside its own rows it holds the names of the others, and the gateway's keys.
"""

from __future__ import annotations

import copy
import re
from collections import defaultdict
from contextlib import ExitStack
from threading import Lock
from typing import TYPE_CHECKING, Self

from sqlalchemy import select

from hammerstone.digests import sha256
from hammerstone.errors import NotFoundError
from hammerstone.store import schema
from hammerstone.store.database import insert_new, timestamp
from hammerstone.store.keeping import ALL
from hammerstone.store.keys import Keys
from hammerstone.store.opening import opened

if TYPE_CHECKING:
    from hammerstone.store.acts import Act
    from hammerstone.store.database import Database
    from hammerstone.store.keeping import Keeping
    from hammerstone.store.store import Store

__all__ = ["DEFAULT", "Stores"]

DEFAULT = ""  # the tenant of requests that name none
LISTED = 10  # names in a hint
SHOWN = 40  # characters of a name in an error
READABLE = 16  # characters of a name that its file shows; PostgreSQL's names have 63 at most

_TENANTS = schema.tenants


class Stores:
    """Made by `open_stores`. Safe to use from any thread. `keys` are those of the gateway, for all tenants."""

    def __init__(self, database: Database, keeping: Keeping = ALL) -> None:
        self._database = database
        self._keeping = keeping
        self._lock = Lock()
        self._opening: defaultdict[str, Lock] = defaultdict(Lock)
        self._exits = ExitStack()
        self._stores = {DEFAULT: self._kept_open(database)}
        self._act: Act | None = None
        self.keys = Keys(database)

    def by(self, act: Act) -> Stores:
        """The same stores, for one act of a person: see `Store.by`."""
        other = copy.copy(self)
        other._act, other.keys = act, self.keys.by(act)
        return other

    def of(self, tenant: str) -> Store:
        """The store of a tenant, made if it is not there, and kept open. A tenant may have any name.

        Raises `StoreError`.
        """
        with self._lock:
            opening = self._opening[tenant]
        with opening:  # a database that hangs keeps nobody else waiting
            if tenant not in self._stores:
                key = self._key(tenant)
                if not self._is_known(key):
                    self._add(key, tenant)
                self._stores[tenant] = self._kept_open(self._database.apart(key))
            store = self._stores[tenant]
        return store if self._act is None else store.by(self._act)

    def known(self, tenant: str) -> Store:
        """The store of a tenant, like `of`, but raises `NotFoundError` for a tenant that has no store yet."""
        if tenant not in self._stores and not self._is_known(self._key(tenant)):
            names = [_brief(name) for name in self.tenants()[1 : LISTED + 1]]
            hint = f"there are {', '.join(names)}" if names else "no request has named a tenant yet"
            raise NotFoundError(f"{self._database.where} has no tenant {_brief(tenant)}", hint=hint)
        return self.of(tenant)

    def tenants(self) -> tuple[str, ...]:
        """The default tenant, and the others in the order in which they came."""
        with self._database.read() as connection:
            names = connection.execute(select(_TENANTS.c.name).order_by(_TENANTS.c.id)).scalars()
            return (DEFAULT, *names)

    def close(self) -> None:
        self._exits.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _key(self, tenant: str) -> str:
        """The tenant's first letters, for people, and a digest: no two names share a key in any file system.

        The digest covers where the home is in its folder or its database, so that two homes in one place stay apart.
        """
        readable = re.sub("[^a-z0-9]+", "_", tenant.lower())[:READABLE].strip("_")
        digest = sha256(f"{self._database.name}\0{tenant}")[:32]
        return f"{readable}_{digest}" if readable else digest

    def _is_known(self, key: str) -> bool:
        with self._database.read() as connection:
            return connection.execute(select(_TENANTS.c.id).where(_TENANTS.c.key == key)).first() is not None

    def _add(self, key: str, tenant: str) -> None:
        """Store a tenant's name, before its store is made: a crash between leaves an empty tenant, no lost one."""
        with self._database.write() as connection:
            insert_new(connection, _TENANTS, {"key": key, "name": tenant, "created": timestamp()})

    def _kept_open(self, database: Database) -> Store:
        store = opened(database, self._keeping)
        self._exits.callback(store.close)
        return store


def _brief(name: str) -> str:
    return repr(name if len(name) <= SHOWN else f"{name[:SHOWN]}...")
