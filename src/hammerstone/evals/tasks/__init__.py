"""Tasks whose instances hammerstone generates itself, with answers that are known to be right.

Every module in `generators` is a task of the shape `generated_task.GeneratedTask`, and every module in `companies` one
of the shape `generated_task.CompanyTask`, whose instances are chats. A new file is found by being there.
"""

from __future__ import annotations

import importlib
import pkgutil
import random
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from hammerstone.errors import InputError, NotFoundError
from hammerstone.evals.tasks import companies, generators

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import ModuleType

    from hammerstone.evals.tasks.generated_task import CompanyTask, GeneratedTask
    from hammerstone.types import Instance

__all__ = ["COMPANIES", "TASKS", "generate_instances", "near_misses", "task"]


def _discover(package: ModuleType) -> Iterator[ModuleType]:
    for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda found: found.name):
        if not found.name.startswith("_"):
            yield importlib.import_module(f"{package.__name__}.{found.name}")


# A module has no static type of its own; a test holds each of them to its protocol.
TASKS: Mapping[str, GeneratedTask] = MappingProxyType(
    {found.NAME: cast("GeneratedTask", found) for found in _discover(generators)}
)
COMPANIES: Mapping[str, CompanyTask] = MappingProxyType(
    {found.NAME: cast("CompanyTask", found) for found in _discover(companies)}
)


def task(name: str) -> GeneratedTask:
    """The task of that name. Raises `NotFoundError`."""
    if name not in TASKS:
        raise _unknown(name, TASKS)
    return TASKS[name]


def generate_instances(name: str, n: int, seed: int) -> tuple[Instance, ...]:
    """Draw `n` instances of a task or of a company, no question twice.

    A task's families take turns in shuffled rounds, so a small sample covers them all. The same name and seed give
    the same instances on any machine, and the first k are the same for every n. Raises `NotFoundError` for an unknown
    name and `InputError` for a negative `n` or for more questions than the task has.
    """
    # Samples, not secrets; recorded completions are keyed by what these seeds draw.
    rng = random.Random(f"{name} {seed}")  # noqa: S311
    if name in COMPANIES:
        return _draw(name, lambda rng, _: COMPANIES[name].generate(rng), ("all",), n, rng)
    if name not in TASKS:
        raise _unknown(name, (*TASKS, *COMPANIES))
    return _draw(name, TASKS[name].generate, TASKS[name].FAMILIES, n, rng)


def near_misses(name: str, n: int, seed: int) -> tuple[Instance, ...]:
    """Draw `n` look-alikes of a task, each with its own right answer, no question twice.

    The kinds take turns, and all else is as with `generate_instances`.
    """
    found = task(name)
    rng = random.Random(f"{name} near-miss {seed}")  # noqa: S311 - samples, not secrets
    return _draw(name, found.near_miss, found.NEAR_MISSES, n, rng)


def _unknown(name: str, known: Iterable[str]) -> NotFoundError:
    return NotFoundError(f"unknown task {name!r}", hint=f"the tasks are {', '.join(known)}")


def _draw(
    name: str, draw: Callable[[random.Random, str], Instance], families: tuple[str, ...], n: int, rng: random.Random
) -> tuple[Instance, ...]:
    if n < 0:
        raise InputError(f"cannot generate {n} instances", hint="ask for 0 or more")
    instances: dict[str, Instance] = {}
    turn: list[str] = []
    while len(instances) < n:
        if not turn:
            turn = rng.sample(families, len(families))
        fresh = _fresh(name, partial(draw, rng, turn.pop()), instances)
        instances[fresh.question] = fresh
    return tuple(instances.values())


def _fresh(name: str, draw: Callable[[], Instance], instances: Mapping[str, Instance]) -> Instance:
    for _ in range(1000):
        instance = draw()
        if instance.question not in instances:
            return instance
    raise InputError(
        f"{name} seems to have only {len(instances)} different questions in turn over its families",
        hint="ask for fewer instances",
    )
