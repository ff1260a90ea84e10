"""The entry point: which commands there are, and how errors are told."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from hammerstone.cli import bench, demo, doctor, generate, label, ledger, make, solve, tasks, toolformer, tools
from hammerstone.cli.terminal import talk, tell_error
from hammerstone.errors import HammerstoneError

__all__ = ["app", "main"]

INTERRUPTED = 130

app = typer.Typer(
    name="hammerstone",
    help="A functional cache for language models: tools are made once, verified, and answer later requests.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="rich",
)

for command in (
    demo.demo,
    solve.solve,
    make.make,
    label.label,
    ledger.ledger,
    bench.bench,
    generate.generate,
    doctor.doctor,
):
    app.command()(command)
app.add_typer(tools.app, name="tools")
app.add_typer(tasks.app, name="tasks")
app.add_typer(toolformer.app, name="toolformer")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hammerstone {version('hammerstone')}")
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    del debug, version  # read by `main` and by the callback


def main() -> None:
    """Run the command line; exit code 2 for the caller's mistakes, 1 for what broke on our side, 130 for Ctrl-C.

    `--debug` is taken wherever it stands: one who is asked to run a command again with it puts it at the end.
    """
    _tell_retries()
    arguments = [one for one in sys.argv[1:] if one != "--debug"]
    try:
        app(arguments, prog_name="hammerstone")
    except SystemExit as end:
        if end.code == INTERRUPTED:  # typer has made this of a KeyboardInterrupt
            talk("[yellow]interrupted:[/] what was answered and paid is stored; the same command goes on from there")
        raise
    except Exception as error:
        if "--debug" in sys.argv:
            import traceback

            traceback.print_exc()
        sys.exit(_tell(error))


def _tell(error: Exception) -> int:
    """Say what happened; the exit code."""
    match error:
        case HammerstoneError():
            tell_error(error.message, error.hint)
            return error.exit_code
        case OSError(errno=int(number)):
            where = f"{error.filename}: " if error.filename else ""
            _abandon_full_output()
            tell_error(f"{where}{os.strerror(number)}")
        case MemoryError():
            tell_error("out of memory")
        case _:
            hint = "this is a fault in hammerstone: run again with --debug and report the traceback"
            tell_error(f"{type(error).__name__}: {error}", hint)
    return 1


def _abandon_full_output() -> None:
    """What is still in the buffer of a full output would fail once more, with a traceback, when the process ends."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell_retries() -> None:
    """stamina tells of a retry through `logging`, whose last resort is a bare word on stderr. Say it in a sentence."""
    import logging

    from rich.markup import escape

    class Sentence(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            waits = getattr(record, "stamina.wait_for", "?")
            cause = escape(str(getattr(record, "stamina.caused_by", "")))
            talk(f"[yellow]retrying[/] a model in {waits} s: {cause}")

    logging.getLogger("stamina").addHandler(Sentence())
