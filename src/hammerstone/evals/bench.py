"""What every experiment works with: models that keep their accounts, a sandbox, samples, a bound on the cost."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import anyio
from anyio import to_thread

from hammerstone.concurrency import map_concurrently
from hammerstone.errors import CallerError, EndsRun, InputError, ModelError, OperatorError
from hammerstone.evals.caches import Embedding, LexicalEmbedding
from hammerstone.evals.tasks import generate_instances, task
from hammerstone.models.model import Model, Prompt, Reply, identity_of
from hammerstone.requests import Unreadable, read_requests
from hammerstone.requests.comparison import normalise
from hammerstone.sandbox import Sandbox
from hammerstone.settings import LoopSettings
from hammerstone.store import Store
from hammerstone.store.accounts import AccountedModel, Bill
from hammerstone.tools.tool import tool_name
from hammerstone.types import Instance, Request, Role, Source

__all__ = [
    "PAPER_TASKS",
    "Bench",
    "CostReachedError",
    "Samples",
    "for_each",
    "generated_samples",
    "one_bill",
    "read_samples",
]

PAPER_TASKS = (
    *("logical_deduction", "tracking_shuffled_objects", "dyck"),
    *("word_sorting", "chinese_remainder", "schedule_meeting"),
)
"""In the order of the paper's tables."""

TRAINING_SEED = 101  # instances that makers and few-shot prompts are shown
TEST_SEED = 202  # instances that are asked: never those

A = TypeVar("A")
B = TypeVar("B")


class CostReachedError(CallerError, EndsRun):
    """The bound on the cost is reached: what is finished stands, and is marked partial."""

    code = "cost-reached"


class OutageError(OperatorError, EndsRun):
    """A model failed: what would be counted after it would be no figure."""

    code = "outage"


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


@dataclass(kw_only=True)
class Bench:
    """One run. Completions are kept in `store`, so that a run that is broken off goes on without paying again.

    `more_users` are measured beside the user where the experiment is about users, `embedding` is that of the semantic
    caches it compares with. `n` instances are asked per task, `seed` draws them. `max_cost` bounds what this run pays,
    in US dollars: no call begins after it, and the few that are then under way are still paid. `spent` is what it has
    paid so far, `None` once a price was unknown. `on_progress(what, done, total)` is told of every step,
    `on_spent(dollars)` of every paid call.
    """

    store: Store
    sandbox: Sandbox
    models: Mapping[Role, Model]
    more_users: tuple[Model, ...] = ()
    embedding: Embedding = field(default_factory=LexicalEmbedding)
    n: int
    seed: int = 0
    max_cost: float | None = None
    settings: LoopSettings = field(default_factory=LoopSettings)
    on_progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None
    on_spent: Callable[[float | None], None] = lambda _dollars: None
    spent: float | None = 0.0

    def __post_init__(self) -> None:
        self._opened: dict[Role, AccountedModel] = {}
        self._more_users = [self._counted(model, Role.USER) for model in self.more_users]
        # Under a bound few calls are under way at a time, and so few go beyond it.
        self.turns = anyio.CapacityLimiter(math.inf if self.max_cost is None else self.settings.concurrency)

    def model(self, role: Role) -> AccountedModel:
        """The model of a role, with its calls in the store and their cost counted against the bound.

        One object for each role: it is what keeps equal prompts at the same moment from being paid twice.
        """
        if role not in self._opened:
            self._opened[role] = self._counted(self.models[role], role)
        return self._opened[role]

    def users(self) -> list[AccountedModel]:
        """The user, and those that are measured beside it."""
        return [self.model(Role.USER), *self._more_users]

    def _counted(self, model: Model, role: Role) -> AccountedModel:
        return _CountedModel(_BoundedModel(model, self), role, self.store)

    def check_bound(self) -> None:
        """Raises `CostReachedError` if nothing more may be paid."""
        if self.max_cost is None or (self.spent is not None and self.spent < self.max_cost):
            return
        if self.spent is None:
            raise CostReachedError(
                f"a call was paid whose price is unknown, so the bound of ${self.max_cost:.2f} cannot be kept",
                hint="leave out --max-cost, or use a model whose price is known",
            )
        raise CostReachedError(
            f"${self.spent:.2f} are spent, the bound is ${self.max_cost:.2f}",
            hint="run the same command again with a higher --max-cost: what is paid is not paid again",
        )

    def note_cost(self, cost_usd: float | None) -> None:
        self.spent = None if self.spent is None or cost_usd is None else self.spent + cost_usd
        self.on_spent(self.spent)


class _BoundedModel:
    """A model that is not asked any more once the bound on the cost is reached."""

    def __init__(self, model: Model, bench: Bench) -> None:
        self._model = model
        self._bench = bench

    @property
    def name(self) -> str:
        return self._model.name

    @property
    def identity(self) -> str:
        return identity_of(self._model)

    async def complete(self, prompt: Prompt) -> Reply:
        async with self._bench.turns:
            self._bench.check_bound()
            reply = await self._model.complete(prompt)
            self._bench.note_cost(reply.cost_usd)
            return reply


class _CountedModel(AccountedModel):
    """Bills what is answered from the store as well: a figure says what its calls cost, whoever paid them and when.

    Else the figures of a run that goes on after a break, or of an experiment that asks what another has asked, would
    come out cheaper than they are.
    """

    async def complete(self, prompt: Prompt, bill: Bill) -> str:
        """Raises `OutageError` for a model that fails, not `ModelError`, which a maker takes for a try that came to
        nothing: a figure must not count an outage. What is paid is stored, so the run can go on later.
        """
        paid = Bill(request_id=bill.request_id, task=bill.task)
        try:
            text = await super().complete(prompt, paid)
        except ModelError as error:
            raise OutageError(error.message, hint=error.hint) from error
        stored = None if paid.calls else await to_thread.run_sync(self._store.find_call, prompt.key, self.identity)
        if stored is not None:
            paid.add(Bill(calls=1, cost_usd=stored.cost_usd, usage=stored.usage))
        bill.add(paid)
        return text


async def for_each(function: Callable[[A], Awaitable[B]], items: Sequence[A]) -> list[B]:
    """`map_concurrently`, but a bound on the cost that is reached cancels no call under way: it is paid, and is kept.

    Raises `CostReachedError` once all have ended.
    """
    results: dict[int, B] = {}
    reached: list[CostReachedError] = []

    async def one(index: int) -> None:
        try:
            results[index] = await function(items[index])
        except CostReachedError as error:
            reached.append(error)

    await map_concurrently(one, range(len(items)))
    if reached:
        raise reached[0]
    return [results[index] for index in range(len(items))]


def generated_samples(name: str, n: int, seed: int) -> Samples:
    """Generated instances of one of hammerstone's own tasks. Raises `NotFoundError` for an unknown one."""
    found = task(name)
    shown = generate_instances(name, LoopSettings().needed, TRAINING_SEED + seed)
    seen = {one.question for one in shown}
    asked = [one for one in generate_instances(name, n + len(seen), TEST_SEED + seed) if one.question not in seen]
    return Samples(task=name, description=found.DESCRIPTION, shown=shown, asked=tuple(asked[:n]))


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
    if name:
        own = generated_samples(name, 0, 0)
        return replace(own, asked=every[:n], more=every[n:], generated=False)
    needed = LoopSettings().needed
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


def one_bill(bills: Sequence[Bill]) -> Bill:
    """The sum of several."""
    total = Bill()
    for bill in bills:
        total.add(bill)
    return total
