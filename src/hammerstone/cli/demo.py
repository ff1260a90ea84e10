"""`hammerstone demo`: the whole loop on a mixed stream, offline, from real recorded completions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.cli.options import Backend, Config, Json, LiveMaker, LiveUser, SandboxName
from hammerstone.cli.terminal import progress
from hammerstone.errors import InputError

if TYPE_CHECKING:
    from hammerstone.evals.demo_run import DemoRun

__all__ = ["demo"]


def demo(
    home: Annotated[
        Path | None,
        typer.Option(
            "--home",
            help="New folder for the demo's store. Default: demo, demo-2, … in hammerstone's user data folder.",
        ),
    ] = None,
    maker: LiveMaker = None,
    user: LiveUser = None,
    recordings: Annotated[
        Path | None,
        typer.Option("--recordings", help="Folder of recorded completions: read, or written with --record."),
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="Record the completions of --maker and --user.")] = False,
    config: Config = None,
    sandbox: SandboxName = Backend.AUTO,
    json: Json = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="Send the requests through a gateway, and leave it running.")
    ] = False,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65_535, help="With --serve: port to listen on. 0 takes a free one.")
    ] = 8000,
) -> None:
    """Watch tools being built and used: 130 requests from six mixed tasks, some reworded, some of no task.

    Runs offline on recorded completions of a strong language model; with --maker and --user on live ones.
    """
    if serve:
        if maker or user or record or json or config:
            raise InputError(
                "--serve replays the recordings and prints no JSON",
                hint="leave out --maker, --user, --record, --config and --json; "
                "`hammerstone serve` has live models behind it",
            )
        from hammerstone.cli.demo_serve import demo_serve

        demo_serve(_fresh(home), recordings, sandbox, port)
        return
    import anyio

    from hammerstone.cli.demo_report import print_run, show_run
    from hammerstone.cli.demo_strips import Strips
    from hammerstone.environment import recordings as shipped
    from hammerstone.evals.demo_run import run_demo
    from hammerstone.evals.role_models import open_role_models
    from hammerstone.settings import Roles
    from hammerstone.settings_file import load_settings

    roles = load_settings(config).settings.roles if maker or user or config else Roles()
    folder = _fresh(home)
    models = open_role_models(recordings or shipped("demo"), maker=maker, user=user, record=record, roles=roles)

    async def run() -> DemoRun:
        with progress("all to the strong model, for comparison", total=None) as bar:
            strips = Strips()

            def on_baseline(done: int, total: int) -> None:
                bar.update(bar.task_ids[0], completed=done, total=total)
                if done == total:
                    bar.stop()
                    strips.start()

            try:
                return await run_demo(
                    folder,
                    models,
                    roles=roles,
                    sandbox=sandbox,
                    on_answer=strips.update,
                    on_baseline=on_baseline,
                )
            finally:
                strips.stop()

    demonstration = anyio.run(run)
    if json:
        print_run(demonstration, folder)
    else:
        show_run(demonstration, folder, live=" and ".join(filter(None, (maker, user))))


def _fresh(home: Path | None) -> Path:
    """A new folder; without a wish of the caller's, the next of the demo's own: no other is touched."""
    from platformdirs import user_data_path

    if home is not None:
        if _holds_something(home):
            raise InputError(f"{home} is not empty", hint="the demo starts from nothing: name a new folder")
        return home
    own = user_data_path("hammerstone") / "demo"
    return next(each for each in _numbered(own) if not _holds_something(each))


def _numbered(folder: Path) -> Iterator[Path]:
    yield folder
    yield from (folder.with_name(f"{folder.name}-{number}") for number in count(2))


def _holds_something(home: Path) -> bool:
    """Raises `InputError` for what cannot be a folder to write to."""
    try:
        return home.exists() and any(home.iterdir())
    except OSError as error:
        hint = "name a new folder with --home"
        raise InputError(f"{home} cannot be the demo's home: {error.strerror}", hint=hint) from None
