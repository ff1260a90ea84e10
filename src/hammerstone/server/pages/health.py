"""Whether the parts work, who has a key, and what is set: settings are read here, and written in their file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, cast

from anyio import to_thread
from starlette.responses import Response

from hammerstone.admin import keys
from hammerstone.server.admin.keys import CreatedKey
from hammerstone.server.pages.visit import Page, Visit
from hammerstone.store import KEY_NAME_LENGTH, KeyRole, Per

__all__ = ["PAGES", "page", "sections"]


async def show(visit: Visit) -> Response:
    return await page(visit)


async def page(visit: Visit, *, made: CreatedKey | None = None) -> Response:
    """The page of health; visitors who may change something also see keys, settings and a key that was just `made`."""
    loop = await visit.loop()
    sandbox = loop.sandbox.name
    return await to_thread.run_sync(_page, visit, sandbox, made)


def _page(visit: Visit, sandbox: str, made: CreatedKey | None) -> Response:
    store, visitor = visit.store, visit.visitor
    is_admin = visitor.role.includes(KeyRole.ADMIN)
    stores = visit.place.tenants.stores
    shown = [one for one in keys.listed(stores.keys) if visitor.scope in (None, one.tenant)] if is_admin else []
    return visit.show(
        "health.html",
        parts=[one if visitor.scope is None else one.of(visitor.scope) for one in visit.place.health.watched()],
        sandbox=sandbox,
        where=store.where if visitor.scope is None else None,
        progress=store.progress(),
        keys=shown,
        made=made,
        roles=list(KeyRole) if shown else [KeyRole.ADMIN],
        longest_name=KEY_NAME_LENGTH,
        periods=list(Per),
        tenants=stores.tenants() if visitor.scope is None else [visitor.scope],
        sections=list(sections(visit.settings)) if is_admin else [],
    )


def sections(settings: Any, name: str = "") -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The tables of `hammerstone.toml` with their values. They hold no secrets, but names of variables."""
    values: list[tuple[str, str]] = []
    inner: list[tuple[str, Any]] = []
    for field in fields(settings):
        value = getattr(settings, field.name)
        if is_dataclass(value):
            inner.append((f"{name}.{field.name}".strip("."), value))
        else:
            values.append((field.name, _shown(value)))
    if values:
        yield name, values
    for path, value in inner:
        yield from sections(value, path)


def _shown(value: object) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(sorted(cast("frozenset[str]", value))) if isinstance(value, frozenset) else str(value)


PAGES = (Page("GET", "/health", show),)
