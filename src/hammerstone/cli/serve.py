"""`hammerstone serve`: the gateway."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.cli.options import Backend, Config, Home, Maker, SandboxName
from hammerstone.cli.terminal import talk
from hammerstone.errors import SettingsError

if TYPE_CHECKING:
    from hammerstone.settings import Settings

__all__ = ["serve", "serve_extra"]

AUDIT = 0.05  # of a new tool's answers are compared with the upstream's, unless the settings say otherwise
SHADOW = 20  # agreements in a row with the upstream before a tool serves, unless the settings say otherwise


Upstream = Annotated[
    str | None,
    typer.Option("--upstream", help="The OpenAI-compatible server that answers what no tool does, by its URL."),
]
AnthropicUpstream = Annotated[
    str | None,
    typer.Option("--anthropic-upstream", help="The server of Anthropic's API, if it is another one."),
]
Address = Annotated[str | None, typer.Option("--host", help="Address to listen on. Default: 127.0.0.1.")]
Port = Annotated[
    int | None,
    typer.Option("--port", min=0, max=65_535, help="Port to listen on. Default: 8000. 0 takes a free one."),
]
User = Annotated[
    str | None,
    typer.Option(
        "--user",
        envvar="HAMMERSTONE_USER",
        help="The cheap model of the user route. Default: none, so that only parsers answer.",
        rich_help_panel="Models",
    ),
]
Audit = Annotated[
    float | None,
    typer.Option(
        "--audit",
        min=0.0,
        max=1.0,
        help="Share of a new tool's answers that the upstream is asked for, too. Default: 0.05; 0 switches it off.",
    ),
]


def serve(
    upstream: Upstream = None,
    anthropic_upstream: AnthropicUpstream = None,
    home: Home = None,
    host: Address = None,
    port: Port = None,
    maker: Maker = None,
    user: User = None,
    audit: Audit = None,
    config: Config = None,
    sandbox: SandboxName = Backend.AUTO,
) -> None:
    """Serve OpenAI's and Anthropic's APIs: tools answer what they are sure of, the upstream all else.

    Point `base_url` of your clients here. Requests that repeat are learned from beside the traffic, and --maker builds
    tools for them. A new tool serves once it has agreed with the upstream 20 times in a row (the setting life.shadow).
    """
    given = {
        "roles.maker.model": maker,
        "roles.user.model": user,
        "life.audit": audit,
        "serve.upstream": upstream,
        "serve.anthropic_upstream": anthropic_upstream,
        "serve.host": host,
        "serve.port": port,
    }
    _serve(_settings(config, given), home, sandbox)


def _settings(config: Path | None, given: Mapping[str, object]) -> Settings:
    """Those of the file and of the command line, and the gateway's own defaults where neither says anything."""
    from hammerstone.settings_file import load_settings

    loaded = load_settings(config, given)
    for name, value in (("life.shadow", SHADOW), ("life.audit", AUDIT)):
        if name not in loaded.origins:
            loaded = loaded.with_value(name, value, "serve")
    return loaded.settings


def _serve(settings: Settings, home: str | None, sandbox: str) -> None:
    """Until it is told to stop."""
    import logging

    import anyio

    with serve_extra("serve"):
        from hammerstone.server import serving
        from hammerstone.server.telemetry import open_log, open_signals

    upstreams = serving.open_upstreams(settings.serve)
    signals = open_signals(settings.serve)

    def say_start(url: str, needs_key: bool) -> None:
        where = f"{url}/v1 passes on to {upstreams.openai.base_url}; the pages are at {url}"
        where += "" if needs_key else "; there are no keys, so this machine alone may ask"
        if settings.serve.log == "json":
            logging.getLogger("hammerstone.requests").info("serving: %s", where)
        else:
            talk(f"{where}; stop with Ctrl-C", "serving:")

    async def run() -> None:
        async with serving.open_tenants(home, settings, sandbox, signals) as tenants:
            await serving.serve(tenants, upstreams, settings.serve, signals, say_start)

    with open_log(settings.serve.log):
        try:
            anyio.run(run, backend_options={"use_uvloop": True})
        finally:
            signals.close()


@contextmanager
def serve_extra(command: str) -> Generator[None]:
    """Around the imports of a command: raises `SettingsError` where the extra `serve` is not installed."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in {"aiohttp", "jinja2", "pygments", "starlette", "uvicorn", "httpx2", "prometheus_client"}:
            raise
        raise SettingsError(
            f"the gateway needs {error.name}, which is not installed",
            hint=f"uv run --extra serve hammerstone {command}",
        ) from None
