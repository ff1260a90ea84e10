"""`hammerstone generate`: instances of the tasks that hammerstone generates itself."""

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
    task: Annotated[str, typer.Argument(help="Task name. An unknown one lists them all.")],
    n: Annotated[int, typer.Option("-n", min=0, help="Number of instances.")] = 10,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Random seed: the same seed gives the same instances.")
    ] = 0,
    form: Annotated[
        InstanceFormat, typer.Option("--form", help="JSON lines, or the format of BIG-bench files.")
    ] = InstanceFormat.JSONL,
) -> None:
    """Write solved instances of a task to standard output."""
    from hammerstone.evals.tasks import generate_instances
    from hammerstone.requests import write_instances

    write_instances(generate_instances(task, n, seed), sys.stdout, form=form.value)
    sys.stdout.flush()  # a full disk is found out here, not when the process ends
