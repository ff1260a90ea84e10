"""`hammerstone ui`: the pages of a home, without a gateway."""

from __future__ import annotations

from hammerstone.cli.extras import needs_extra
from hammerstone.cli.options import Address, Backend, Config, Home, Maker, Port, SandboxName
from hammerstone.cli.terminal import talk

__all__ = ["ui"]


def ui(
    home: Home = None,
    host: Address = None,
    port: Port = None,
    maker: Maker = None,
    config: Config = None,
    sandbox: SandboxName = Backend.AUTO,
) -> None:
    """Show what is saved, what is learned, and what there is to decide: pages for a browser, without a gateway.

    `hammerstone serve` shows the same pages beside its APIs. With --maker, tools can be built from here.
    """
    import anyio

    with needs_extra("the gateway", "ui"):
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
