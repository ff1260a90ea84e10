"""How far each task is: quick, since no tool and no question is read for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, or_, select

from hammerstone.store import builds, schema, tools
from hammerstone.store.database import timestamp
from hammerstone.store.records import BuildState, Tally, ToolState

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

__all__ = ["Ordering", "Progress", "Standing", "page", "progress"]

_BUILDS = schema.builds
_QUEUE = schema.queue
_TASKS = schema.tasks
_TOOLS = schema.tools
_BESIDE = (ToolState.GATED, ToolState.SHADOW)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A task with its present version: the live one, or else the newest. Without a tool, `version` is `None`.

    `building` says when the build under way began, and `failure` why the latest one failed, if it did.
    """

    task: str
    description: str
    instances: int
    version: int | None
    state: ToolState | None
    tally: Tally
    building: str | None
    failure: str | None


@dataclass(frozen=True, kw_only=True)
class Ordering:
    """A filter of tasks: those whose name or description holds `text`, in one state, or these `tasks`
    alone; those with most instances first.

    `state` is a tool's, or `collecting` for tasks without one, or `building`.
    """

    tasks: tuple[str, ...] | None = None
    text: str = ""
    state: str = ""
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How many tasks there are, how many have a tool in each state, or none, and what waits for a person.
    A task with a live tool may have another in shadow, or gated.

    `review` counts tools of which somebody must say whether they or a stored answer are right.
    """

    tasks: int
    states: dict[str, int]
    building: int
    collecting: int
    queued: int
    review: int
    tally: Tally


def page(connection: Connection, wanted: Ordering) -> tuple[Standing, ...]:
    now, running = _present(wanted.state), _running()
    rows = _standings(now, running)
    if wanted.tasks is not None:
        rows = rows.where(_TASKS.c.name.in_(wanted.tasks))
    if wanted.text:
        held = (_TASKS.c[name].icontains(wanted.text, autoescape=True) for name in ("name", "description"))
        rows = rows.where(or_(*held))
    match wanted.state:
        case "":
            pass
        case "collecting":
            rows = rows.where(now.c.state.is_(None))
        case "building":
            rows = rows.where(running.c.started.is_not(None))
        case state:
            rows = rows.where(now.c.state == state)
    ordered = rows.order_by(_TASKS.c.instances.desc(), _TASKS.c.name).limit(wanted.limit).offset(wanted.offset)
    return tuple(map(_standing, connection.execute(ordered).all()))


def progress(connection: Connection) -> Progress:
    now, running = _present(), _running()
    states = _by_state(connection, select(now.c.state, func.count().label("tasks")).group_by(now.c.state))
    with_tool = sum(states.values())
    beside = select(_TOOLS.c.state, func.count().label("tasks")).where(_TOOLS.c.state.in_(_BESIDE))
    states |= _by_state(connection, beside.group_by(_TOOLS.c.state))
    total = _count(connection, select(func.count()).select_from(_TASKS))
    counts = ("compared", "disagreed", "false_hits")
    sums = [func.coalesce(func.sum(_TOOLS.c[name]), 0).label(name) for name in counts]
    compared = connection.execute(select(*sums)).one()
    return Progress(
        tasks=total,
        states=states,
        building=_count(connection, select(func.count()).select_from(running)),
        collecting=total - with_tool,
        queued=_count(connection, select(func.count()).where(_QUEUE.c.labeled.is_(None))),
        review=_count(connection, select(func.count()).select_from(_BUILDS).where(builds.needs_review())),
        tally=Tally(**{name: getattr(compared, name) for name in counts}),
    )


def _count(connection: Connection, rows: Any) -> int:
    return connection.execute(rows).scalar_one()


def _by_state(connection: Connection, rows: Any) -> dict[str, int]:
    return {row.state: row.tasks for row in connection.execute(rows).all()}


def _present(state: str = "") -> Any:
    """Each task's present version, without its document; in a state in which a version may be beside a live one, the
    newest in it.
    """
    states = [state] if state in _BESIDE else list(ToolState)
    rank = func.row_number().over(partition_by=_TOOLS.c.task_id, order_by=tools.LIVE_FIRST)
    columns = (_TOOLS.c[name] for name in ("task_id", "version", "state", *_TALLIED))
    ranked = select(*columns, rank.label("rank")).where(_TOOLS.c.state.in_(states)).subquery()
    return select(ranked).where(ranked.c.rank == 1).subquery()


def _running() -> Any:
    """Builds that are under way, according to their leases."""
    held = (_BUILDS.c.state == BuildState.RUNNING, _BUILDS.c.lease_until >= timestamp())
    return select(_BUILDS.c.task_id, _BUILDS.c.started).where(*held).subquery()


def _failures() -> Any:
    """The latest build of each task that has had one, if that failed."""
    latest = select(func.max(_BUILDS.c.id)).group_by(_BUILDS.c.task_id)
    held = (_BUILDS.c.id.in_(latest), _BUILDS.c.state == BuildState.FAILED)
    return select(_BUILDS.c.task_id, _BUILDS.c.reason).where(*held).subquery()


_TALLIED = ("compared", "disagreed", "false_hits", "in_a_row")


def _standings(now: Any, running: Any) -> Any:
    names, failed = ("name", "description", "instances"), _failures()
    return (
        select(
            *(_TASKS.c[name] for name in names),
            *(now.c[name] for name in ("version", "state", *_TALLIED)),
            running.c.started.label("building"),
            failed.c.reason.label("failure"),
        )
        .select_from(_TASKS)
        .outerjoin(now, now.c.task_id == _TASKS.c.id)
        .outerjoin(running, running.c.task_id == _TASKS.c.id)
        .outerjoin(failed, failed.c.task_id == _TASKS.c.id)
    )


def _standing(row: Row[Any]) -> Standing:
    return Standing(
        task=row.name,
        description=row.description,
        instances=row.instances,
        version=row.version,
        state=ToolState(row.state) if row.state else None,
        tally=Tally() if row.version is None else tools.tally(row),
        building=row.building,
        failure=row.failure,
    )
