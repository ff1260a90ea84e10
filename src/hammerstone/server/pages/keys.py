"""Keys are created and revoked. A new one is shown once, on the page that answers its form."""

from __future__ import annotations

from urllib.parse import unquote

from anyio import to_thread
from pydantic import ValidationError
from starlette.responses import Response

from hammerstone.errors import InputError
from hammerstone.server.admin import keys
from hammerstone.server.pages import health
from hammerstone.server.pages.visit import Page, Visit
from hammerstone.store import KEY_NAME_LENGTH, KeyRole

__all__ = ["PAGES"]

_PER_MINUTE = "a whole number from 1 on, such as 60"
_FIELDS = {
    "name": ("Name", f"1 to {KEY_NAME_LENGTH} characters"),
    "role": ("Role", ", ".join(KeyRole)),
    "budget_usd": ("Budget, in US dollars", "an amount such as 10.50, at least 0"),
    "budget_per": ("per", "day or month"),
    "requests_per_minute": ("Requests per minute", _PER_MINUTE),
    "tokens_per_minute": ("Tokens per minute", _PER_MINUTE),
}
"""The form's fields, as they are labelled there, and what each takes."""
_LONGEST = 40  # characters of a value that are shown again


async def create(visit: Visit) -> Response:
    """The health page once more, with the new key.

    The first one is an admin's for all tenants: with any other, nobody could create the next one here.
    """
    body = _body(visit)
    is_first = not await to_thread.run_sync(visit.place.tenants.stores.keys.every)
    if is_first and (body.role != KeyRole.ADMIN or visit.tenant):
        raise InputError("the first key is an admin's, for all tenants", hint="with it, create keys of other roles")
    made = await to_thread.run_sync(lambda: keys.create_key(visit.asked("create_key", body.name), body=body))
    return await health.page(visit, made=made)


def revoke(visit: Visit) -> Response:
    """The form holds the name: in a path, `..` would lead elsewhere. It is quoted there, since pages show no marks that
    cannot be seen.
    """
    name = unquote(visit.form.get("name", ""))
    keys.revoke_key(visit.asked("revoke_key", name), name)
    return visit.to("/health", done="revoked")


def _body(visit: Visit) -> keys.NewKeyOf:
    """What the form says. What is left empty is left out."""
    said = {name: visit.form[name].strip() for name in _FIELDS if visit.form.get(name, "").strip()}
    try:
        return keys.NewKeyOf.model_validate(said, strict=False)
    except ValidationError as error:
        field = str(error.errors()[0]["loc"][0])
        label, takes = _FIELDS[field]
        given = repr(said[field][:_LONGEST]) if field in said else "nothing"
        raise InputError(f"{label}: {given} is not valid here", hint=f"it takes {takes}") from None


PAGES = (
    Page("POST", "/health/keys", create, KeyRole.ADMIN),
    Page("POST", "/health/keys/revoke", revoke, KeyRole.ADMIN),
)
