"""What a database's errors mean, and what repairs them."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from sqlalchemy import exc

from hammerstone.errors import InputError, StoreError

__all__ = ["busy", "is_overflow", "store_error", "too_large"]


@dataclass(frozen=True, kw_only=True)
class _Meaning:
    message: str
    hint: str

    def of(self, where: str, reason: str = "") -> StoreError:
        return StoreError(self.message.format(where=where, reason=reason), hint=self.hint.format(where=where))


_BUSY = _Meaning(
    message="the database {where} has been busy for too long: another process is writing to it",
    hint="let the other process end, then try again",
)
_FULL = _Meaning(message="no space is left for the database {where}", hint="free some disk space, then try again")
_READ_ONLY = _Meaning(
    message="the database {where} can only be read",
    hint="make it writable for you, or choose another home with --home or HAMMERSTONE_HOME",
)
_CLOSED = _Meaning(
    message="the database {where} cannot be opened",
    hint="put it back if it is gone, make its folder and file writable for you, "
    "or choose another home with --home or HAMMERSTONE_HOME",
)
_CORRUPT = _Meaning(
    message="{where} is not a database, or is damaged",
    hint="move {where} away (with -wal and -shm, if they are there) and start again; nothing has been deleted",
)
_UNREACHABLE = _Meaning(
    message="the database {where} cannot be reached: {reason}",
    hint="check that PostgreSQL runs there, and the host, the port, the user and the password",
)
_FAILED = _Meaning(
    message="the database {where} failed: {reason}",
    hint="what was stored before is still there; check the disk under it, its room and its rights, and try again",
)
_DENIED = _Meaning(message="the database {where} does not let this user in", hint="check the user and its rights")

_SHARED = _Meaning(
    message="the database {where} holds the tables of another program: {reason}",
    hint="give hammerstone a database or a schema of its own",
)

_SQLITE = {
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: _CLOSED,
    sqlite3.SQLITE_PERM: _CLOSED,
    sqlite3.SQLITE_NOTADB: _CORRUPT,
    sqlite3.SQLITE_CORRUPT: _CORRUPT,
}

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRES = {
    "25006": _READ_ONLY,
    "42501": _DENIED,
    "42P07": _SHARED,
    "53100": _FULL,
    "55P03": _BUSY,
}


def busy(where: str) -> StoreError:
    """The error of a writer that waited in vain for other threads of this process."""
    return _BUSY.of(where)


def too_large() -> InputError:
    """For a number that somebody gave, and no column can hold."""
    return InputError("a number is too large for the database", hint="numbers have 64 bits at most")


def is_overflow(error: exc.SQLAlchemyError) -> bool:
    """Whether PostgreSQL says the same."""
    return isinstance(error, exc.DBAPIError) and getattr(error.orig, "sqlstate", None) == "22003"


def store_error(error: exc.SQLAlchemyError, where: str) -> StoreError:
    """The error for people that stands for one of the database's."""
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    return (_meaning(error) or _FAILED).of(where, _reason(cause))


def _meaning(error: exc.SQLAlchemyError) -> _Meaning | None:
    if isinstance(error, exc.TimeoutError):  # no free connection in the pool
        return _BUSY
    if not isinstance(error, exc.DBAPIError):
        return None
    if isinstance(error.orig, sqlite3.Error):
        code = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_OK)
        return _SQLITE.get(code & 0xFF)  # the low byte is the primary code
    state = getattr(error.orig, "sqlstate", None)
    if error.connection_invalidated or (state is None and type(error.orig).__name__ == "OperationalError"):
        return _UNREACHABLE
    return _POSTGRES.get(state or "")


def _reason(cause: BaseException | None) -> str:
    """One line: PostgreSQL's library indents what it adds, and where it tried several addresses the last one counts.

    Of what the server says, only the message itself: its details may quote a row.
    """
    primary = getattr(getattr(cause, "diag", None), "message_primary", None)
    if primary:
        return str(primary)
    lines = [line for line in str(cause).splitlines() if line.strip() and not line.startswith((" ", "\t"))]
    return lines[-1] if lines else type(cause).__name__
