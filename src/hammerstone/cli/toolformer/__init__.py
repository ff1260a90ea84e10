"""`hammerstone toolformer`: its commands, in the order in which a run needs them."""

from __future__ import annotations

import typer

from hammerstone.cli.toolformer import stages
from hammerstone.cli.toolformer.demo import demo
from hammerstone.cli.toolformer.generate import generate

__all__ = ["app"]

app = typer.Typer(help="Teach a language model, from plain text, when and how to call tools.", no_args_is_help=True)

app.command()(demo)
app.command()(stages.corpus)
app.command()(stages.index)
app.command()(stages.annotate)
app.command()(stages.execute)
app.command("filter")(stages.filter_)
app.command()(stages.dataset)
app.command()(stages.finetune)
app.command()(generate)
app.command()(stages.evaluate)
