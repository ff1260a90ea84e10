"""One database behind two context managers, `read` and `write`; all that SQLite and PostgreSQL do differently.

SQLite runs in WAL mode: readers never wait. A writer says so when it begins (`BEGIN IMMEDIATE`), so that two of them
queue up instead of failing half-way; the threads of this process queue at a lock, which is fair and fast, and the
processes at SQLite's own, which polls. A durable write is on the disk when it returns (`synchronous = FULL`, one
fsync); the others (`NORMAL`, none) survive the death of the process, and a power cut once a durable write follows them.
A file that was deleted or replaced while it was open is noticed before it is used again: it is opened anew, never made.
"""

from __future__ import annotations

import copy
import fcntl
import os
import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import create_engine, event, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import InvalidatePoolError, SQLAlchemyError

from hammerstone.digests import sha256
from hammerstone.errors import SettingsError, StoreError
from hammerstone.private_files import make_private_folder, open_private, tighten
from hammerstone.store.schema import metadata
from hammerstone.store.storage_errors import busy, is_overflow, store_error, too_large

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from sqlalchemy import URL, ColumnElement, Connection, Engine, Table
    from sqlalchemy.pool import ConnectionPoolEntry

__all__ = ["Database", "insert_into", "insert_new", "timestamp"]

_MIGRATING = 0x68616D6D6572  # PostgreSQL's key for the lock under which one process migrates
_OPENED = "opened"  # the file of a connection, as it was then
_TENANT = "tenant_"  # before the key of a schema


TENANTS_FOLDER = "tenants"  # beside a SQLite file: the files of its other tenants


_NOTICES_LOSS = {
    "connect_timeout": 10,
    "tcp_user_timeout": 20_000,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
}
"""Of PostgreSQL's library, in seconds and milliseconds: without them one waits hours for a server that has vanished."""


