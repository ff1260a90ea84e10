"""One look at a page: who looks, at which tenant, and what the page is made with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from anyio import to_thread
from starlette.datastructures import UploadFile
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response

from hammerstone.loop import Hammerstone
from hammerstone.server.access import Access
from hammerstone.server.admin.actions import AdminRequest
from hammerstone.server.pages.addresses import query_string
from hammerstone.server.pages.cached_totals import CachedTotals
from hammerstone.server.pages.learning_processes import LearningProcesses
from hammerstone.server.pages.rendering import render
from hammerstone.server.replies import GatewayError
from hammerstone.server.telemetry.health import Health
from hammerstone.server.tenants import Tenants
from hammerstone.server.upstream import Upstreams
from hammerstone.settings import ServeSettings, Settings
from hammerstone.store import Act, Key, KeyRole, Store

__all__ = ["Page", "Place", "Visit", "Visitor"]


@dataclass(frozen=True, kw_only=True)
class Place:
    """What the pages stand in. `upstreams` are where requests go, if a gateway is here, too.

    `figures` are those that take too long for each look, and `learning` what learns from logs beside the gateway.
    """

    tenants: Tenants
    settings: ServeSettings
    health: Health
    access: Access
    upstreams: Upstreams | None = None
    figures: CachedTotals = field(default_factory=CachedTotals)
    learning: LearningProcesses = field(default_factory=LearningProcesses)

    @property
    def home(self) -> Path | None:
        """The folder in which the database is a file; `None` for a database on a server."""
        where = Path(self.tenants.stores.of("").where)
        return where.absolute().parent if where.is_file() else None

    @property
    def upstream(self) -> str:
        return self.upstreams.openai.base_url if self.upstreams is not None else ""


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """`name` is that of the `key`, if there is one, and `scope` the one tenant that it may see, `None` for all.

    `token` is what its forms hold, and `signed_in` says whether there is anything to sign out of.
    """

    name: str
    role: KeyRole
    scope: str | None
    token: str
    key: Key | None = None

    @property
    def signed_in(self) -> bool:
        return self.key is not None


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A request for a page. Its store's methods wait for a database: they are for threads."""

    http: HttpRequest
    place: Place
    visitor: Visitor
    tenant: str
    form: Mapping[str, str] = field(default_factory=dict[str, str])
    files: tuple[UploadFile, ...] = ()

    @property
    def store(self) -> Store:
        """The tenant's store, for reading."""
        stores = self.place.tenants.stores
        return stores.known(self.tenant) if self.visitor.scope is None else stores.of(self.tenant)

    @property
    def settings(self) -> Settings:
        return self.place.tenants.settings

    @property
    def has_maker(self) -> bool:
        """Whether the settings name a maker, or the loop of this tenant, if it is open, has one."""
        loops = self.place.tenants.loops
        named = self.settings.roles.maker.model is not None
        return named or any(loop.builder.builds for loop in loops if loop.tenant == self.tenant)

    async def loop(self) -> Hammerstone:
        """The loop of a tenant that is there: an address makes none. Raises `NotFoundError`, `StoreError`."""
        await to_thread.run_sync(lambda: self.store)
        return await self.place.tenants.of(self.tenant)

    def asked(self, what: str, about: str = "") -> AdminRequest:
        """A request to the administration, whose changes are recorded as this visitor's."""
        act = Act(who=self.visitor.name, what=what, about=about)
        visitor, tenants = self.visitor, self.place.tenants
        return AdminRequest(
            tenants=tenants, settings=tenants.settings, act=act, tenant=self.tenant, scope=visitor.scope
        )

    def query(self, name: str, default: str = "") -> str:
        return self.http.query_params.get(name, default)

    def number(self, name: str, default: int | None = None) -> int | None:
        """A number in the query. Raises `GatewayError` for what is none."""
        value = self.query(name)
        if not value:
            return default
        if not (value.isascii() and value.isdecimal() and len(value) < 19):
            raise GatewayError(f"{name} is a number", status=422, code="invalid_request")
        return int(value)

    def link(self, path: str, **query: object) -> str:
        """The address of a page of this tenant. What is empty is left out."""
        given = {
            name: str(value) for name, value in {**query, "tenant": self.tenant}.items() if value not in ("", None)
        }
        return f"/ui{path}{query_string(given)}"

    def show(self, template: str, *, status: int = 200, **values: object) -> Response:
        """A page, or a part of one."""
        role = self.visitor.role
        text = render(
            template,
            visit=self,
            link=self.link,
            may_label=role.includes(KeyRole.LABELER),
            may_change=role.includes(KeyRole.ADMIN),
            **values,
        )
        return Response(text, status_code=status, media_type="text/html")

    def to(self, path: str, **query: object) -> Response:
        """A redirect to another page, after a form was taken."""
        return RedirectResponse(self.link(path, **query), status_code=303)


Handler = Callable[[Visit], Response] | Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True)
class Page:
    """`path` is below `/ui`. Whoever has not the role may not see it. What is no coroutine runs in a thread.

    A form may bring files of `upload_mb` megabytes together, if that is set.
    """

    method: Literal["GET", "POST"]
    path: str
    handle: Handler
    role: KeyRole = KeyRole.VIEWER
    upload_mb: float = 0.0
