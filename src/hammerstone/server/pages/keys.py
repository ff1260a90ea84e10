"""Keys are created and revoked. A new one is shown once, on the page that answers its form."""

from __future__ import annotations

from anyio import to_thread
from pydantic import ValidationError
from starlette.responses import Response

from hammerstone.errors import InputError
from hammerstone.server.admin import keys
from hammerstone.server.pages import health
from hammerstone.server.pages.visit import Page, Visit
from hammerstone.store import KeyRole

__all__ = ["PAGES"]

_NUMBERS = ("budget_usd", "requests_per_minute", "tokens_per_minute")


async def create(visit: Visit) -> Response:
    """The health page once more, with the new key."""
    body = _body(visit)
    made = await to_thread.run_sync(lambda: keys.create_key(visit.asked("create_key", body.name), body=body))
    return await health.page(visit, made=made)


def revoke(visit: Visit) -> Response:
    name = visit.http.path_params["name"]
    keys.revoke_key(visit.asked("revoke_key", name), name)
    return visit.to("/health", done="revoked")


def _body(visit: Visit) -> keys.NewKeyOf:
    """What the form says. An empty number is no limit."""
    said = {name: visit.form[name].strip() for name in ("name", "role", "budget_per") if visit.form.get(name)}
    limits = {name: visit.form[name].strip() for name in _NUMBERS if visit.form.get(name, "").strip()}
    try:
        return keys.NewKeyOf.model_validate(said | limits, strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{first['loc'][0]}: {first['msg']}", hint="a key needs a name; limits are numbers") from error


PAGES = (
    Page("POST", "/keys", create, KeyRole.ADMIN),
    Page("POST", "/keys/{name:path}/revoke", revoke, KeyRole.ADMIN),
)
