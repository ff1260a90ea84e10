"""What is saved: the requests of a stretch of time, set beside what they would have cost at the strong model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hammerstone.life import FalseHitRate, false_hit_rate
from hammerstone.models import known_sum
from hammerstone.store import Bucket, Progress, Spent, Store, Stretch, StrongModel, Traffic
from hammerstone.types import Route

__all__ = [
    "EVER",
    "UNKNOWN",
    "WITHOUT_MODEL",
    "Overview",
    "Saving",
    "TaskSaving",
    "by_task",
    "overview",
    "saving",
]

WITHOUT_MODEL = frozenset((Route.PARSER, Route.EXACT, Route.LABELER))
EVER = ""  # sorts before every moment
UNKNOWN = StrongModel({}, 1.0)
"""For whoever asks for shares, and not for money."""


@dataclass(frozen=True, kw_only=True)
class Saving:
    """Some requests, and what the strong model would have taken for them.

    `without_model` counts those that no model was asked for, and `unanswered` those that failed or wait for a person.
    `baseline_usd` is what the strong model's answers of the same task cost on average, for every answer that it did
    not give, and what it has cost for the others; `None` where it has no known price. An answer that is known to be
    wrong stands in for none of the strong model's. `paid` is what was paid to answer them. `seconds` is how much longer
    their clients would have waited.
    """

    requests: int
    without_model: int
    unanswered: int
    baseline_usd: float | None
    paid: Spent
    seconds: float

    @property
    def share(self) -> float | None:
        """Share of the requests that no model answered."""
        return self.without_model / self.requests if self.requests else None

    @property
    def saved_usd(self) -> float | None:
        """Savings before the cost of learning; `None` if any price is unknown."""
        return None if self.baseline_usd is None or self.paid.unpriced else self.baseline_usd - self.paid.usd


@dataclass(frozen=True, kw_only=True)
class TaskSaving:
    """Savings on one task or one model; the name is `None` for requests of none."""

    name: str | None
    saving: Saving


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The overview. `learning` is what builds and comparisons have cost in the same time, and `buckets` are the same
    requests over time.
    """

    all: Saving
    learning: Spent
    tasks: tuple[TaskSaving, ...]
    models: tuple[TaskSaving, ...]
    progress: Progress
    false_hits: FalseHitRate
    buckets: tuple[Bucket, ...]

    @property
    def paid(self) -> Spent:
        return Spent(self.all.paid.usd + self.learning.usd, self.all.paid.unpriced + self.learning.unpriced)

    @property
    def saved_usd(self) -> float | None:
        """Savings less the cost of builds and comparisons; `None` if any price is unknown."""
        return None if self.all.saved_usd is None or self.learning.unpriced else self.all.saved_usd - self.learning.usd


def overview(store: Store, stretch: Stretch, characters: int = 10) -> Overview:
    """Read the overview; `characters` is the length of its periods (see `Store.buckets`).

    Raises `StoreError`.
    """
    figures, progress = store.figures(stretch, characters), store.progress()
    rows = figures.traffic
    parts = [_of_row(row, figures.strong) for row in rows]
    return Overview(
        all=_together(parts),
        learning=store.spent_learning(stretch),
        tasks=_grouped([row.task for row in rows], parts),
        models=_grouped([row.model for row in rows], parts),
        progress=progress,
        false_hits=false_hit_rate(progress.tally),
        buckets=figures.buckets,
    )


def by_task(rows: Sequence[Traffic], strong: StrongModel) -> tuple[TaskSaving, ...]:
    """Savings by task, those with most requests first."""
    return _grouped([row.task for row in rows], [_of_row(row, strong) for row in rows])


def saving(rows: Iterable[Traffic], strong: StrongModel) -> Saving:
    """Savings on all rows together."""
    return _together([_of_row(row, strong) for row in rows])


def _grouped(names: Sequence[str | None], parts: Sequence[Saving]) -> tuple[TaskSaving, ...]:
    groups: dict[str | None, list[Saving]] = {}
    for name, part in zip(names, parts, strict=True):
        groups.setdefault(name, []).append(part)
    found = [TaskSaving(name=name, saving=_together(some)) for name, some in groups.items()]
    return tuple(sorted(found, key=lambda one: (-one.saving.requests, one.name or "")))


def _of_row(row: Traffic, strong: StrongModel) -> Saving:
    answered = row.requests - row.unanswered
    replaced = answered - row.wrong
    baseline, seconds = 0.0, 0.0
    if row.route is Route.SOLVER:
        baseline = None if row.spent.unpriced else strong.own * row.spent.usd
    elif answered:
        mean = strong.of(row.task)
        baseline = None if mean is None or mean.usd is None else replaced * mean.usd
        seconds = 0.0 if mean is None else replaced * mean.seconds - row.seconds
    return Saving(
        requests=row.requests,
        without_model=answered if row.route in WITHOUT_MODEL else 0,
        unanswered=row.unanswered,
        baseline_usd=baseline,
        paid=row.spent,
        seconds=seconds,
    )


def _together(parts: Sequence[Saving]) -> Saving:
    return Saving(
        requests=sum([one.requests for one in parts]),
        without_model=sum([one.without_model for one in parts]),
        unanswered=sum([one.unanswered for one in parts]),
        baseline_usd=known_sum(one.baseline_usd for one in parts),
        paid=Spent(sum([one.paid.usd for one in parts]), sum([one.paid.unpriced for one in parts])),
        seconds=sum([one.seconds for one in parts]),
    )
