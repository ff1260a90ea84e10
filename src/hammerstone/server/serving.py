"""Running the gateway: what it opens, where it listens, and how it ends."""

from __future__ import annotations

import gc
import logging
import re
import socket
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

import httpx2
import uvicorn
from anyio import to_thread
from starlette.applications import Starlette

from hammerstone.environment import default_home, secret
from hammerstone.errors import SettingsError, StoreError
from hammerstone.host import Host
from hammerstone.loop import Models
from hammerstone.models import price
from hammerstone.opening import name_models
from hammerstone.sandbox import open_lasting, open_sandbox
from hammerstone.server.access import Access
from hammerstone.server.app import build_app, build_pages_app
from hammerstone.server.connection import Connection
from hammerstone.server.draining import DrainingServer
from hammerstone.server.entry import is_loopback
from hammerstone.server.telemetry.signals import Signals
from hammerstone.server.upstream import Upstream, Upstreams
from hammerstone.settings import ServeSettings, Settings
from hammerstone.store import KEEP_NOTHING, open_keeping, open_stores
from hammerstone.types import Usage

__all__ = ["check_address", "open_tenants", "open_upstreams", "serve", "serve_pages", "warn_of_missing_key"]

_log = logging.getLogger(__name__)

_API = re.compile(r"/v1/(?:chat/completions|completions|responses|messages|embeddings|models)/?$")

KNOWN_TENANTS = 100  # whose tools are read before the gateway listens; those of others with their first request
SWITCH_SECONDS = 0.000_5  # that a thread which stores or reads tools may keep a request waiting
FRESH_SECONDS = 0.5  # that a tool or a label of another process may take to be known here
IDLE_SECONDS = 75  # of a connection; longer than balancers and clients keep theirs, so that they close first
LAST_SECONDS = 30  # that streams under way have to finish when the gateway is stopped


def open_upstreams(settings: ServeSettings) -> Upstreams:
    """Raises `SettingsError` for an upstream that is not named or is no URL, or a key that is not there."""
    if settings.upstream is None:
        raise SettingsError(
            "the gateway needs an upstream: the server that answers what no tool does",
            hint="--upstream https://api.openai.com, or upstream of [serve] in hammerstone.toml",
        )
    anthropic = settings.anthropic_upstream
    return Upstreams(
        openai=Upstream(_url(settings.upstream), api_key=_key(settings.api_key_env), timeout_s=settings.timeout_s),
        anthropic=None
        if anthropic is None
        else Upstream(
            _url(anthropic),
            api_key=_key(settings.anthropic_api_key_env),
            key_header="x-api-key",
            timeout_s=settings.timeout_s,
        ),
    )


def _key(variable: str | None) -> str | None:
    return secret(variable) if variable is not None else None


def check_address(settings: ServeSettings, *, has_keys: bool) -> None:
    """Raises `SettingsError` for an address that others can reach while anybody may ask."""
    if has_keys or is_loopback(settings.host):
        return
    raise SettingsError(
        f"without keys the gateway listens on this machine alone, not on {settings.host}",
        hint="create one with `hammerstone keys create NAME`, or leave out --host",
    )


def warn_of_missing_key(settings: ServeSettings, *, has_keys: bool) -> None:
    """Clients that have a key of the gateway's seldom send the upstream's as well."""
    missing = ["api_key_env"] if settings.api_key_env is None else []
    if settings.anthropic_upstream is not None and settings.anthropic_api_key_env is None:
        missing.append("anthropic_api_key_env")
    for name in missing if has_keys else ():
        _log.warning(
            "there are keys, but no %s in [serve]: requests reach the upstream without a key, unless clients "
            "send x-hammerstone-upstream-authorization",
            name,
        )


def _models(settings: Settings, *, learns: bool) -> Models:
    """A role that is not named is not played: the upstream answers, and no model is asked on a request's path but a
    user. Where nothing is stored, nothing is built.
    """
    named, roles = name_models(settings=settings), settings.roles
    return Models(
        maker=named.maker if learns and roles.maker.model is not None else None,
        user=named.user if roles.user.model is not None else None,
        dispatcher=named.dispatcher if roles.dispatcher.model is not None else None,
    )


