"""The gateway's keys: created, listed, revoked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from hammerstone.admin.keys import ShownKey, listed, shown
from hammerstone.errors import NotFoundError
from hammerstone.server.admin.actions import Action, AdminRequest, Body
from hammerstone.store import KEY_NAME_LENGTH, KeyLimits, KeyRole, Per

__all__ = ["ACTIONS"]


class NewKeyOf(Body):
    """The name of a key of the tenant that is asked for, and what it may do and use. `admin` is short for the role."""

    name: str = Field(min_length=1, max_length=KEY_NAME_LENGTH)
    admin: bool = False
    role: Literal["client", "viewer", "labeler", "admin"] = "client"
    budget_usd: float | None = Field(default=None, ge=0)
    budget_per: Literal["day", "month"] = "month"
    requests_per_minute: int | None = Field(default=None, ge=1, lt=2**31)
    tokens_per_minute: int | None = Field(default=None, ge=1, lt=2**31)


@dataclass(frozen=True, kw_only=True)
class CreatedKey(ShownKey):
    """`secret` is the key itself. It is shown this once: only its digest is stored."""

    secret: str


def list_keys(asked: AdminRequest) -> list[ShownKey]:
    """The keys, their limits, and what each has used of its budget."""
    return [one for one in listed(asked.stores.keys) if asked.scope in (None, one.tenant)]


def create_key(asked: AdminRequest, *, body: NewKeyOf) -> CreatedKey:
    """Create a key, which is shown this once. An admin key of the default tenant looks after all tenants.

    From the first key on, the gateway asks every request for one.
    """
    limits = KeyLimits(
        budget_usd=body.budget_usd,
        budget_per=Per(body.budget_per),
        requests_per_minute=body.requests_per_minute,
        tokens_per_minute=body.tokens_per_minute,
    )
    keys = asked.stores.keys
    role = KeyRole.ADMIN if body.admin else KeyRole(body.role)
    made = keys.create(body.name, tenant=asked.tenant, role=role, limits=limits)
    return CreatedKey(**vars(shown(keys, made.key)), secret=made.secret)


def revoke_key(asked: AdminRequest, name: str) -> ShownKey:
    """Revoke a key. Every running gateway refuses it within a second."""
    keys = asked.stores.keys
    if not any(one.name == name and asked.scope in (None, one.tenant) for one in keys.every()):
        raise NotFoundError(f"there is no key {name!r}", hint="GET /admin/keys lists them")
    return shown(keys, keys.revoke(name))


ACTIONS = (
    Action("GET", "/keys", list_keys),
    Action("POST", "/keys", create_key),
    Action("DELETE", "/keys/{name:path}", revoke_key),
)