class Database:
    """A pool of connections, safe to use from any thread. Every error of the database is raised as `StoreError`.

    `schema` is PostgreSQL's in which it is; `None` for the one that the URL leads to. A method waits `busy_seconds` for
    another process that is writing.
    """

    def __init__(self, url: URL, *, busy_seconds: float = 30) -> None:
        self.schema: str | None = None
        self._url = url
        self._is_sqlite = url.get_backend_name() == "sqlite"
        self._busy_seconds = busy_seconds
        self._note: Callable[[Connection], None] | None = None
        self._writing = Lock()
        self.where = url.database or "" if self._is_sqlite else url.set(query={}).render_as_string(hide_password=True)
        self._engine = self._sqlite_engine(url) if self._is_sqlite else self._postgres_engine(url)
        self._set_writers()

    def apart(self, key: str) -> Database:
        """Another database with no table in common: a SQLite file in a folder beside this one's, or a schema.

        A schema shares the connections of this database, and is of no use once this one is closed. `key` is of small
        letters, digits and `_`, 49 at most. Raises `StoreError`, `SettingsError` for a SQLite URL with parameters.
        """
        return self._apart_file(key) if self._is_sqlite else self._apart_schema(f"{_TENANT}{key}")

    def noting(self, note: Callable[[Connection], None]) -> Database:
        """The same database for one act: `note` is called in the transaction of the first change made through it."""
        other = copy.copy(self)
        other._note = note
        return other

    @property
    def name(self) -> str:
        """The part of its address that differs from others in its folder, or on its server."""
        if self._is_sqlite:
            return Path(self.where).name
        with self.read() as connection:
            return str(connection.execute(select(func.current_schema())).scalar())

    def close(self) -> None:
        if self.schema is None:
            self._engine.dispose()

    @contextmanager
    def read(self) -> Generator[Connection]:
        """A transaction that changes nothing."""
        with self._translated(), self._connected(self._engine) as connection:
            yield connection

    @contextmanager
    def read_one_moment(self) -> Generator[Connection]:
        """The same, in which all that is read is as of one moment. (In SQLite it always is.)"""
        engine = self._engine if self._is_sqlite else self._engine.execution_options(isolation_level="REPEATABLE READ")
        with self._translated(), self._connected(engine) as connection:
            yield connection

    @contextmanager
    def write(self, *, durable: bool = True) -> Generator[Connection]:
        """A transaction that commits at the end of the block, or leaves no trace."""
        engine = self._writer if durable else self._quick_writer
        with self._translated(), self._turn(), self._connected(engine) as connection, connection.begin():
            if not durable and not self._is_sqlite:
                connection.execute(text("SET LOCAL synchronous_commit TO OFF"))
            yield connection
            if self._note is not None:
                self._note(connection)
        self._note = None

    @contextmanager
    def migrating(self) -> Generator[Connection]:
        """A write transaction that only one process at a time can be in."""
        with self.write() as connection:
            if not self._is_sqlite:  # where BEGIN IMMEDIATE has done it
                connection.execute(select(func.pg_advisory_xact_lock(_migrating(self.schema))))
            if self.schema is not None:  # its name is a key of ours
                connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {self.schema}"))
                connection.execute(text(f"SET LOCAL search_path TO {self.schema}"))  # for what migrations spell out
            yield connection

    def give_back(self, *, whole: bool) -> None:
        """Remove what was deleted from SQLite's files; with `whole`, the space is given back too, which rewrites
        the database. In PostgreSQL the space is free for new rows.
        """
        with self._translated():
            if not self._is_sqlite:
                self._vacuum()
                return
            with self._turn(), closing(self._engine.raw_connection()) as connection:
                try:
                    for statement in (*(["VACUUM"] if whole else []), "PRAGMA wal_checkpoint(TRUNCATE)"):
                        connection.cursor().execute(statement)
                except sqlite3.Error as error:
                    hint = "what was removed stays removed; the space is given back by the next purge"
                    raise StoreError(f"{self.where} cannot be rewritten: {error}", hint=hint) from error

    def _vacuum(self) -> None:
        prefix = f"{self.schema}." if self.schema is not None else ""
        with self._engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            for table in metadata.tables:
                connection.exec_driver_sql(f"VACUUM {prefix}{table}")

    @contextmanager
    def _connected(self, engine: Engine) -> Generator[Connection]:
        """A connection that is closed after an exception: rows half read hold an old state of the database open."""
        with engine.connect() as connection:
            try:
                yield connection
            except BaseException:
                connection.invalidate()
                raise

    @contextmanager
    def _turn(self) -> Generator[None]:
        if not self._is_sqlite:
            yield
        elif self._writing.acquire(timeout=self._busy_seconds):
            try:
                yield
            finally:
                self._writing.release()
        else:
            raise busy(self.where)

    @contextmanager
    def _translated(self) -> Generator[None]:
        try:
            yield
        except OverflowError as error:  # of SQLite's
            raise too_large() from error
        except SQLAlchemyError as error:
            raise (too_large() if is_overflow(error) else store_error(error, self.where)) from error

    def _apart_file(self, key: str) -> Database:
        if self._url.query:
            raise SettingsError(
                "a SQLite URL with parameters has no place for tenants",
                hint="name a folder, or sqlite:////folder/file.db",
            )
        file = Path(self.where).absolute().parent / TENANTS_FOLDER / f"{key}.db"
        try:
            make_private_folder(file.parent)
            open_private(file, "ab").close()
        except OSError as error:
            raise StoreError(
                f"the tenant's file {file} cannot be used: {error.strerror}", hint="make its folder writable for you"
            ) from error
        return Database(self._url.set(database=str(file)), busy_seconds=self._busy_seconds)

    def _apart_schema(self, schema: str) -> Database:
        other = copy.copy(self)
        other.schema = schema
        other.where = f"{self.where}, schema {schema}"
        other._engine = self._engine.execution_options(schema_translate_map={None: schema})
        other._set_writers()
        return other

    def _set_writers(self) -> None:
        self._writer = self._engine.execution_options(begin="BEGIN IMMEDIATE", synchronous="FULL")
        self._quick_writer = self._engine.execution_options(begin="BEGIN IMMEDIATE", synchronous="NORMAL")

    def _sqlite_engine(self, url: URL) -> Engine:
        engine = create_engine(url, hide_parameters=True, connect_args={"timeout": self._busy_seconds})
        if not url.query:
            event.listen(engine, "do_connect", _open_existing)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "checkout", _check_file)
        event.listen(engine, "begin", _begin_sqlite)
        return engine

    def _postgres_engine(self, url: URL) -> Engine:
        lock_timeout = f"-c lock_timeout={int(self._busy_seconds * 1000)}"
        arguments = {**_NOTICES_LOSS, **url.query, "options": f"{lock_timeout} {url.query.get('options', '')}"}
        try:
            return create_engine(url, hide_parameters=True, pool_pre_ping=True, connect_args=arguments)
        except ModuleNotFoundError as error:
            raise StoreError(
                "PostgreSQL needs its driver, which is not installed", hint="uv run --extra postgres hammerstone …"
            ) from error


