"""A bench for tests of the maker: a build over a task's instances, with models that say what the test wants."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from hammerstone.builder import Maker
from hammerstone.builder.splits import Split, split_instances
from hammerstone.models.model import Model, Prompt
from hammerstone.sandbox import Sandbox
from hammerstone.settings import Settings
from hammerstone.store import Store
from hammerstone.store.accounts import AccountedModel
from hammerstone.store.records import Attempt, Build, StoredInstance
from hammerstone.testing import FunctionModel
from hammerstone.types import Instance, Role

from ..samples.sums import PAIRS, SETTINGS, SUM, asked, instances

SOLVE_ALONE = SUM.split("def parse")[0].replace("import re\n", "")


def relabeled(number: int, label: str, given: Sequence[Instance] | None = None) -> list[Instance]:
    """Instances of which one has this label, right or wrong."""
    changed = list(given or instances(5))
    changed[number] = replace(changed[number], answer=label)
    return changed


def misreading(number: int) -> str:
    """Reads one question wrongly, and writes it again as if it had not."""
    left = PAIRS[number][0]
    return SUM.replace('int(match[1]), "', f'int(match[1]) + (match[1] == "{left}"), "').replace(
        "    return f", f"    left -= left == {left + 1}\n    return f"
    )


def split_of(store: Store, settings: Settings = SETTINGS, name: str = "sum") -> Split:
    """The instances as the maker divides them."""
    numbers = settings.build.latm if settings.build.recipe == "latm" else settings.build.module
    return split_instances(store.instances(name), numbers, spare=settings.build.recipe != "latm")


def number_of(one: StoredInstance) -> int:
    """The number of an instance's question."""
    return next(number for number, given in enumerate(instances(len(PAIRS))) if given.question == one.question)


def fill(store: Store, given: Iterable[Instance], name: str = "sum") -> None:
    store.add_task(name, f"The {name} of two numbers.")
    for number, one in enumerate(given):
        store.add_instance(name, one, request_id=str(number))


async def make(
    store: Store,
    sandbox: Sandbox,
    maker: Model,
    *,
    user: Model | None = None,
    solver: Model | None = None,
    settings: Settings = SETTINGS,
) -> Build:
    """One build of the task `sum` from what is stored."""
    task = store.task("sum")
    assert task is not None
    build = await Maker(
        store=store,
        sandbox=sandbox,
        model=AccountedModel(maker, Role.MAKER, store),
        user=AccountedModel(user, Role.USER, store) if user else None,
        solver=AccountedModel(solver, Role.SOLVER, store) if solver else None,
        settings=settings,
    ).make(task)
    assert build is not None
    return build


def attempts(store: Store) -> tuple[Attempt, ...]:
    """The attempts of the latest build."""
    return store.attempts(store.builds()[0].id)


def stages(store: Store) -> list[tuple[str, int, str]]:
    return [(one.recipe, one.number, one.stage) for one in attempts(store)]


def saying(answer: Callable[[str], str] | str) -> FunctionModel:
    """A solver that gives this answer, or one that it computes from the question."""
    return FunctionModel(
        lambda prompt: f"Answer: {answer if isinstance(answer, str) else answer(asked(prompt))}", name="solver"
    )


def each_time_another() -> FunctionModel:
    """A solver that never says the same twice."""
    return FunctionModel(lambda prompt: f"Answer: {'I' * prompt.sample}", name="solver")


def said(prompt: Prompt) -> str:
    """The latest message to the maker."""
    return prompt.messages[-1].content


def arguments(given: Sequence[Instance], *, off_by: int = 0) -> str:
    """A block of arguments objects for the questions, in their order."""
    pairs = [PAIRS[number_of(one)] for one in given]  # type: ignore[arg-type]
    return f"```json\n{json.dumps([{'left': left + off_by, 'right': right} for left, right in pairs])}\n```"
