"""`hammerstone mcp`: the live tools for an MCP client."""

from __future__ import annotations

from hammerstone.cli.extras import needs_extra
from hammerstone.cli.home import open_home
from hammerstone.cli.options import Backend, Config, Home, SandboxName, Tenant

__all__ = ["mcp"]


def mcp(config: Config = None, home: Home = None, tenant: Tenant = "", sandbox: SandboxName = Backend.AUTO) -> None:
    """Serve the live tools to an MCP client over standard input and output.

    Clients start this command themselves: name it, with its options, in their configuration. A running gateway serves
    the same tools over HTTP at /mcp.
    """
    import anyio

    from hammerstone.settings_file import load_settings

    with needs_extra("the MCP server", "mcp", "serve", "mcp"):
        from hammerstone.server.mcp_stdio import serve_stdio
    settings = load_settings(config).settings
    with open_home(home, tenant) as store:
        anyio.run(serve_stdio, store, sandbox, settings, tenant)
