"""The instances of a task that an experiment works with: some are shown, the others are asked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from hammerstone.errors import InputError
from hammerstone.evals.tasks import generate_instances, task
from hammerstone.requests import Unreadable, normalise, read_requests
from hammerstone.settings import BuildSettings
from hammerstone.tools import tool_name
from hammerstone.types import Instance, Request, Source

__all__ = ["PAPER_TASKS", "Samples", "generated_samples", "read_samples", "samples_for"]

PAPER_TASKS = (
    *("logical_deduction", "tracking_shuffled_objects", "dyck"),
    *("word_sorting", "chinese_remainder", "schedule_meeting"),
)
"""The paper's tasks, in the order of its tables."""

TRAINING_SEED = 101  # instances that makers and few-shot prompts are shown
TEST_SEED = 202  # instances that are asked: never those


@dataclass(frozen=True, kw_only=True)
class Samples:
    """One task's instances: `shown` to makers and prompts, `asked` of everybody, disjoint.

    `more` are asked of what costs nothing alone. `generated` says that there are others where they came from.
    """

    task: str
    description: str
    shown: tuple[Instance, ...]
    asked: tuple[Instance, ...]
    more: tuple[Instance, ...] = ()
    generated: bool = True


def generated_samples(name: str, n: int, seed: int) -> Samples:
    """Generated instances of one of hammerstone's own tasks. Raises `NotFoundError` for an unknown one."""
    found = task(name)
    shown = generate_instances(name, BuildSettings().needed, TRAINING_SEED + seed)
    seen = {one.question for one in shown}
    asked = [one for one in generate_instances(name, n + len(seen), TEST_SEED + seed) if one.question not in seen]
    return Samples(task=name, description=found.DESCRIPTION, shown=shown, asked=tuple(asked[:n]))


def samples_for(samples: Samples, n: int, seed: int) -> Samples:
    """`n` of a task's instances asked, the first ones the same for every `n`: fewer where a file holds fewer."""
    if samples.generated:
        return generated_samples(samples.task, n, seed)
    every = samples.asked + samples.more
    return replace(samples, asked=every[:n], more=every[n:])


def read_samples(path: str, n: int, *, name: str = "") -> Samples:
    """Instances of any task from a file, the first ones shown, as in the paper. Each question counts once.

    With the `name` of one of hammerstone's own tasks, generated instances are shown and all of the file is asked.
    Raises `InputError` for a file that cannot be read or has too few, and for an item that is no instance, and
    `NotFoundError` for an unknown name.
    """
    instances: dict[str, Instance] = {}
    for item in read_requests(path):
        instance = _instance(path, item)
        instances.setdefault(normalise(instance.question), instance)
    every = tuple(instances.values())
    if name and not every:
        raise InputError(f"{path} has no instance", hint="each item needs a question and its answer")
    if name:
        own = generated_samples(name, 0, 0)
        return replace(own, asked=every[:n], more=every[n:], generated=False)
    needed = BuildSettings().needed
    if len(every) <= needed:
        raise InputError(
            f"{path} has {len(every)} different instances",
            hint=f"{needed} are shown to the maker, so {needed + 1} or more are needed",
        )
    name, rest = tool_name(Path(path).name.partition(".")[0]) or "task", every[needed:]
    return Samples(task=name, description="", shown=every[:needed], asked=rest[:n], more=rest[n:], generated=False)


def _instance(path: str, item: Request | Unreadable) -> Instance:
    if isinstance(item, Unreadable):
        raise InputError(f"{path}, line {item.line}: {item.why}", hint="every item must be a question with its answer")
    if item.answer is None:
        raise InputError(f"{path}: request {item.id} has no answer", hint='add "answer" (or "target") to each item')
    return Instance(question=item.question, answer=item.answer, source=Source.CALLER)
