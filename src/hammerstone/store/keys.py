"""The gateway's keys and what each has used: of the whole home, whoever the tenant.

Of a key only its digest is kept. Usage is counted in periods: days, which stay, and parts of a minute, which go when no
limit asks for them any more. Each change of usage has a number that grows in the order in which changes are committed,
so that a process can read what is new to it.
"""

from __future__ import annotations

from math import isfinite
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, update

from hammerstone.digests import sha256
from hammerstone.errors import NotFoundError, SettingsError
from hammerstone.store import acts, counters, schema
from hammerstone.store.database import insert_into, insert_new, timestamp
from hammerstone.store.key_records import (
    DAY,
    KEY_NAME_LENGTH,
    PREFIX,
    Amount,
    Key,
    KeyLimits,
    KeyPeriod,
    KeyRole,
    KeyUsage,
    NewKey,
    Per,
    UsageNews,
    budget_span,
    new_secret,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Row

    from hammerstone.store.acts import Act
    from hammerstone.store.database import Database

__all__ = ["Keys"]

_KEYS = schema.keys
_USAGE = schema.key_usage
_SECRETS = schema.secrets
_PAGES = "pages"
_MOST = 2**53  # which JSON and a float hold exactly, too
_COUNTED = ("requests", "tokens", "usd", "unpriced")


class Keys:
    """Made by `open_stores`. Every method is one transaction and may be called from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def by(self, act: Act) -> Keys:
        """The same, for one act of a person: see `Store.by`."""
        return Keys(self._database.noting(lambda connection: acts.add(connection, act)))

    def create(
        self, name: str, *, tenant: str = "", role: KeyRole = KeyRole.CLIENT, limits: KeyLimits | None = None
    ) -> NewKey:
        """A new key. Raises `SettingsError` if there is one of this name, even if it is revoked, if the name is blank
        or too long, or if its budget is no finite amount.
        """
        limits = limits or KeyLimits()
        if not name.strip():
            raise SettingsError("a key needs a name", hint="it is what the key is listed and revoked by")
        if len(name) > KEY_NAME_LENGTH:
            raise SettingsError(f"a key's name has at most {KEY_NAME_LENGTH} characters", hint="choose a shorter one")
        if limits.budget_usd is not None and not isfinite(limits.budget_usd):
            raise SettingsError("a budget is a finite amount, zero or more", hint="leave it out for a key without one")
        secret = new_secret()
        values = {
            "name": name,
            "sha256": sha256(secret),
            "prefix": secret[:PREFIX],
            "tenant": tenant,
            "admin": role is KeyRole.ADMIN,
            "role": role,
            "budget_usd": limits.budget_usd,
            "budget_per": None if limits.budget_usd is None else limits.budget_per.value,
            "requests_per_minute": limits.requests_per_minute,
            "tokens_per_minute": limits.tokens_per_minute,
            "created": timestamp(),
        }
        with self._database.write() as connection:
            counters.count_up(connection, counters.KEYS)  # and lock, so that two processes do not take one name
            if _find(connection, name) is not None:
                raise SettingsError(
                    f"there is a key {name!r} already", hint="choose another name; a revoked key keeps its own"
                )
            row = connection.execute(insert(_KEYS).values(values).returning(_KEYS)).one()
            return NewKey(key=_key(row), secret=secret)

    def every(self) -> tuple[Key, ...]:
        """All keys in order of creation, revoked ones too."""
        with self._database.read() as connection:
            return tuple(map(_key, connection.execute(select(_KEYS).order_by(_KEYS.c.id)).all()))

    def revision(self) -> int:
        """A number that grows when a key is made or revoked."""
        with self._database.read() as connection:
            return counters.value(connection, counters.KEYS)

    def page_secret(self) -> str:
        """What the pages sign their cookies with: one for a home, so that its gateways know each other's."""
        named = select(_SECRETS.c.value).where(_SECRETS.c.name == _PAGES)
        with self._database.write() as connection:
            insert_new(connection, _SECRETS, {"name": _PAGES, "value": token_hex(32)}, returning=_SECRETS.c.name)
            return connection.execute(named).scalar_one()

    def revoke(self, name: str) -> Key:
        """Revoke a key; one that is revoked already stays as it is. Raises `NotFoundError`."""
        with self._database.write() as connection:
            counters.count_up(connection, counters.KEYS)
            row = _find(connection, name)
            if row is None:
                raise NotFoundError(f"there is no key {name!r}", hint="`hammerstone keys list` lists them")
            if row.revoked is None:
                revoked = update(_KEYS).where(_KEYS.c.id == row.id).values(revoked=timestamp()).returning(_KEYS)
                row = connection.execute(revoked).one()
            return _key(row)

    def used(self, key: Key, now: float) -> Amount:
        """What a key has used in the present period of its budget: by default, this month."""
        start, end = budget_span(key.limits.budget_per, now)
        sums = (func.coalesce(func.sum(_USAGE.c[name]), 0).label(name) for name in _COUNTED)
        days = (_USAGE.c.key_id == key.id, _USAGE.c.seconds == DAY, _USAGE.c.start >= start, _USAGE.c.start < end)
        with self._database.read() as connection:
            return _amount(connection.execute(select(*sums).where(*days)).one())

    def exchange(self, amounts: Mapping[KeyPeriod, Amount], *, seen: int, since: int, forget_before: int) -> UsageNews:
        """Add what one process has counted, and read what is new since the revision `seen`.

        Periods that began before `since` are not read; parts of a minute before `forget_before` are removed.
        """
        if not amounts:
            with self._database.read() as connection:
                return _news(connection, seen, since)
        with self._database.write(durable=False) as connection:
            _add(connection, amounts)
            _forget(connection, forget_before)
            return _news(connection, seen, since)


def _add(connection: Connection, amounts: Mapping[KeyPeriod, Amount]) -> None:
    revision = counters.count_up(connection, counters.KEY_USAGE)
    new = insert_into(connection, _USAGE)
    added = {name: _USAGE.c[name] + new.excluded[name] for name in _COUNTED}
    upsert = new.on_conflict_do_update(
        index_elements=["key_id", "seconds", "start"], set_={**added, "revision": new.excluded.revision}
    )
    rows = [
        {**period._asdict(), **{name: _storable(getattr(amount, name)) for name in _COUNTED}, "revision": revision}
        for period, amount in amounts.items()
    ]
    connection.execute(upsert, rows)
    used = {period.key_id for period, amount in amounts.items() if amount.requests}
    connection.execute(update(_KEYS).where(_KEYS.c.id.in_(used)).values(last_used=timestamp()))


def _storable(value: float) -> float:
    """The count, or the greatest that is stored: one that no column holds would keep all others from being stored."""
    return max(-_MOST, min(value, _MOST))


def _forget(connection: Connection, before: int) -> None:
    connection.execute(delete(_USAGE).where(_USAGE.c.seconds < DAY, _USAGE.c.start < before))


def _news(connection: Connection, seen: int, since: int) -> UsageNews:
    new = select(_USAGE).where(_USAGE.c.revision > seen, _USAGE.c.start >= since)
    rows = connection.execute(new).all()
    return UsageNews(
        usage=tuple(KeyUsage(KeyPeriod(row.key_id, row.seconds, row.start), _amount(row)) for row in rows),
        revision=max((row.revision for row in rows), default=seen),
    )


def _find(connection: Connection, name: str) -> Row[Any] | None:
    return connection.execute(select(_KEYS).where(_KEYS.c.name == name)).first()


def _amount(row: Row[Any]) -> Amount:
    return Amount(int(row.requests), int(row.tokens), float(row.usd), int(row.unpriced))


def _key(row: Row[Any]) -> Key:
    return Key(
        id=row.id,
        name=row.name,
        sha256=row.sha256,
        prefix=row.prefix,
        tenant=row.tenant,
        role=KeyRole.ADMIN if row.admin else KeyRole(row.role or KeyRole.CLIENT),
        limits=KeyLimits(
            budget_usd=row.budget_usd,
            budget_per=Per(row.budget_per or Per.MONTH),
            requests_per_minute=row.requests_per_minute,
            tokens_per_minute=row.tokens_per_minute,
        ),
        created=row.created,
        last_used=row.last_used,
        revoked=row.revoked,
    )
