"""What the commands of `hammerstone toolformer` share."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.errors import SettingsError

if TYPE_CHECKING:
    from hammerstone.toolformer.apis.api import Api
    from hammerstone.toolformer.apis.registry import LiveTool
    from hammerstone.toolformer.config import RunConfig

__all__ = ["File", "Ray", "described_apis", "needs_extra", "read_run", "running_apis"]

File = Annotated[Path, typer.Option("--config", help="The TOML file of the run.")]
Ray = Annotated[
    str | None, typer.Option("--ray", help="Work on the machines of the Ray cluster at this address; local starts one.")
]


@contextmanager
def needs_extra() -> Generator[None]:
    """A missing package of the extra becomes an error with a hint."""
    try:
        yield
    except ModuleNotFoundError as error:
        extras = "--extra toolformer" + (" --extra ray" if error.name == "ray" else "")
        raise SettingsError(
            f"this needs {error.name}, which is not installed", hint=f"uv run {extras} hammerstone …"
        ) from error


def read_run(path: Path) -> RunConfig:
    """Raises as `read_config`."""
    from hammerstone.toolformer.config import read_config

    return read_config(path)


def described_apis(config: RunConfig, home: str | None = None) -> list[Api]:
    """The tools, for their descriptions only: they cannot be run."""
    from hammerstone.cli.home import open_home
    from hammerstone.registry_tools import live_tool
    from hammerstone.toolformer.apis.api_specs import open_api

    def described(name: str) -> LiveTool:
        with open_home(home) as store:
            return live_tool(store, name)

    return [open_api(spec, open_live_tool=described) for spec in config.tools]


@asynccontextmanager
async def running_apis(specs: Sequence[str], home: str | None, sandbox: str) -> AsyncGenerator[list[Api]]:
    """The tools, ready to run; a sandbox is opened only for built ones."""
    from hammerstone.cli.home import open_home
    from hammerstone.registry_tools import live_tool
    from hammerstone.sandbox import open_sandbox
    from hammerstone.toolformer.apis.api_specs import open_api

    async with AsyncExitStack() as stack:
        made = any(spec.startswith("registry:") for spec in specs)
        store = stack.enter_context(open_home(home)) if made else None
        confined = await stack.enter_async_context(open_sandbox(sandbox)) if made else None

        def open_live_tool(name: str) -> LiveTool:
            if store is None:
                raise AssertionError("opened for every spec that names a built tool")
            return live_tool(store, name, confined)

        yield [open_api(spec, open_live_tool=open_live_tool) for spec in specs]
