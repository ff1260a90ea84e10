"""The routes of the pages: who may see which, and what every reply of theirs carries.

With keys, a page needs a session, which a key with a role begins at `/ui/login`. Without, this machine alone may see
them, as with the administration. A form is taken with the token of its session only, and from a page of this origin.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from hmac import compare_digest
from typing import cast
from urllib.parse import parse_qsl, quote

from anyio import to_thread
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route, compile_path

from hammerstone.errors import HammerstoneError
from hammerstone.server.admin.api import apply_changes
from hammerstone.server.bodies import read_body
from hammerstone.server.entry import check_origin
from hammerstone.server.pages import (
    experiments,
    health,
    keys,
    labels,
    learning,
    log,
    overview,
    playground,
    requests,
    tasks,
    tool_actions,
    trial,
)
from hammerstone.server.pages.rendering import STATIC, static_file
from hammerstone.server.pages.sessions import SECONDS, Session, Sessions
from hammerstone.server.pages.uploads import is_upload, read_upload
from hammerstone.server.pages.visit import Page, Place, Visit, Visitor
from hammerstone.server.replies import GatewayError, refusal_of
from hammerstone.store import KeyRole

__all__ = ["PAGES", "Pages"]

PAGES: tuple[Page, ...] = (
    *overview.PAGES,
    *requests.PAGES,
    *tasks.PAGES,
    *tool_actions.PAGES,
    *trial.PAGES,
    *playground.PAGES,
    *learning.PAGES,
    *labels.PAGES,
    *experiments.PAGES,
    *health.PAGES,
    *keys.PAGES,
    *log.PAGES,
)
_TO_SEE = [compile_path(f"/ui{page.path}")[0] for page in PAGES if page.method == "GET"]
_FORMS = [compile_path(f"/ui{page.path}")[0] for page in PAGES if page.method == "POST"]
COOKIE = "hammerstone_session"
FORM_MB = 1.0
_HEADERS = {
    "content-security-policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}
_A_YEAR = {"cache-control": "public, max-age=31536000, immutable", "x-content-type-options": "nosniff"}


class Pages:
    """The routes below `/ui`, and `/`, which leads there."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._access = place.access
        self._opened: Sessions | None = None

    def routes(self) -> list[Route]:
        return [
            Route("/", self._home, methods=["GET"]),
            Route("/ui/static/{name}", self._static, methods=["GET"]),
            Route("/ui/login", self._login, methods=["GET", "POST"]),
            Route("/ui/logout", self._logout, methods=["POST"]),
            *(Route(f"/ui{page.path}", self._endpoint(page), methods=[page.method]) for page in PAGES),
            Route("/ui/{path:path}", self._unknown, methods=["GET", "POST"]),
        ]

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Work in the background runs within this block."""
        async with self._place.figures.running(), self._place.learning.running():
            yield

    async def _home(self, http: HttpRequest) -> Response:
        del http
        return RedirectResponse("/ui", status_code=307, headers=_HEADERS)

    async def _static(self, http: HttpRequest) -> Response:
        name = http.path_params["name"]
        kind = STATIC.get(name.rpartition(".")[2])
        try:
            content, _ = static_file(name if kind else "")
        except (FileNotFoundError, IsADirectoryError):
            return Response("not found", status_code=404)
        return Response(content, media_type=kind, headers=_A_YEAR)

    def _endpoint(self, page: Page) -> Callable[[HttpRequest], Awaitable[Response]]:
        async def endpoint(http: HttpRequest) -> Response:
            return await self._guarded(http, lambda visit: self._answer(page, visit), page.role)

        return endpoint

    async def _unknown(self, http: HttpRequest) -> Response:
        async def refuse(visit: Visit) -> Response:
            path = visit.http.scope["path"]
            if http.method == "GET" and any(form.fullmatch(path) for form in _FORMS):  # as after a reload
                return visit.to(_page_above(path).removeprefix("/ui"))
            raise GatewayError(f"there is no page {path[:80]}", status=404, code="not_found")

        return await self._guarded(http, refuse, KeyRole.VIEWER)

    async def _answer(self, page: Page, visit: Visit) -> Response:
        if page.upload_mb and is_upload(visit.http):
            async with read_upload(visit.http, page.upload_mb) as upload:
                form = _checked(upload.fields, visit.visitor.token)
                return await self._done(page, replace(visit, form=form, files=upload.files))
        if page.method == "POST":
            visit = replace(visit, form=await self._form(visit.http, visit.visitor.token))
        return await self._done(page, visit)

    async def _done(self, page: Page, visit: Visit) -> Response:
        if inspect.iscoroutinefunction(page.handle):
            response = cast("Response", await page.handle(visit))
        else:
            response = cast("Response", await to_thread.run_sync(page.handle, visit))
        if page.method == "POST":
            await apply_changes(self._place.tenants, self._access, visit.tenant)
        return response

    async def _guarded(self, http: HttpRequest, act: Callable[[Visit], Awaitable[Response]], role: KeyRole) -> Response:
        """What `act` answers to a visitor who has this role; where something is wrong, a page that says so."""
        visit: Visit | None = None
        session: Session | None = None
        try:
            check_origin(http)
            sessions = await self._sessions()
            session = sessions.read(http.cookies.get(COOKIE, ""))
            visitor = await self._visitor(http, session)
            if visitor is None:
                return _to_login(http)
            session = session or sessions.begin(None)
            visitor = replace(visitor, token=sessions.token(session))
            visit = Visit(http=http, place=self._place, visitor=visitor, tenant=_tenant(http, visitor))
            if not visitor.role.includes(role):
                message = f"this needs a key of the role {role}, and yours is a {visitor.role}'s"
                raise GatewayError(message, status=403, code="role", kind="permission_error")
            return self._finished(http, await act(visit), sessions.cookie(session))
        except HammerstoneError as error:
            return _failed(visit, refusal_of(error))
        except GatewayError as error:
            return _failed(visit, error)

    async def _sessions(self) -> Sessions:
        """Their secret is read with the first page."""
        if self._opened is None:
            self._opened = Sessions(await self._access.page_secret())
        return self._opened

    async def _visitor(self, http: HttpRequest, session: Session | None) -> Visitor | None:
        """None for one who has to sign in. Raises `GatewayError` for one who may not come in at all."""
        if not self._access.required:
            admin = await self._access.admit_admin(http)
            return Visitor(name=admin.name, role=KeyRole.ADMIN, scope=admin.scope, token="")
        key = self._access.key(session.key_id) if session is not None and session.key_id is not None else None
        if key is None:
            return None
        return Visitor(name=key.name, role=key.role, scope=key.tenant or None, token="", key=key)

    async def _form(self, http: HttpRequest, token: str) -> dict[str, str]:
        """Raises `GatewayError` for a form that is not one of this session's pages."""
        body = await read_body(http, FORM_MB)
        text = body.decode("utf-8", "surrogateescape")
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=200)
        return _checked(dict(fields), token)

    # signing in and out

    async def _login(self, http: HttpRequest) -> Response:
        try:
            check_origin(http)
            sessions = await self._sessions()
            if not self._access.required:
                return RedirectResponse("/ui", status_code=303, headers=_HEADERS)
            if http.method == "GET":
                return self._ask_for_key(http, sessions, _local(http.query_params.get("after", "")))
            return await self._sign_in(http, sessions)
        except HammerstoneError as error:
            return _failed(None, refusal_of(error))
        except GatewayError as error:
            return _failed(None, error)

    def _ask_for_key(self, http: HttpRequest, sessions: Sessions, after: str, problem: str = "") -> Response:
        """The form has a session of its own, so that nobody is signed in by a page of another site.

        `after` is the page to go to then.
        """
        session = sessions.begin(None)
        visitor = Visitor(name="", role=KeyRole.CLIENT, scope=None, token=sessions.token(session))
        visit = Visit(http=http, place=self._place, visitor=visitor, tenant="")
        status = 401 if problem else 200
        shown = visit.show("login.html", status=status, problem=problem, after=after)
        return self._finished(http, shown, sessions.cookie(session))

    async def _sign_in(self, http: HttpRequest, sessions: Sessions) -> Response:
        session = sessions.read(http.cookies.get(COOKIE, ""))
        form = await self._form(http, sessions.token(session) if session is not None else "")
        after = _local(form.get("after", ""))
        try:
            key = self._access.sign_in(form.get("key", "").strip())
        except GatewayError as error:
            return self._ask_for_key(http, sessions, after, error.message)
        if not key.role.includes(KeyRole.VIEWER):
            return self._ask_for_key(http, sessions, after, "this key sends requests, and sees no pages")
        cookie = sessions.cookie(sessions.begin(key.id))
        return self._finished(http, RedirectResponse(after, status_code=303), cookie)

    async def _logout(self, http: HttpRequest) -> Response:
        async def leave(visit: Visit) -> Response:
            await self._form(http, visit.visitor.token)
            return RedirectResponse("/ui/login", status_code=303)

        response = await self._guarded(http, leave, KeyRole.VIEWER)
        if response.status_code == 303:
            del response.headers["set-cookie"]
            response.delete_cookie(COOKIE, path="/ui")
        return response

    @staticmethod
    def _finished(http: HttpRequest, response: Response, cookie: str) -> Response:
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        response.set_cookie(
            COOKIE, cookie, max_age=SECONDS, path="/ui", httponly=True, samesite="strict", secure=_is_https(http)
        )
        return response


