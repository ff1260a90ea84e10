"""The gateway's keys, what they may use and what they have used, as frozen values."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

__all__ = [
    "DAY",
    "KEY_FORM",
    "KEY_MARK",
    "KEY_NAME_LENGTH",
    "Amount",
    "Key",
    "KeyLimits",
    "KeyPeriod",
    "KeyRole",
    "KeyUsage",
    "NewKey",
    "Per",
    "UsageNews",
    "budget_span",
    "day_start",
    "new_secret",
]

KEY_MARK = "hs-"
SECRET_BYTES = 32
PREFIX = 8  # characters of a key that are kept, so that a person recognises it
KEY_NAME_LENGTH = 100  # characters at most
KEY_FORM = re.compile(rf"{KEY_MARK}[A-Za-z0-9_-]{{43}}")
DAY = 86_400  # seconds


class Per(StrEnum):
    """How long a budget is for: days and months of UTC."""

    DAY = "day"
    MONTH = "month"


class KeyRole(StrEnum):
    """What a key may do beside sending requests, each more than the one before."""

    CLIENT = "client"  # nothing
    VIEWER = "viewer"  # look at the pages
    LABELER = "labeler"  # say what is right
    ADMIN = "admin"  # everything

    def includes(self, other: KeyRole) -> bool:
        """Whether who has this role may do what the other may."""
        order = list(KeyRole)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, kw_only=True)
class KeyLimits:
    """What a key may use; `None` is no limit."""

    budget_usd: float | None = None
    budget_per: Per = Per.MONTH
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key without its secret part. `prefix` is how it begins, `sha256` the digest of all of it."""

    id: int
    name: str
    sha256: str
    prefix: str
    tenant: str
    role: KeyRole = KeyRole.CLIENT
    limits: KeyLimits = field(default_factory=KeyLimits)
    created: str = ""
    last_used: str | None = None
    revoked: str | None = None

    @property
    def admin(self) -> bool:
        return self.role is KeyRole.ADMIN


@dataclass(frozen=True, kw_only=True)
class NewKey:
    """`secret` is the key itself, which is known here and never again."""

    key: Key
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Amount:
    """What was used. `unpriced` counts the calls whose price is unknown; `usd` holds the ceiling for each of them."""

    requests: int = 0
    tokens: int = 0
    usd: float = 0.0
    unpriced: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.requests + other.requests,
            self.tokens + other.tokens,
            self.usd + other.usd,
            self.unpriced + other.unpriced,
        )

    def __sub__(self, other: Amount) -> Amount:
        return self + Amount(-other.requests, -other.tokens, -other.usd, -other.unpriced)


class KeyPeriod(NamedTuple):
    """A day, or a part of a minute, in the life of a key. `start` is in seconds since 1970."""

    key_id: int
    seconds: int
    start: int


class KeyUsage(NamedTuple):
    """All that all processes have counted in a period."""

    period: KeyPeriod
    amount: Amount


@dataclass(frozen=True, kw_only=True)
class UsageNews:
    """What has changed since `revision` was last read."""

    usage: tuple[KeyUsage, ...]
    revision: int


def new_secret() -> str:
    return KEY_MARK + secrets.token_urlsafe(SECRET_BYTES)


def day_start(now: float) -> int:
    return int(now // DAY) * DAY


def budget_span(per: Per, now: float) -> tuple[int, int]:
    """The start and end of the current day or month (UTC), in seconds since 1970."""
    if per is Per.DAY:
        return day_start(now), day_start(now) + DAY
    first = datetime.fromtimestamp(day_start(now), UTC).replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    return int(first.timestamp()), int(after.timestamp())
