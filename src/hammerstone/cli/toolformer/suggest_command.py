"""`hammerstone toolformer suggest-prompt`: a prompt with examples from the corpus itself, for a person to accept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.cli.options import Backend, Home, Json, SandboxName
from hammerstone.cli.tables import show_table
from hammerstone.cli.terminal import print_json, print_line, progress, show_text, talk
from hammerstone.cli.toolformer.shared import File, needs_extra, read_run, running_apis
from hammerstone.errors import InputError, OperatorError
from hammerstone.formatting import percent

if TYPE_CHECKING:
    from hammerstone.toolformer.suggest.suggestion import SuggestedPrompt

__all__ = ["suggest_prompt"]


def suggest_prompt(
    tool: Annotated[str, typer.Argument(help="Name of the tool in texts, such as Calculator.")],
    config: File,
    by: Annotated[
        str, typer.Option("--by", help="Who finds the calls: rule, self, local:FOLDER, or any model's name.")
    ] = "rule",
    examples: Annotated[int, typer.Option("--examples", min=1, help="Number of examples in the prompt.")] = 3,
    documents: Annotated[
        int, typer.Option("--documents", min=2, help="Number of documents of the corpus to look at.")
    ] = 300,
    into: Annotated[Path | None, typer.Option("--into", help="Write the prompt to this new file.")] = None,
    home: Home = None,
    sandbox: SandboxName = Backend.AUTO,
    json: Json = False,
) -> None:
    """Suggest an annotation prompt with the corpus's own sentences, and measure it beside the one in use."""
    import anyio

    with needs_extra():
        from hammerstone.toolformer.runs import run_suggest_prompt

        read = read_run(config)
        if into is not None and into.exists():
            raise InputError(f"{into} exists", hint="name a new file, or delete this one")

        async def run() -> SuggestedPrompt:
            async with running_apis(read.tools, home, sandbox) as apis:
                return await run_suggest_prompt(read, apis, tool, by=by, examples=examples, documents=documents)

        with progress("suggesting a prompt"):
            made = anyio.run(run)
        print_json(made) if json else _show(made)
        if into is not None:
            _write(into, made.prompt)
            named = os.path.relpath(into, config.parent)  # as the file of the run takes it
            talk(f'to use it: [annotate] prompt_files.{made.api} = "{named}"', "written:")


def _show(made: SuggestedPrompt) -> None:
    """The prompt, where it comes from, and how it does beside the present one."""
    print_line(f"In {made.with_places:,} of {made.documents:,} documents a result of {made.api} comes next.")
    show_text(f"\n{made.prompt}\n")
    rows = [
        (name, f"{one.places:,}", f"{one.chosen:,} ({percent(one.chosen, one.places)})", f"{one.probability:.4f}")
        for name, one in (
            ("in use", made.present),
            ("suggested, pairs of input and output", made.pairs),
            ("suggested, annotated texts alone", made.texts),
        )
        if one is not None
    ]
    k = made.pairs.k if made.pairs is not None else 0
    columns = ("prompt", "#places", f"#among the {k} likeliest", "#mean p([)")
    show_table("Places where the result comes next, in documents that are no examples", columns, rows)


def _write(path: Path, prompt: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(prompt + "\n", encoding="utf-8")
    except OSError as error:
        raise OperatorError(f"cannot write {path}: {error.strerror}", hint="name another file") from error
