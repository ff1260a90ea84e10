"""`hammerstone serve`: the gateway."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated

import typer

from hammerstone.cli.options import Backend, Config, Home, Maker, SandboxName
from hammerstone.cli.terminal import talk
from hammerstone.errors import SettingsError

__all__ = ["serve", "serve_extra"]

AUDIT = 0.05  # of a new tool's answers are compared with the upstream's, unless the settings say otherwise
SHADOW = 20  # agreements in a row with the upstream before a tool serves, unless the settings say otherwise


def serve(
    upstream: Annotated[
        str | None,
        typer.Option("--upstream", help="The OpenAI-compatible server that answers what no tool does, by its URL."),
    ] = None,
    anthropic_upstream: Annotated[
        str | None,
        typer.Option("--anthropic-upstream", help="The server of Anthropic's API, if it is another one."),
    ] = None,
    home: Home = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on. Default: 127.0.0.1.")] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65_535, help="Port to listen on. Default: 8000. 0 takes a free one."),
    ] = None,
    maker: Maker = None,
    user: Annotated[
        str | None,
        typer.Option(
            "--user",
            envvar="HAMMERSTONE_USER",
            help="The cheap model of the user route. Default: none, so that only parsers answer.",
            rich_help_panel="Models",
        ),
    ] = None,
    audit: Annotated[
        float | None,
        typer.Option(
            "--audit",
            min=0.0,
            max=1.0,
            help="Share of a new tool's answers that the upstream is asked for, too. Default: 0.05; 0 switches it off.",
        ),
    ] = None,
    config: Config = None,
    sandbox: SandboxName = Backend.AUTO,
) -> None:
    """Serve OpenAI's and Anthropic's APIs: tools answer what they are sure of, the upstream all else.

    Point `base_url` of your clients here. Requests that repeat are learned from beside the traffic, and --maker builds
    tools for them. A new tool serves once it has agreed with the upstream 20 times in a row (the setting life.shadow).
    """
    import logging

    import anyio

    with serve_extra("serve"):
        from hammerstone.server.serving import open_tenants, open_upstreams
        from hammerstone.server.serving import serve as run_server
        from hammerstone.server.telemetry import open_log, open_signals
    from hammerstone.settings_file import load_settings

    loaded = load_settings(
        config,
        {
            "roles.maker.model": maker,
            "roles.user.model": user,
            "life.audit": audit,
            "serve.upstream": upstream,
            "serve.anthropic_upstream": anthropic_upstream,
            "serve.host": host,
            "serve.port": port,
        },
    )
    for name, value in (("life.shadow", SHADOW), ("life.audit", AUDIT)):
        if name not in loaded.origins:
            loaded = loaded.with_value(name, value, "serve")
    settings = loaded.settings
    upstreams = open_upstreams(settings.serve)
    signals = open_signals(settings.serve)

    def say_start(url: str) -> None:
        where = f"{url}/v1 passes on to {upstreams.openai.base_url}; the pages are at {url}"
        if settings.serve.log == "json":
            logging.getLogger("hammerstone.requests").info("serving: %s", where)
        else:
            talk(f"{where}; stop with Ctrl-C", "serving:")

    async def run() -> None:
        async with open_tenants(home, settings, sandbox, signals) as tenants:
            await run_server(tenants, upstreams, settings.serve, signals, say_start)

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
