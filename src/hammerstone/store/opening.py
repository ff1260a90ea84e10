"""Opening a store: find the database, connect, bring its tables up to date."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hammerstone.errors import SettingsError, StoreError
from hammerstone.paths import expanded
from hammerstone.private_files import make_private_folder, open_private

if TYPE_CHECKING:
    from sqlalchemy import URL

    from hammerstone.store.database import Database
    from hammerstone.store.keeping import Keeping
    from hammerstone.store.store import Store
    from hammerstone.store.tenants import Stores

__all__ = ["DATABASE_FILE", "database_url", "open_store", "open_stores", "opened"]

DATABASE_FILE = "hammerstone.db"


def open_store(where: str | Path) -> Store:
    """Open the default tenant's store in a home folder, or at a `postgresql://` or `sqlite:///` URL, made if missing.

    A new home folder or database file is readable by its owner alone. Raises `StoreError` for a database that cannot
    be used, `SettingsError` for a URL that cannot be.
    """
    from hammerstone.store.database import Database

    return opened(Database(database_url(where)))


def open_stores(where: str | Path, *, keeping: Keeping | None = None) -> Stores:
    """The stores of all tenants of a home, which is named as for `open_store`; that of the default tenant is opened.

    `keeping` says how much of texts they keep: by default, all. Raises `StoreError` and `SettingsError`.
    """
    from hammerstone.store.database import Database
    from hammerstone.store.keeping import ALL
    from hammerstone.store.tenants import Stores

    return Stores(Database(database_url(where)), keeping or ALL)


def opened(database: Database, keeping: Keeping | None = None) -> Store:
    """The store in this database, whose tables are made or brought up to date."""
    from hammerstone.store.keeping import ALL
    from hammerstone.store.migrate import migrate
    from hammerstone.store.store import Store

    try:
        migrate(database)
    except BaseException:
        database.close()
        raise
    return Store(database, keeping or ALL)


def database_url(where: str | Path) -> URL:
    """The URL of the database; a home folder is made if it is not there, and the database's file in it."""
    from sqlalchemy import URL

    if isinstance(where, str) and "://" in where:
        return _checked_url(where)
    return URL.create("sqlite+pysqlite", database=str(_prepared_home(Path(where)) / DATABASE_FILE))


def _checked_url(text: str) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise _unusable() from None
    drivers = {"postgresql": "psycopg", "sqlite": "pysqlite"}
    backend, _, driver = url.drivername.partition("+")
    if backend not in drivers or driver not in ("", drivers[backend]):
        raise _unusable()
    if backend == "sqlite" and url.database in (None, "", ":memory:"):  # each thread would see a database of its own
        raise _unusable()
    if "@" in (url.host or ""):  # the rest of a password, which would be shown as the host's name
        raise _unusable()
    if backend == "sqlite" and "uri" not in url.query:
        url = url.set(database=str(expanded(url.database or "")))
        with suppress(OSError):  # SQLite itself says what is wrong with the path
            open_private(Path(url.database or ""), "ab").close()
    return url.set(drivername=f"{backend}+{drivers[backend]}")


def _unusable() -> SettingsError:
    """Does not quote the URL: it may hold a password."""
    return SettingsError(
        "this database URL cannot be used",
        hint="name a folder, postgresql://user@host/database (an @ in a password is %40), or sqlite:////folder/file.db",
    )


def _prepared_home(home: Path) -> Path:
    """The home folder, made if missing, with the database file in it that only its owner can read."""
    try:
        home = expanded(home).absolute()
        make_private_folder(home)
        open_private(home / DATABASE_FILE, "ab").close()
    except (FileExistsError, NotADirectoryError):
        raise StoreError(f"{home} is not a folder", hint="name another with --home or HAMMERSTONE_HOME") from None
    except OSError as error:
        raise StoreError(
            f"the home folder {home} cannot be used: {error.strerror}",
            hint="name a folder that you may write to with --home or HAMMERSTONE_HOME",
        ) from error
    return home
