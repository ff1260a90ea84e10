"""Figures of the requests over time, made of indexes alone: however many there are, no text is read for them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, select

from hammerstone.store import schema
from hammerstone.types import Role, Route

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection

__all__ = [
    "Bucket",
    "Means",
    "Spent",
    "Stretch",
    "StrongModel",
    "Traffic",
    "TrafficFigures",
    "buckets",
    "figures",
    "learning",
    "strong_model",
    "sums",
]

_ANSWERS = schema.answers
_CALLS = schema.calls
_SCANNED = func.coalesce(_ANSWERS.c.created, "")
"""By no index of its own: a sum by task, route and model reads the index that is in their order, and sorts nothing."""
_CHEAP = (Role.DISPATCHER, Role.USER)


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """The requests from a moment on (ISO 8601, UTC): all, or those of one task, of some tasks, or of one model."""

    since: str
    task: str | None = None
    tasks: tuple[str, ...] | None = None
    model: str | None = None


class Spent(NamedTuple):
    """US dollars of what has a known price, and how many calls or requests have none."""

    usd: float
    unpriced: int


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """All requests of one task and model that went one route. `seconds` are those of all answers together.

    `unanswered` counts those that failed, or wait for a person, `wrong` those whose answer is known to be wrong.
    """

    route: Route | None
    task: str | None
    model: str | None
    requests: int
    unanswered: int
    wrong: int
    spent: Spent
    seconds: float


class Bucket(NamedTuple):
    """The requests of one route within a stretch of time, which `start` begins (a prefix of ISO 8601).

    `unanswered` counts those that failed, or wait for a person.
    """

    start: str
    route: Route | None
    requests: int
    unanswered: int = 0


class Means(NamedTuple):
    """What an answer of the strong model takes on average; `usd` is `None` where no price is known."""

    answers: int
    usd: float | None
    seconds: float


class StrongModel(NamedTuple):
    """What its answers take, by task; under `None`, all of them. `own` is the share of the cost of the requests that it
    has answered which it has cost itself: the rest are cheap models, asked before.
    """

    means: dict[str | None, Means]
    own: float

    def of(self, task: str | None) -> Means | None:
        """Means of this task, or of all tasks if it has none."""
        return self.means.get(task) or self.means.get(None)


@dataclass(frozen=True, kw_only=True)
class TrafficFigures:
    """What is summed up over the requests, as of one moment: they count the same requests."""

    traffic: tuple[Traffic, ...]
    buckets: tuple[Bucket, ...]
    strong: StrongModel


def figures(connection: Connection, stretch: Stretch, bars: Stretch, characters: int) -> TrafficFigures:
    return TrafficFigures(
        traffic=sums(connection, stretch),
        buckets=buckets(connection, bars, characters),
        strong=strong_model(connection, ""),  # which sorts before every moment
    )


def sums(connection: Connection, stretch: Stretch) -> tuple[Traffic, ...]:
    groups = (_ANSWERS.c.task, _ANSWERS.c.route, _ANSWERS.c.model)  # in the order of the index: nothing is sorted
    cost = _ANSWERS.c.cost_usd
    rows = select(
        *groups,
        func.count().label("requests"),
        func.coalesce(func.sum(cost), 0.0).label("usd"),
        (func.count() - func.count(cost)).label("unpriced"),
        func.sum(_ANSWERS.c.ms).label("ms"),
    )
    unanswered = _counted(connection, stretch, _ANSWERS.c.answer.is_(None))
    wrong = _counted(connection, stretch, _ANSWERS.c.correct.is_(False))
    found = connection.execute(_within(rows, stretch, _SCANNED).group_by(*groups)).all()
    return tuple(
        Traffic(
            route=Route(row.route) if row.route else None,
            task=row.task,
            model=row.model,
            requests=row.requests,
            unanswered=unanswered[row.route, row.task, row.model],
            wrong=wrong[row.route, row.task, row.model],
            spent=Spent(float(row.usd), row.unpriced),
            seconds=row.ms / 1000,
        )
        for row in found
    )


def _counted(
    connection: Connection, stretch: Stretch, which: ColumnElement[bool]
) -> Counter[tuple[str | None, str | None, str | None]]:
    """How many requests are `which`, by route, task and model; an index holds these alone."""
    groups = (_ANSWERS.c.task, _ANSWERS.c.route, _ANSWERS.c.model)
    rows = _within(select(*groups, func.count().label("requests")).where(which), stretch, _SCANNED).group_by(*groups)
    return Counter({(row.route, row.task, row.model): row.requests for row in connection.execute(rows).all()})


def buckets(connection: Connection, stretch: Stretch, characters: int) -> tuple[Bucket, ...]:
    """Requests per period, named by the first `characters` of its time: 16 for minutes, 13 for hours, 10 for days."""
    start = func.substr(_ANSWERS.c.created, 1, characters).label("start")
    rows = select(start, _ANSWERS.c.route, func.count().label("requests"))
    grouped = _within(rows, stretch).group_by("start", _ANSWERS.c.route).order_by("start")
    unanswered = _unanswered_over_time(connection, stretch, start)
    return tuple(
        Bucket(row.start, Route(row.route) if row.route else None, row.requests, unanswered[row.start, row.route or ""])
        for row in connection.execute(grouped).all()
    )


def _unanswered_over_time(connection: Connection, stretch: Stretch, start: Any) -> Counter[tuple[str, str]]:
    """Unanswered requests by start and route, grouped in the order of their index, so that no other rows are read."""
    groups = (_ANSWERS.c.task, _ANSWERS.c.route, _ANSWERS.c.model, start)
    rows = select(*groups, func.count().label("requests")).where(_ANSWERS.c.answer.is_(None))
    found: Counter[tuple[str, str]] = Counter()
    for row in connection.execute(_within(rows, stretch, _SCANNED).group_by(*groups)).all():
        found[row.start, row.route or ""] += row.requests
    return found


def strong_model(connection: Connection, since: str) -> StrongModel:
    rows = select(
        _ANSWERS.c.task,
        _ANSWERS.c.route,
        func.count().label("answers"),
        func.count(_ANSWERS.c.cost_usd).label("priced"),
        func.coalesce(func.sum(_ANSWERS.c.cost_usd), 0.0).label("usd"),
        func.sum(_ANSWERS.c.ms).label("ms"),
    ).where(since <= _SCANNED)
    found = connection.execute(rows.group_by(_ANSWERS.c.task, _ANSWERS.c.route)).all()
    strong = [row for row in found if row.route == Route.SOLVER]
    own = _own_share(_cheap_calls(connection, since), found)
    means = {row.task: _mean([row], own) for row in strong}
    return StrongModel({**means, None: _mean(strong, own)} if strong else {}, own)


def _mean(rows: Sequence[Any], own: float) -> Means:
    answers, priced = sum(row.answers for row in rows), sum(row.priced for row in rows)
    usd, ms = sum(float(row.usd) for row in rows), sum(float(row.ms) for row in rows)
    return Means(answers, own * usd / priced if priced else None, ms / answers / 1000)


def _own_share(cheap_usd: float, rows: Sequence[Any]) -> float:
    """Share of the solver requests' cost that is the solver's own: the rest paid for cheap calls that came before."""
    strong = sum(float(row.usd) for row in rows if row.route == Route.SOLVER)
    before = cheap_usd - sum(float(row.usd) for row in rows if row.route != Route.SOLVER)
    return min(1.0, max(0.0, 1 - before / strong)) if strong else 1.0


def _cheap_calls(connection: Connection, since: str) -> float:
    """What the dispatcher and the user have cost to answer requests."""
    rows = select(func.coalesce(func.sum(_CALLS.c.cost_usd), 0.0)).where(_CALLS.c.created >= since)
    return float(connection.execute(rows.where(_CALLS.c.task.is_(None), _CALLS.c.role.in_(_CHEAP))).scalar_one())


def learning(connection: Connection, stretch: Stretch) -> Spent:
    """What builds have cost, and comparisons with the strong model: all calls that were not made to answer a request.

    They are of a task, and of no model that requests name.
    """
    cost = _CALLS.c.cost_usd
    rows = select(func.coalesce(func.sum(cost), 0.0).label("usd"), (func.count() - func.count(cost)).label("unpriced"))
    rows = rows.where(_CALLS.c.task.is_not(None), _CALLS.c.created >= stretch.since)
    if stretch.task is not None:
        rows = rows.where(_CALLS.c.task == stretch.task)
    row = connection.execute(rows).one()
    return Spent(float(row.usd), row.unpriced)


def _within(rows: Any, stretch: Stretch, created: ColumnElement[str] = _ANSWERS.c.created) -> Any:
    rows = rows.where(created >= stretch.since)
    if stretch.tasks is not None:
        rows = rows.where(_ANSWERS.c.task.in_(stretch.tasks))
    for name in ("task", "model"):
        if (value := getattr(stretch, name)) is not None:
            rows = rows.where(_ANSWERS.c[name] == value)
    return rows
