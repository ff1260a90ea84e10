"""The entry point: which commands there are, and how errors are shown."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from hammerstone.cli import (
    bench,
    correct,
    demo,
    doctor,
    generate,
    keys,
    label,
    learn,
    ledger,
    make,
    mcp,
    purge,
    serve,
    solve,
    tasks,
    toolformer,
    tools,
    ui,
)
from hammerstone.cli.terminal import prepare_streams, show_error, show_text, talk
from hammerstone.errors import HammerstoneError
from hammerstone.visible import visible

__all__ = ["app", "main"]

INTERRUPTED = 130
_LINE_BREAK = re.compile(r"(?<!\n)\n[ \t]*(?![\s\n-])")  # within a paragraph
# Of an option's number: none of them makes sense beyond, and no database takes more than twice the bits.
MOST = 2**31 - 1

app = typer.Typer(
    name="hammerstone",
    help="A functional cache for language models: tools are built once, verified, and answer later requests.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="rich",
)

for command in (
    demo.demo,
    solve.solve,
    make.make,
    serve.serve,
    ui.ui,
    mcp.mcp,
    label.label,
    learn.learn,
    correct.correct,
    ledger.ledger,
    purge.purge,
    bench.bench,
    generate.generate,
    doctor.doctor,
):
    app.command()(command)
app.add_typer(tools.app, name="tools")
app.add_typer(tasks.app, name="tasks")
app.add_typer(keys.app, name="keys")
app.add_typer(toolformer.app, name="toolformer")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

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
    prepare_streams()
    _show_retries()
    arguments = [one for one in sys.argv[1:] if one != "--debug"]
    try:
        code = _commands()(arguments, prog_name="hammerstone", standalone_mode=False)
    except Exception as error:
        if "--debug" in sys.argv:
            _show_traceback(error)
        code = _show(error)
    if code == INTERRUPTED and (said := _after_interruption(arguments)):  # typer has made this of a KeyboardInterrupt
        talk(said, "interrupted:")
    sys.exit(code)


def _after_interruption(arguments: Sequence[str]) -> str:
    """How to go on after Ctrl-C; empty where there is nothing to say."""
    match arguments[:1]:
        case ["solve" | "make" | "learn" | "bench" | "label" | "toolformer"]:
            return "what was answered and paid is stored; the same command goes on from there"
        case ["demo"]:
            return "the demonstration starts from nothing each time: run it again with a new folder for --home"
        case ["serve" | "ui"]:
            return "it has stopped; the same command starts it again"
        case _:
            return ""


def _commands() -> Any:
    """The commands, with help that is text: typer would take `[generate]` in it for markup, and drop it. The terminal
    alone breaks the lines of its paragraphs.

    Every number has a greatest value, and every path may begin with `~`.
    """

    def bound(command: Any) -> None:
        for parameter in command.params:
            if type(parameter.type).__name__ == "IntRange" and parameter.type.max is None:
                parameter.type.max = MOST
            if parameter.type.name == "path" and parameter.callback is None:
                parameter.callback = _from_home

    def escape_help(command: Any) -> None:
        bound(command)
        for described in (command, *command.params):
            described.help = escape(_LINE_BREAK.sub(" ", described.help)) if getattr(described, "help", None) else None
        for inner in getattr(command, "commands", {}).values():
            escape_help(inner)

    from rich.markup import escape

    commands = typer.main.get_command(app)
    escape_help(commands)
    return commands


def _from_home(context: object, parameter: object, path: str | None) -> str | None:
    """The path of an option without its `~`; the shell leaves `--out=~/x.json` as it is."""
    from hammerstone.paths import expanded

    del context, parameter
    return None if path is None else str(expanded(path))


def _show_traceback(error: Exception) -> None:
    from traceback import format_exception

    from hammerstone.models import masked

    show_text(masked("".join(format_exception(error))), stderr=True)


def _show(error: Exception) -> int:
    """Show what happened; the exit code."""
    match error:
        case HammerstoneError():
            show_error(error.message, error.hint, error.details)
            return error.exit_code
        case typer.Abort():
            show_error("the input has ended")
        case _ if hasattr(error, "format_message"):  # typer's own: not every version exports their class
            return _show_misuse(error)
        case OSError(errno=int(number)):
            where = f"{error.filename}: " if error.filename else ""
            _abandon_full_output()
            show_error(f"{where}{os.strerror(number)}")
        case MemoryError():
            show_error("out of memory")
        case _:
            hint = "this is a fault in hammerstone: run again with --debug and report the traceback"
            show_error(f"{type(error).__name__}: {error}", hint)
    return 1


def _show_misuse(error: Any) -> int:
    """Show an unknown command or option. Where a bare command has shown its help, nothing is left to say."""
    if message := error.format_message():
        show_error(message, f"{error.ctx.command_path} --help" if error.ctx else "")
    return error.exit_code


def _abandon_full_output() -> None:
    """Drop what is buffered for a full output: it would fail again, with a traceback, at the end of the process."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_retries() -> None:
    """stamina reports a retry through `logging`, whose last resort is a bare word on stderr. Say it in a sentence.

    What other libraries log comes there as it is, with names and texts in it.
    """
    import logging

    class Visible(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return visible(super().format(record), lines=True)

    class Sentence(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            from hammerstone.models import masked

            waits = getattr(record, "stamina.wait_for", "?")
            talk(f"a model in {waits} s: {masked(str(getattr(record, 'stamina.caused_by', '')))}", "retrying")

    logging.getLogger("stamina").addHandler(Sentence())
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(Visible())
