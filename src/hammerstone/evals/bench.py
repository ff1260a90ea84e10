"""What every experiment works with: models that keep their accounts, a sandbox, samples, a bound on the cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hammerstone.errors import CallerError, InputError
from hammerstone.evals.tasks import generate_instances, task
from hammerstone.latm.accounts import AccountedModel, Bill
from hammerstone.latm.settings import LoopSettings
from hammerstone.latm.store import Store
from hammerstone.models.model import Model, Prompt, Reply
from hammerstone.reading import read_requests
from hammerstone.sandbox import Sandbox
from hammerstone.types import Instance, Request, Role, Source

__all__ = ["PAPER_TASKS", "Bench", "CostReachedError", "Samples", "generated_samples", "one_bill", "read_samples"]

PAPER_TASKS = (
    *("logical_deduction", "tracking_shuffled_objects", "dyck"),
    *("word_sorting", "chinese_remainder", "schedule_meeting"),
)
"""In the order of the paper's tables."""

TRAINING_SEED = 101  # instances that makers and few-shot prompts are shown
TEST_SEED = 202  # instances that are asked: never those


class CostReachedError(CallerError):
    """The bound on the cost is reached: what is finished stands, and is marked partial."""

    code = "cost-reached"


@dataclass(frozen=True, kw_only=True)
class Samples:
    """One task's instances: `shown` to makers and prompts, `asked` of everybody, disjoint.

    `generated` says that there are more where they came from.
    """

    task: str
    description: str
    shown: tuple[Instance, ...]
    asked: tuple[Instance, ...]
    generated: bool = True


@dataclass(kw_only=True)
class Bench:
    """One run. Completions are kept in `store`, so that a run that is broken off goes on without paying again.

    `n` instances are asked per task, `seed` draws them. `on_progress(what, done, total)` is told of every step.
    """

    store: Store
    sandbox: Sandbox
    models: Mapping[Role, Model]
    n: int
    seed: int = 0
    max_cost: float | None = None
    settings: LoopSettings = field(default_factory=LoopSettings)
    on_progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None
    spent: float = 0.0

    def model(self, role: Role) -> AccountedModel:
        """The model of a role, with its calls in the store and their cost counted against the bound."""
        return AccountedModel(_Bounded(self.models[role], self), role, self.store)


class _Bounded:
    """A model that is not asked any more once the bound on the cost is reached."""

    def __init__(self, model: Model, bench: Bench) -> None:
        self._model = model
        self._bench = bench

    @property
    def name(self) -> str:
        return self._model.name

    async def complete(self, prompt: Prompt) -> Reply:
        bench = self._bench
        if bench.max_cost is not None and bench.spent >= bench.max_cost:
            raise CostReachedError(
                f"${bench.spent:.2f} are spent, the bound is ${bench.max_cost:.2f}",
                hint="run the same command again with a higher --max-cost: what is paid is not paid again",
            )
        reply = await self._model.complete(prompt)
        bench.spent += reply.cost_usd or 0.0
        return reply


def generated_samples(name: str, n: int, seed: int) -> Samples:
    """Generated instances of one of hammerstone's own tasks. Raises `NotFoundError` for an unknown one."""
    found = task(name)
    shown = generate_instances(name, LoopSettings().needed, TRAINING_SEED + seed)
    seen = {one.question for one in shown}
    asked = [one for one in generate_instances(name, n + len(seen), TEST_SEED + seed) if one.question not in seen]
    return Samples(task=name, description=found.DESCRIPTION, shown=shown, asked=tuple(asked[:n]))


def read_samples(path: str, n: int) -> Samples:
    """Instances of any task from a file, the first ones shown, as in the paper. Raises `InputError`."""
    instances: list[Instance] = []
    for item in read_requests(path):
        if isinstance(item, Request) and item.answer is not None:
            instances.append(Instance(question=item.question, answer=item.answer, source=Source.CALLER))
    needed = LoopSettings().needed
    if len(instances) <= needed:
        raise InputError(
            f"{path} has {len(instances)} instances with an answer",
            hint=f"{needed} are shown to the maker, so {needed + 1} or more are needed",
        )
    name = path.rpartition("/")[2].partition(".")[0]
    return Samples(
        task=name, description="", shown=tuple(instances[:needed]), asked=tuple(instances[needed:][:n]), generated=False
    )


def one_bill(bills: Sequence[Bill]) -> Bill:
    """The sum of several."""
    total = Bill()
    for bill in bills:
        total.add(bill)
    return total
