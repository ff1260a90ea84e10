"""The routes of the administration. They need an admin key; while there are no keys, this machine alone may use them.

An admin key of a tenant looks after that tenant; one without a tenant looks after all of them, the default one unless
the parameter `tenant` names another.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import cached_property, partial
from typing import Any, NoReturn

from anyio import to_thread
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from hammerstone.server.access import Access
from hammerstone.server.admin import keys, labels, ledger, purging, tasks, tools
from hammerstone.server.admin.actions import Action, AdminRequest, document_of
from hammerstone.server.admin.document import openapi_document
from hammerstone.server.bodies import json_body
from hammerstone.server.entry import Administrator
from hammerstone.server.replies import GatewayError, answered, refusal_of
from hammerstone.server.tenants import Tenants
from hammerstone.settings import ServeSettings
from hammerstone.store import Act

__all__ = ["ACTIONS", "AdminApi", "apply_changes"]

ACTIONS: tuple[Action, ...] = (
    *tools.ACTIONS,
    *tasks.ACTIONS,
    *labels.ACTIONS,
    *ledger.ACTIONS,
    *purging.ACTIONS,
    *keys.ACTIONS,
)


class AdminApi:
    """The routes below `/admin`."""

    def __init__(self, *, tenants: Tenants, access: Access, settings: ServeSettings) -> None:
        self._tenants = tenants
        self._access = access
        self._settings = settings

    def routes(self) -> list[Route]:
        return [
            Route("/admin/openapi.json", _answering(self._describe), methods=["GET"]),
            *(Route(f"/admin{one.path}", _answering(partial(self._do, one)), methods=[one.method]) for one in ACTIONS),
            Route("/admin/{path:path}", _answering(self._refuse), methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ]

    @cached_property
    def _document(self) -> dict[str, Any]:
        return openapi_document(ACTIONS)

    async def _describe(self, http: HttpRequest) -> dict[str, Any]:
        await self._access.admit_admin(http)
        return self._document

    async def _refuse(self, http: HttpRequest) -> NoReturn:
        await self._access.admit_admin(http)
        path = http.scope["path"][:80]
        hint = "GET /admin/openapi.json lists what there is"
        raise GatewayError(f"there is no {http.method} {path}", status=404, code="not_found", hint=hint)

    async def _do(self, action: Action, http: HttpRequest) -> Any:
        who = await self._access.admit_admin(http)
        given = action.read(http.path_params, http.query_params)
        asked = self._asked(http, who, Act(who=who.name, what=action.name, about=_about(http)))
        if action.body is not None:
            given |= action.read_body(await json_body(http, self._settings.max_body_mb))
        return await self._act(action, asked, given)

    async def _act(self, action: Action, asked: AdminRequest, given: dict[str, Any]) -> Any:
        if inspect.iscoroutinefunction(action.handle):
            done = await action.handle(asked, **given)
        else:
            done = await to_thread.run_sync(lambda: action.handle(asked, **given))
        if action.method != "GET":
            await apply_changes(self._tenants, self._access, asked.tenant)
        return document_of(done)

    def _asked(self, http: HttpRequest, who: Administrator, act: Act) -> AdminRequest:
        named, scope = http.query_params.get("tenant"), who.scope
        if scope is not None and named not in (None, scope):
            message = f"this key looks after the tenant {scope!r} alone"
            raise GatewayError(message, status=403, code="tenant_admin", kind="permission_error")
        tenant = scope if scope is not None else named or ""
        return AdminRequest(tenants=self._tenants, settings=self._tenants.settings, act=act, tenant=tenant, scope=scope)


def _answering(handle: Callable[[HttpRequest], Awaitable[object]]) -> Callable[[HttpRequest], Awaitable[Response]]:
    async def endpoint(http: HttpRequest) -> Response:
        return await answered(handle(http), {"cache-control": "no-store"}, refusal_of)

    return endpoint


def _about(http: HttpRequest) -> str:
    """What an action is done to, as its path names it."""
    return ", ".join(map(str, http.path_params.values()))


async def apply_changes(tenants: Tenants, access: Access, tenant: str) -> None:
    """What was changed here holds here at once; elsewhere within a second."""
    await access.exchange()
    for loop in tenants.loops:
        if loop.tenant == tenant:
            await loop.catalog.refresh(at_once=True)