@asynccontextmanager
async def open_tenants(
    home: str | None, settings: Settings, sandbox: str, signals: Signals, models: Models | None = None
) -> AsyncGenerator[Host]:
    """The loops behind the gateway, with the `models` that the settings name, or others. Raises `SettingsError`,
    `StoreError`, `SandboxError`.
    """
    keeping = open_keeping(settings.serve)
    models = models or _models(settings, learns=keeping is not KEEP_NOTHING)
    with open_stores(home or default_home(), keeping=keeping) as stores:
        async with (
            open_lasting(
                lambda: open_sandbox(sandbox, settings=settings.sandbox), signals.health.sandbox()
            ) as confined,
            Host(
                stores=stores,
                sandbox=confined,
                models=models,
                settings=settings,
                on_build=signals.on_build,
                fresh_s=FRESH_SECONDS,
                on_fault=signals.health.failed,
            ) as host,
        ):
            await host.catch_up()
            await _open_known(host)
            try:
                yield host
            finally:
                host.interrupt()  # builds go on when it is started again


async def _open_known(host: Host) -> None:
    """The tools of all tenants are read before anybody asks for them."""
    for tenant in (await to_thread.run_sync(host.tenants))[:KNOWN_TENANTS]:
        with suppress(StoreError):  # reported to its first request
            await host.of(tenant)


async def serve(
    tenants: Host,
    upstreams: Upstreams,
    settings: ServeSettings,
    signals: Signals,
    on_start: Callable[[str, bool], None],
) -> None:
    """Serve until SIGINT or SIGTERM, then finish the streams under way.

    `on_start` gets the address, and whether a request needs a key. Raises `StoreError` if the keys cannot be read, and
    `SettingsError` if the port is taken, or if others could reach a gateway that has no keys.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    access = await _access(tenants, settings, signals)
    warn_of_missing_key(settings, has_keys=access.required)
    price("", Usage(input_tokens=0, output_tokens=0))  # the table of prices takes 0.3 s: no request is to wait for it
    app = build_app(tenants, upstreams, settings, access=access, signals=signals)
    await _listen(app, settings, signals, lambda url: on_start(url, access.required))


async def serve_pages(
    tenants: Host, settings: ServeSettings, signals: Signals, on_start: Callable[[str], None]
) -> None:
    """Like `serve`, but the pages alone."""
    access = await _access(tenants, settings, signals)
    await _listen(build_pages_app(tenants, settings, access, signals), settings, signals, on_start)


async def _access(tenants: Host, settings: ServeSettings, signals: Signals) -> Access:
    """The door, with its keys. Raises `StoreError`, and `SettingsError` where it would stand open to others."""
    access = Access(
        tenants.keys, unknown_price_usd=settings.unknown_price_usd, reporter=signals.health.store("exchanging keys")
    )
    await access.load()
    check_address(settings, has_keys=access.required)
    return access


async def _listen(app: Starlette, settings: ServeSettings, signals: Signals, on_start: Callable[[str], None]) -> None:
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=Connection,
        ws="none",
        log_config=None,  # `telemetry.log` has it
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,  # the upstream's replies bring theirs
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=LAST_SECONDS,
    )
    listening = _bound(settings.host, settings.port)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{listening.getsockname()[1]}"
    server = DrainingServer(config, signals.health, drain_s=settings.drain_s, on_start=lambda: on_start(url))
    gc.collect()
    gc.freeze()  # what is here now stays: a search through it for garbage would keep all requests waiting
    await server.serve(sockets=[listening])


def _bound(host: str, port: int) -> socket.socket:
    """Not by uvicorn, which would log what is wrong beside our own error, and end the process."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        why = (error.strerror or str(error)).lower()
        hint = "--port names another port" + ("" if is_loopback(host) else ", --host another address")
        raise SettingsError(f"port {port} of {host} cannot be used: {why}", hint=hint) from None
    return listening


def _url(text: str) -> str:
    try:
        url = httpx2.URL(text)
    except httpx2.InvalidURL:
        url = httpx2.URL()
    if url.userinfo:  # it would be shown wherever the upstream is named
        raise SettingsError(
            "the URL of an upstream holds no password", hint="api_key_env names a variable with its key"
        )
    if longer := _API.search(text):
        base = text[: longer.start()]
        raise SettingsError(f"{text[:80]!r} is the URL of one API, not of an upstream", hint=f"name it as {base}")
    if url.scheme in ("http", "https") and url.host and not url.query and not url.fragment and _is_port(url.port):
        return text
    raise SettingsError(f"{text[:80]!r} is not the URL of an upstream", hint="such as https://api.openai.com")


def _is_port(port: int | None) -> bool:
    return port is None or 0 < port <= 65_535
