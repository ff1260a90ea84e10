"""`hammerstone ui`: the pages of a home, without a gateway."""

from __future__ import annotations

from typing import Annotated

import typer

from hammerstone.cli.options import Backend, Config, Home, Maker, SandboxName
from hammerstone.cli.serve import serve_extra
from hammerstone.cli.terminal import talk

__all__ = ["ui"]


def ui(
    home: Home = None,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on. Default: 127.0.0.1.")] = None,
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65_535, help="Port to listen on. Default: 8000. 0 takes a free one."),
    ] = None,
    maker: Maker = None,
    config: Config = None,
    sandbox: SandboxName = Backend.AUTO,
) -> None:
    """Show what is saved, what is learned, and what there is to decide: pages for a browser, without a gateway.

    `hammerstone serve` shows the same pages beside its APIs. With --maker, tools can be built from here.
    """
    import anyio

    with serve_extra("ui"):
        from hammerstone.server.serving import open_tenants, serve_pages
        from hammerstone.server.telemetry import open_signals
    from hammerstone.settings_file import load_settings

    given = {"roles.maker.model": maker, "serve.host": host, "serve.port": port}
    settings = load_settings(config, given).settings
    signals = open_signals(settings.serve)

    async def run() -> None:
        async with open_tenants(home, settings, sandbox, signals) as tenants:
            await serve_pages(
                tenants, settings.serve, signals, lambda url: talk(f"{url}/ui; stop with Ctrl-C", "pages:")
            )

    try:
        anyio.run(run)
    finally:
        signals.close()