def _checked(fields: Mapping[str, str], token: str) -> dict[str, str]:
    """The fields as they were typed. Raises `GatewayError` for a form that does not hold the session's token."""
    form = {name: value.replace("\r\n", "\n") for name, value in fields.items()}  # browsers send line breaks so
    if not token or not compare_digest(form.pop("token", "").encode("utf-8", "replace"), token.encode()):
        message = "this form is of another session: reload the page and send it again"
        raise GatewayError(message, status=403, code="form_token", kind="permission_error")
    return form


def _is_https(http: HttpRequest) -> bool:
    """Whether the visitor uses HTTPS, also through a proxy that ends TLS. A false header only harms its sender."""
    return "https" in (http.scope["scheme"], http.headers.get("x-forwarded-proto", ""))


def _tenant(http: HttpRequest, visitor: Visitor) -> str:
    """Raises `GatewayError` for one that the visitor may not see."""
    named = http.query_params.get("tenant")
    if visitor.scope is None:
        return named or ""
    if named not in (None, visitor.scope):
        message = f"your key looks after the tenant {visitor.scope!r} alone"
        raise GatewayError(message, status=403, code="tenant_admin", kind="permission_error")
    return visitor.scope


def _to_login(http: HttpRequest) -> Response:
    """And back to what was asked for. A part of a page cannot be led there by itself."""
    path = http.scope["path"] + (f"?{http.url.query}" if http.url.query else "")
    login = f"/ui/login?after={quote(path)}" if http.method == "GET" else "/ui/login"
    if "hx-request" in http.headers:
        return Response(status_code=204, headers={**_HEADERS, "hx-redirect": "/ui/login"})
    return RedirectResponse(login, status_code=303, headers=_HEADERS)


def _local(address: str) -> str:
    """An address of a page of ours: nobody is led elsewhere by a link to the login."""
    return address if address.startswith(("/ui/", "/ui?")) and "\\" not in address else "/ui"


def _page_above(path: str) -> str:
    """The nearest page that there is to see above this address."""
    while not any(page.fullmatch(path) for page in _TO_SEE):
        path = path.rpartition("/")[0]
    return path


def _came_from(http: HttpRequest) -> str:
    """The page of ours that led here, or else the overview."""
    scheme, _, rest = http.headers.get("referer", "").partition("://")
    host, slash, path = rest.partition("/")
    is_ours = scheme in ("http", "https") and host == http.headers.get("host")
    return _local(slash + path) if is_ours else "/ui"


def _failed(visit: Visit | None, error: GatewayError) -> Response:
    """A page that says what is wrong; of one who has not come in, without the rest of the site."""
    if visit is None:
        text = f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else "")
        return Response(text, status_code=error.status, media_type="text/plain", headers=_HEADERS)
    values = {"message": error.message, "hint": error.hint, "back": _came_from(visit.http)}
    shown = visit.show("problem.html", status=error.status, **values)
    shown.headers.update(_HEADERS)
    return shown
