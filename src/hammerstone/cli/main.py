"""The entry point: which commands there are, and how errors are told."""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from hammerstone.cli import demo, doctor, generate, label, ledger, make, solve, tasks, tools
from hammerstone.cli.terminal import talk
from hammerstone.errors import HammerstoneError

__all__ = ["app", "main"]

app = typer.Typer(
    name="hammerstone",
    help="A functional cache for language models: tools are made once, verified, and answer later requests.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="rich",
)

for command in (demo.demo, solve.solve, make.make, label.label, ledger.ledger, doctor.doctor, generate.generate):
    app.command()(command)
app.add_typer(tools.app, name="tools")
app.add_typer(tasks.app, name="tasks")


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
    """Run the command line; exit code 2 for the caller's mistakes, 1 for what broke on our side, 130 for Ctrl-C."""
    _tell_retries()
    if "--debug" in sys.argv:
        app()
    try:
        app()
    except HammerstoneError as error:
        talk(f"[bold red]error:[/] {_escape(error.message)}")
        if error.hint:
            talk(f"[bold cyan]hint:[/] {_escape(error.hint)}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        talk("[yellow]interrupted:[/] what was answered and paid is stored; the same command goes on from there")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output has left, as `head` does
        sys.exit(0)
    except MemoryError:
        talk("[bold red]error:[/] out of memory")
        sys.exit(1)
    except Exception as error:
        talk(f"[bold red]error:[/] {type(error).__name__}: {_escape(str(error))}")
        talk("[bold cyan]hint:[/] this is a fault in hammerstone: run again with --debug and report the traceback")
        sys.exit(1)


def _tell_retries() -> None:
    """stamina tells of a retry through `logging`, whose last resort is a bare word on stderr. Say it in a sentence."""
    import logging

    class Sentence(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            waits = getattr(record, "stamina.wait_for", "?")
            cause = _escape(str(getattr(record, "stamina.caused_by", "")))
            talk(f"[yellow]retrying[/] a model in {waits} s: {cause}")

    logging.getLogger("stamina").addHandler(Sentence())


def _escape(text: str) -> str:
    from rich.markup import escape

    return escape(text)
