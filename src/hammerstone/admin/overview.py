"""What is saved: the requests of a stretch of time, set beside what they would have cost at the strong model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hammerstone.life.figures import FalseHitRate, false_hit_rate
from hammerstone.store import Store
from hammerstone.store.standing import Progress
from hammerstone.store.traffic import Spent, Stretch, StrongModel, Traffic
from hammerstone.types import Route

__all__ = ["WITHOUT_MODEL", "Overview", "Saving", "TaskSaving", "by_model", "by_task", "overview", "saving"]

WITHOUT_MODEL = frozenset((Route.PARSER, Route.EXACT, Route.LABELER))
EVER = ""  # sorts before every moment


@dataclass(frozen=True, kw_only=True)
class Saving:
    """Some requests, and what the strong model would have taken for them.

    `without_model` counts those that no model was asked for, and `unanswered` those that failed or wait for a person.
    `baseline_usd` is what the strong model's answers of the same task cost on average, for every answer that it did
    not give, and what it has cost for the others; `None` where it has no known price. `paid` is what was paid to answer
    them. `seconds` is how much longer their clients would have waited.
    """

    requests: int
    without_model: int
    unanswered: int
    baseline_usd: float | None
    paid: Spent
    seconds: float

    @property
    def share(self) -> float | None:
        """Of the requests, those without a model."""
        return self.without_model / self.requests if self.requests else None

    @property
    def saved_usd(self) -> float | None:
        """Before what was learned is paid. Unknown with any price."""
        return None if self.baseline_usd is None or self.paid.unpriced else self.baseline_usd - self.paid.usd


@dataclass(frozen=True, kw_only=True)
class TaskSaving:
    """Of one task or of one model; `None` for requests of none."""

    name: str | None
    saving: Saving


@dataclass(frozen=True, kw_only=True)
class Overview:
    """All of it. `learning` is what builds and comparisons have cost in the same time."""

    all: Saving
    learning: Spent
    tasks: tuple[TaskSaving, ...]
    models: tuple[TaskSaving, ...]
    progress: Progress
    false_hits: FalseHitRate

    @property
    def paid(self) -> Spent:
        return Spent(self.all.paid.usd + self.learning.usd, self.all.paid.unpriced + self.learning.unpriced)

    @property
    def saved_usd(self) -> float | None:
        """With builds and comparisons in it. Unknown with any price."""
        return None if self.all.saved_usd is None or self.learning.unpriced else self.all.saved_usd - self.learning.usd


def overview(store: Store, stretch: Stretch) -> Overview:
    """Raises `StoreError`."""
    rows, strong, progress = store.traffic(stretch), store.strong_model(EVER), store.progress()
    return Overview(
        all=saving(rows, strong),
        learning=store.spent_learning(stretch),
        tasks=by_task(rows, strong),
        models=by_model(rows, strong),
        progress=progress,
        false_hits=false_hit_rate(progress.tally),
    )


def by_task(rows: Sequence[Traffic], strong: StrongModel) -> tuple[TaskSaving, ...]:
    """Those with most requests first."""
    return _grouped(((row.task, row) for row in rows), strong)


def by_model(rows: Sequence[Traffic], strong: StrongModel) -> tuple[TaskSaving, ...]:
    """By the model that the requests name, those with most requests first."""
    return _grouped(((row.model, row) for row in rows), strong)


def _grouped(named: Iterable[tuple[str | None, Traffic]], strong: StrongModel) -> tuple[TaskSaving, ...]:
    groups: dict[str | None, list[Traffic]] = {}
    for name, row in named:
        groups.setdefault(name, []).append(row)
    found = [TaskSaving(name=name, saving=saving(some, strong)) for name, some in groups.items()]
    return tuple(sorted(found, key=lambda one: (-one.saving.requests, one.name or "")))


def saving(rows: Iterable[Traffic], strong: StrongModel) -> Saving:
    """Of rows together."""
    known = list(rows)
    costs = [_baseline(row, strong) for row in known]
    return Saving(
        requests=sum(row.requests for row in known),
        without_model=sum(row.requests - row.unanswered for row in known if row.route in WITHOUT_MODEL),
        unanswered=sum(row.unanswered for row in known),
        baseline_usd=None if None in costs else sum(cost or 0 for cost in costs),
        paid=Spent(sum(row.spent.usd for row in known), sum(row.spent.unpriced for row in known)),
        seconds=sum(_seconds(row, strong) for row in known),
    )


def _baseline(row: Traffic, strong: StrongModel) -> float | None:
    answered = row.requests - row.unanswered
    if row.route is Route.SOLVER:
        return None if row.spent.unpriced else strong.own * row.spent.usd
    if not answered:
        return 0.0
    mean = strong.of(row.task)
    return None if mean is None or mean.usd is None else answered * mean.usd


def _seconds(row: Traffic, strong: StrongModel) -> float:
    mean = strong.of(row.task)
    answered = row.requests - row.unanswered
    return answered * mean.seconds - row.seconds if mean and row.route is not Route.SOLVER and answered else 0.0
