"""`hammerstone serve`: the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.cli.extras import needs_extra
from hammerstone.cli.options import Address, Backend, Config, Home, Maker, Port, SandboxName
from hammerstone.cli.terminal import talk

if TYPE_CHECKING:
    from hammerstone.settings import Settings

__all__ = ["serve"]

Upstream = Annotated[
    str | None,
    typer.Option("--upstream", help="The OpenAI-compatible server that answers what no tool does, by its URL."),
]
AnthropicUpstream = Annotated[
    str | None,
    typer.Option("--anthropic-upstream", help="The server of Anthropic's API, if it is another one."),
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
    """The settings of the file and the command line, with the gateway's own defaults where neither says anything."""
    from hammerstone.settings import GATEWAY_AUDIT, GATEWAY_SHADOW
    from hammerstone.settings_file import load_settings

    loaded = load_settings(config, given)
    for name, value in (("life.shadow", GATEWAY_SHADOW), ("life.audit", GATEWAY_AUDIT)):
        if name not in loaded.origins:
            loaded = loaded.with_value(name, value, "serve")
    return loaded.settings


def _serve(settings: Settings, home: str | None, sandbox: str) -> None:
    """Serve until a signal stops it."""
    import logging

    import anyio

    with needs_extra("the gateway", "serve"):
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
