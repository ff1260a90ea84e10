"""The gateway's keys as they are shown: never the keys themselves."""

from __future__ import annotations

import time
from dataclasses import dataclass

from hammerstone.store import Key, KeyRole, Keys

__all__ = ["ShownKey", "listed", "shown"]


@dataclass(frozen=True, kw_only=True)
class ShownKey:
    """A key, what it may use, and what it has used in the present period of its budget. `prefix` is how it begins."""

    name: str
    prefix: str
    tenant: str
    admin: bool
    role: KeyRole
    budget_usd: float | None
    budget_per: str
    requests_per_minute: int | None
    tokens_per_minute: int | None
    created: str
    last_used: str | None
    revoked: str | None
    used_usd: float
    used_tokens: int
    used_requests: int


def listed(keys: Keys) -> tuple[ShownKey, ...]:
    """All keys in order of creation, revoked ones too."""
    return tuple(shown(keys, key) for key in keys.every())


def shown(keys: Keys, key: Key) -> ShownKey:
    used, limits = keys.used(key, time.time()), key.limits
    return ShownKey(
        name=key.name,
        prefix=key.prefix,
        tenant=key.tenant,
        admin=key.admin,
        role=key.role,
        budget_usd=limits.budget_usd,
        budget_per=limits.budget_per.value,
        requests_per_minute=limits.requests_per_minute,
        tokens_per_minute=limits.tokens_per_minute,
        created=key.created,
        last_used=key.last_used,
        revoked=key.revoked,
        used_usd=used.usd,
        used_tokens=used.tokens,
        used_requests=used.requests,
    )
