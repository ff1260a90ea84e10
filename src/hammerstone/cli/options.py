"""Options that several commands share."""

from __future__ import annotations

import math
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Address",
    "Answers",
    "Backend",
    "BaseURL",
    "Config",
    "Dispatcher",
    "Home",
    "Json",
    "LiveMaker",
    "LiveUser",
    "Maker",
    "Port",
    "Recipe",
    "Record",
    "SandboxName",
    "Solver",
    "Tenant",
    "User",
    "dollars",
]

_MODELS = "Models"


class Recipe(StrEnum):
    AUTO = "auto"
    MODULE = "module"
    LATM = "latm"


class Backend(StrEnum):
    AUTO = "auto"
    SANDLOCK = "sandlock"
    BUBBLEWRAP = "bubblewrap"
    MONTY = "monty"


Answers = Annotated[
    str | None,
    typer.Option("--answers", help="Output file of an OpenAI batch, for the answers to the requests in FILE."),
]


def dollars(value: float | None) -> float | None:
    """An option's callback: `nan` passes every bound, and bounds nothing. Raises `typer.BadParameter`."""
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not an amount")
    return value


Home = Annotated[
    str | None,
    typer.Option(
        "--home",
        envvar="HAMMERSTONE_HOME",
        help="Where tools and instances are kept: a folder, or a database URL. Default: hammerstone in your user data "
        "folder.",
    ),
]
Tenant = Annotated[
    str, typer.Option("--tenant", help="Whose tools and instances. Default: those of requests that name no tenant.")
]
Config = Annotated[
    Path | None,
    typer.Option("--config", help="Settings file. Default: hammerstone.toml in the working folder, if there is one."),
]
Json = Annotated[bool, typer.Option("--json", help="JSON lines on standard output.")]
Maker = Annotated[
    str | None,
    typer.Option(
        "--maker",
        envvar="HAMMERSTONE_MAKER",
        help="The strong model: builds tools, and answers what no tool serves. provider:name, openai:name@URL, "
        "recorded:FILE, mailbox:DIR.",
        rich_help_panel=_MODELS,
    ),
]
User = Annotated[
    str | None,
    typer.Option(
        "--user",
        envvar="HAMMERSTONE_USER",
        help="The cheap model: writes arguments, and sorts requests. Default: the maker.",
        rich_help_panel=_MODELS,
    ),
]
# Where recorded completions are what is usual, the environment must not turn a command into one that pays.
LiveMaker = Annotated[
    str | None, typer.Option("--maker", help="A live strong model instead of the recordings.", rich_help_panel=_MODELS)
]
LiveUser = Annotated[
    str | None, typer.Option("--user", help="A live cheap model. Default: the maker.", rich_help_panel=_MODELS)
]
Dispatcher = Annotated[
    str | None,
    typer.Option("--dispatcher", help="The model that sorts requests. Default: the user.", rich_help_panel=_MODELS),
]
Solver = Annotated[
    str | None,
    typer.Option(
        "--solver",
        help="The model that answers what no tool serves, or `labeler` for a person. Default: the maker.",
        rich_help_panel=_MODELS,
    ),
]
BaseURL = Annotated[
    str | None,
    typer.Option("--base-url", help="An OpenAI-compatible endpoint for all models.", rich_help_panel=_MODELS),
]
Record = Annotated[
    str | None,
    typer.Option(
        "--record", help="Keep every new completion in this file; recorded:FILE replays it.", rich_help_panel=_MODELS
    ),
]
Address = Annotated[str | None, typer.Option("--host", help="Address to listen on. Default: 127.0.0.1.")]
Port = Annotated[
    int | None,
    typer.Option("--port", min=0, max=65_535, help="Port to listen on. Default: 8000. 0 takes a free one."),
]
SandboxName = Annotated[
    Backend, typer.Option("--sandbox", help="Where generated code runs; see: hammerstone doctor. auto: the strongest.")
]
