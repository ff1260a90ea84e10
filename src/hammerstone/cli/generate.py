"""`hammerstone generate`: instances of the tasks that hammerstone knows how to make up."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

__all__ = ["generate"]


class InstanceFormat(StrEnum):
    JSONL = "jsonl"
    BIGBENCH = "bigbench"


def generate(
    task: Annotated[str, typer.Argument(help="The task's name; a wrong one lists them all.")],
    n: Annotated[int, typer.Option("-n", min=0, help="How many instances.")] = 10,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same instances.")] = 0,
    form: Annotated[
        InstanceFormat, typer.Option("--form", help="JSON lines, or the shape of BIG-bench files.")
    ] = InstanceFormat.JSONL,
) -> None:
    """Write solved instances of a task to standard output."""
    from hammerstone.evals.tasks import generate_instances
    from hammerstone.requests import write_instances

    write_instances(generate_instances(task, n, seed), sys.stdout, form=form.value)
    sys.stdout.flush()  # a full disk is found out here, not when the process ends
