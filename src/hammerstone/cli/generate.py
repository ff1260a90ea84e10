"""`hammerstone generate`: instances of the tasks that hammerstone generates itself."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hammerstone.types import Instance

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
    from hammerstone.evals.tasks import COMPANIES, generate_instances
    from hammerstone.requests import write_instances

    instances = generate_instances(task, n, seed)
    if task in COMPANIES:
        _write_chats(instances, form)
    else:
        write_instances(instances, sys.stdout, form=form.value)
    sys.stdout.flush()  # a full disk is found out here, not when the process ends


def _write_chats(instances: Iterable[Instance], form: InstanceFormat) -> None:
    """Write each chat on a line, with the answer as its last turn."""
    if form is InstanceFormat.BIGBENCH:
        raise InputError("chats do not fit into a BIG-bench file", hint="leave out --form, for JSON lines")
    for instance in instances:
        turns = instance.chat.messages if instance.chat else ()
        messages = [{"role": turn.role, "content": turn.content} for turn in turns]
        messages.append({"role": "assistant", "content": instance.answer})
        sys.stdout.write(json.dumps({"messages": messages}, ensure_ascii=False) + "\n")
