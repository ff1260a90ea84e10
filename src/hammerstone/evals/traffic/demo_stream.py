"""The demo's stream: requests as a user with many tasks would send them, each with its task and kind beside it.

The first part is all in the tasks' own forms, with a few one-offs: from it the tools are built. The second part asks
more in the own forms, words some questions differently, and mixes in the rest of the one-offs.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from hammerstone.evals.tasks import TASKS, generate_instances
from hammerstone.evals.tasks.one_offs import ONE_OFFS
from hammerstone.types import Request

if TYPE_CHECKING:
    from hammerstone.types import Instance

__all__ = ["DEMO_SEED", "DEMO_TASKS", "DemoKind", "StreamItem", "demo_stream", "new_questions", "stream_items"]

DEMO_SEED = 1
DEMO_TASKS = (
    *("chinese_remainder", "dyck", "logical_deduction"),
    *("schedule_meeting", "tracking_shuffled_objects", "word_sorting"),
)

DemoKind: TypeAlias = Literal["own", "paraphrase", "one-off"]
_Entry: TypeAlias = "tuple[Instance, str | None, DemoKind]"

_MAKING, _MORE, _PARAPHRASED = 12, 6, 2  # per task
_ONE_OFFS, _EARLY_ONE_OFFS = 10, 4


@dataclass(frozen=True, kw_only=True)
class StreamItem:
    """A request and what it is: its task (`None` for a one-off) and its wording. The request itself carries no hint."""

    request: Request
    task: str | None
    kind: DemoKind


def demo_stream() -> tuple[Request, ...]:
    """The 130 requests alone, with their answers and without a task hint."""
    return tuple(item.request for item in stream_items())


def stream_items(seed: int = DEMO_SEED) -> tuple[StreamItem, ...]:
    """12 questions of each task, then 6 more and 2 paraphrases; 4 one-offs in the first part, 6 in the second."""
    rng = random.Random(f"stream {seed}")  # noqa: S311 - samples, not secrets
    first: list[_Entry] = []
    second: list[_Entry] = []
    for name in DEMO_TASKS:
        build, later = _of_task(name, seed, rng)
        first += build
        second += later
    one_offs: list[_Entry] = [(instance, None, "one-off") for instance in rng.sample(ONE_OFFS, _ONE_OFFS)]
    first += one_offs[:_EARLY_ONE_OFFS]
    second += one_offs[_EARLY_ONE_OFFS:]
    rng.shuffle(first)
    rng.shuffle(second)
    return tuple(_item(number, *entry) for number, entry in enumerate(first + second, start=1))


def new_questions() -> dict[str, Instance]:
    """One question of each task that the stream does not hold."""
    asked = _MAKING + _MORE + _PARAPHRASED
    return {name: generate_instances(name, asked + 1, DEMO_SEED)[-1] for name in DEMO_TASKS}


def _of_task(name: str, seed: int, rng: random.Random) -> tuple[list[_Entry], list[_Entry]]:
    instances = generate_instances(name, _MAKING + _MORE + _PARAPHRASED, seed)
    own: list[_Entry] = [(instance, name, "own") for instance in instances[: _MAKING + _MORE]]
    paraphrases: list[_Entry] = [
        (TASKS[name].paraphrase(instance, rng), name, "paraphrase") for instance in instances[_MAKING + _MORE :]
    ]
    return own[:_MAKING], own[_MAKING:] + paraphrases


def _item(number: int, instance: Instance, task: str | None, kind: DemoKind) -> StreamItem:
    request = Request.plain(id=f"r{number:03}", question=instance.question, answer=instance.answer)
    return StreamItem(request=request, task=task, kind=kind)