def _migrating(schema: str | None) -> int:
    """The key of a schema's own lock: tenants do not wait for each other."""
    return _MIGRATING if schema is None else int(sha256(schema)[:15], 16)


def _open_existing(_dialect: object, _record: object, arguments: list[Any], named: dict[str, Any]) -> None:
    """Name the file so that SQLite does not make it: the folder of a home that was moved away stays as it is."""
    arguments[0] = f"file:{quote(os.fsencode(arguments[0]))}?mode=rw"
    named["uri"] = True


def _check_file(_connection: object, record: ConnectionPoolEntry, _proxy: object) -> None:
    """Have all connections closed that were opened before the file was deleted or replaced."""
    file, identity = record.info[_OPENED]
    if identity != _identity(file):
        raise InvalidatePoolError


def _identity(file: str) -> tuple[int, int] | None:
    """What tells a file from another one of the same name; `None` where there is none."""
    try:
        found = Path(file).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _prepare_sqlite(connection: Any, record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the transactions are ours: sqlite3 must not begin one by itself
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA secure_delete = ON")  # what is deleted is overwritten
    connection.text_factory = os.fsdecode  # a path need not be UTF-8
    file = connection.execute("PRAGMA database_list").fetchone()[2]
    connection.text_factory = str
    record.info[_OPENED] = (file, _identity(file))
    _tighten_sqlite(file)
    with _folder_lock(Path(file).parent):
        connection.execute("PRAGMA journal_mode = WAL")


def _tighten_sqlite(file: str) -> None:
    """The files beside the database get its mode from SQLite, but one that is there keeps its own."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        if file:  # empty for a database in memory
            tighten(Path(file + suffix))


@contextmanager
def _folder_lock(folder: Path) -> Generator[None]:
    """Let one process in at a time: SQLite's busy time-out does not cover the switch to WAL, which fails at once."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    synchronous = options.get("synchronous")
    if synchronous is not None:  # has effect outside of a transaction only
        connection.exec_driver_sql(f"PRAGMA synchronous = {synchronous}")
    connection.exec_driver_sql(options.get("begin", "BEGIN"))


def insert_into(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that can say what to do where a row is there already."""
    return (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(table)


def insert_new(
    connection: Connection, table: Table, values: Mapping[str, object], returning: ColumnElement[Any] | None = None
) -> Any:
    """Insert a row and return its id, or the column `returning`; `None` if a unique constraint says it is there."""
    statement = insert_into(connection, table).values(values).on_conflict_do_nothing()
    return connection.execute(statement.returning(table.c.id if returning is None else returning)).scalar()


def timestamp(*, seconds_ahead: float = 0) -> str:
    """Now, or later: ISO 8601, UTC, always as long, so that their order is the order of time."""
    moment = datetime.now(UTC) + timedelta(seconds=seconds_ahead)
    return moment.isoformat(timespec="microseconds")
