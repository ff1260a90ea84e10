"""`hammerstone toolformer`: its commands, in the order of a run."""

from __future__ import annotations

import typer

from hammerstone.cli.toolformer import stage_commands
from hammerstone.cli.toolformer.demo_command import demo
from hammerstone.cli.toolformer.generate_command import generate
from hammerstone.cli.toolformer.suggest_command import suggest_prompt

__all__ = ["app"]

app = typer.Typer(help="Fine-tune a language model, from plain text, to call tools.", no_args_is_help=True)

app.command()(demo)
app.command()(stage_commands.corpus)
app.command()(stage_commands.index)
app.command()(suggest_prompt)
app.command()(stage_commands.annotate)
app.command()(stage_commands.execute)
app.command("filter")(stage_commands.filter_)
app.command()(stage_commands.dataset)
app.command()(stage_commands.finetune)
app.command()(generate)
app.command()(stage_commands.evaluate)
