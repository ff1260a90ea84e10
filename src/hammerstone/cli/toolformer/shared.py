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
    from hammerstone.toolformer.apis.registry import MadeTool
    from hammerstone.toolformer.config import Config

__all__ = ["File", "described_apis", "needs_extra", "read_run", "running_apis", "time_left"]

File = Annotated[Path, typer.Option("--config", help="The TOML file of the run.")]


@contextmanager
def needs_extra() -> Generator[None]:
    """All of this needs packages that the core does not."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise SettingsError(
            f"this needs {error.name}, which is not installed", hint="pip install 'hammerstone[toolformer]'"
        ) from error


def read_run(path: Path) -> Config:
    """Raises as `read_config`."""
    from hammerstone.toolformer.config import read_config

    return read_config(path)


def time_left(seconds: float | None) -> str:
    """As the end of a note; nothing where it is not known."""
    if seconds is None:
        return ""
    return f", {seconds / 60:.0f} min left" if seconds >= 90 else f", {seconds:.0f} s left"


def described_apis(config: Config, home: str | None = None) -> list[Api]:
    """The tools as they are described: nothing is run with them."""
    from hammerstone.cli.home import open_home
    from hammerstone.made_tools import find_tool
    from hammerstone.toolformer.apis.api_specs import open_api

    def described(name: str) -> MadeTool:
        with open_home(home) as store:
            return find_tool(store, name)

    return [open_api(spec, open_made=described) for spec in config.tools]


@asynccontextmanager
async def running_apis(specs: Sequence[str], home: str | None, sandbox: str) -> AsyncGenerator[list[Api]]:
    """The tools as they can be run; a sandbox is opened only for made ones."""
    from hammerstone.cli.home import open_home
    from hammerstone.made_tools import find_tool
    from hammerstone.sandbox import open_sandbox
    from hammerstone.toolformer.apis.api_specs import open_api

    async with AsyncExitStack() as stack:
        made = any(spec.startswith("registry:") for spec in specs)
        store = stack.enter_context(open_home(home)) if made else None
        confined = await stack.enter_async_context(open_sandbox(sandbox)) if made else None

        def open_made(name: str) -> MadeTool:
            if store is None:
                raise AssertionError("opened for every spec that names a made tool")
            return find_tool(store, name, confined)

        yield [open_api(spec, open_made=open_made) for spec in specs]
