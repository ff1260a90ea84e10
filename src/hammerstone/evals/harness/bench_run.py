"""The run of an experiment: a store, a sandbox, models whose calls are accounted, and a bound on the cost."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import anyio
from anyio import to_thread

from hammerstone.concurrency import map_concurrently
from hammerstone.errors import CallerError, EndsRun, ModelError, OperatorError, ReplyCutError
from hammerstone.evals.baselines.embeddings import Embedding, LexicalEmbedding
from hammerstone.models import Model, Prompt, Reply, identity_of, sound_reply
from hammerstone.sandbox import Sandbox
from hammerstone.settings import Roles, Settings
from hammerstone.store import AccountedModel, Bill, Store
from hammerstone.types import Role

__all__ = ["BenchRun", "CostReachedError", "ExtraModel", "OutageError", "for_each", "one_bill"]

A = TypeVar("A")
B = TypeVar("B")


class CostReachedError(CallerError, EndsRun):
    """The bound on the cost is reached. Finished work is kept and marked partial."""

    code = "cost-reached"


class OutageError(OperatorError, EndsRun):
    """A model failed. To go on counting would measure the outage."""

    code = "outage"


@dataclass(frozen=True, kw_only=True)
class ExtraModel:
    """A model that is measured beside the one of a role, in these parts of the experiments.

    `roles` limit its calls in each role, where the bench's settings do not; `n` is how many instances of a task it is
    asked, where it is not as many as the others.
    """

    model: Model
    parts: frozenset[str]
    roles: Roles | None = None
    n: int | None = None


@dataclass(kw_only=True)
class BenchRun:
    """One run. Completions are kept in `store`, so an interrupted run resumes without paying again.

    `extra` models are measured beside those of the roles, `embeddings` are those of the semantic caches
    that an experiment compares with. `n` instances are asked per task, `seed` draws them. `max_cost` bounds what this
    run pays, in US dollars: no call begins after it, and the few that are then under way are still paid. `spent` is
    what it has paid so far, `None` once a price was unknown. `on_progress(what, done, total)` is called at every step,
    `on_spent(dollars)` of every paid call.
    """

    store: Store
    sandbox: Sandbox
    models: Mapping[Role, Model]
    extra: tuple[ExtraModel, ...] = ()
    embeddings: tuple[Embedding, ...] = (LexicalEmbedding(),)
    n: int
    seed: int = 0
    max_cost: float | None = None
    settings: Settings = field(default_factory=Settings)
    on_progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None
    on_spent: Callable[[float | None], None] = lambda _dollars: None
    spent: float | None = 0.0

    def __post_init__(self) -> None:
        self._opened: dict[Role, AccountedModel] = {}
        self._extra: dict[tuple[int, Role], AccountedModel] = {}
        # Under a bound few calls are under way at a time, and so few go beyond it.
        self.turns = anyio.CapacityLimiter(math.inf if self.max_cost is None else self.settings.loop.concurrency)

    def model(self, role: Role) -> AccountedModel:
        """The model of a role, with its calls in the store and their cost counted against the bound.

        One object for each role: it is what keeps equal prompts at the same moment from being paid twice.
        """
        if role not in self._opened:
            self._opened[role] = self._counted(self.models[role], role)
        return self._opened[role]

    def every_role(self) -> dict[Role, AccountedModel]:
        return {role: self.model(role) for role in Role}

    def models_of(self, role: Role, *parts: str) -> list[AccountedModel]:
        """The model of a role, and those that are measured beside it in all of these parts."""
        extra = [k for k, one in enumerate(self.extra) if one.parts.issuperset(parts)]
        return [self.model(role), *(self._beside(k, role) for k in extra)]

    def n_of(self, model: AccountedModel) -> int:
        """The number of instances per task that a model is asked."""
        own = next((self.extra[k].n for (k, _), one in self._extra.items() if one is model), None)
        return self.n if own is None else own

    def _beside(self, k: int, role: Role) -> AccountedModel:
        if (k, role) not in self._extra:
            self._extra[k, role] = self._counted(self.extra[k].model, role, self.extra[k].roles)
        return self._extra[k, role]

    def _counted(self, model: Model, role: Role, roles: Roles | None = None) -> AccountedModel:
        limits = (roles or self.settings.roles).of(role)
        return _CountedModel(_BoundedModel(model, self), role, self.store, limits)

    def check_bound(self) -> None:
        """Check the bound on the cost. Raises `CostReachedError` if nothing more may be paid."""
        if self.max_cost is None or (self.spent is not None and self.spent < self.max_cost):
            return
        if self.spent is None:
            raise CostReachedError(
                f"a call was paid whose price is unknown, so the bound of ${self.max_cost:.2f} cannot be kept",
                hint="leave out --max-cost, or use a model whose price is known",
            )
        raise CostReachedError(
            f"${self.spent:.2f} spent, the bound is ${self.max_cost:.2f}",
            hint="run the same command again with a higher --max-cost: what is paid is not paid again",
        )

    def note_cost(self, cost_usd: float | None) -> None:
        self.spent = None if self.spent is None or cost_usd is None else self.spent + cost_usd
        self.on_spent(self.spent)


class _BoundedModel:
    """A model that is not asked any more once the bound on the cost is reached."""

    def __init__(self, model: Model, bench: BenchRun) -> None:
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
            reply = sound_reply(await self._model.complete(prompt))
            self._bench.note_cost(reply.cost_usd)
            return reply


class _CountedModel(AccountedModel):
    """Bills what is answered from the store as well: a measurement says what its calls cost, whenever they were paid.

    Otherwise a resumed run, or an experiment that asks what another has asked, would look cheaper than it is.
    """

    async def complete(self, prompt: Prompt, bill: Bill) -> str:
        """Raises `OutageError` for a model that fails, not `ModelError`, which a maker takes for a failed attempt: no
        measurement may count an outage. What is paid is stored, so the run can resume later.
        """
        paid = Bill(request_id=bill.request_id, task=bill.task)
        try:
            text = await super().complete(prompt, paid)
        except ReplyCutError:
            text = ""  # no outage: it counts as a reply that holds no answer, no arguments and no tool
        except ModelError as error:
            raise OutageError(error.message, hint=error.hint) from error
        stored = None if paid.calls else await to_thread.run_sync(self._store.find_call, prompt.key, self.identity)
        if stored is not None:
            paid.add(Bill(calls=1, cost_usd=stored.cost_usd, usage=stored.usage, seconds=stored.seconds))
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


def one_bill(bills: Sequence[Bill]) -> Bill:
    """The sum of several."""
    total = Bill()
    for bill in bills:
        total.add(bill)
    return total
