"""Tasks with how far each is, and one of them opened: the life of its tool, what it does, and what it is made of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.responses import Response

from hammerstone.admin.overview import EVER, UNKNOWN, by_task, saving
from hammerstone.admin.tasks import find_task, shown_build
from hammerstone.builder import independent
from hammerstone.errors import NotFoundError, ToolRefusedError
from hammerstone.life import false_hit_rate
from hammerstone.models import known_sum
from hammerstone.server.pages.charts import KINDS, SPANS, chart
from hammerstone.server.pages.differences import of_sources
from hammerstone.server.pages.requests import number_of
from hammerstone.server.pages.tool_actions import DEFAULT
from hammerstone.server.pages.visit import Page, Visit
from hammerstone.store import Change, KeyRole, Ordering, RefusedQuestion, Store, StoredTool, Stretch, Task, ToolState

__all__ = ["PAGES", "grouped"]

ROWS = 50
MOST_DISAGREEMENTS, MOST_REFUSED, MOST_BUILDS = 10, 200, 20
STATES = (*(state.value for state in ToolState), "building", "collecting")
_ANSWER_TO = re.compile(r"its answer to '([^']+)'")
_NOT_FORM = re.compile(r"\d+(?:[.,]\d+)*|\"[^\"]*\"|'[^']*'")


def show_list(visit: Visit) -> Response:
    """A page of the tasks, with their requests of the last week."""
    store = visit.store
    state = visit.query("state") if visit.query("state") in STATES else ""
    at = visit.number("at", 0) or 0
    wanted = Ordering(text=visit.query("text").strip(), state=state, limit=ROWS + 1, offset=min(at, 2**31))
    found = store.standings(wanted)
    week = Stretch(since=SPANS["week"].since, tasks=tuple(one.task for one in found))
    used = {one.name: one.saving for one in by_task(store.traffic(week), UNKNOWN)}
    return visit.show(
        "tasks.html",
        rows=[(one, used.get(one.task), false_hit_rate(one.tally)) for one in found[:ROWS]],
        progress=store.progress(),
        states=STATES,
        state=state,
        text=wanted.text,
        at=at,
        rows_of_a_page=ROWS,
        more=len(found) > ROWS,
    )


@dataclass(frozen=True, kw_only=True)
class Group:
    """Refused questions of one form: alike but for numbers and quoted text. The newest stands for all."""

    form: str
    count: int
    newest: RefusedQuestion


def grouped(refused: Sequence[RefusedQuestion]) -> list[Group]:
    """Those with most questions first."""
    groups: dict[str, Group] = {}
    for one in refused:
        form = _NOT_FORM.sub("…", one.question)
        known = groups.get(form)
        groups[form] = replace(known, count=known.count + 1) if known else Group(form=form, count=1, newest=one)
    return sorted(groups.values(), key=lambda group: -group.count)


def show_one(visit: Visit) -> Response:
    """A task with one version of its tool, by default the present one."""
    store, name = visit.store, visit.http.path_params["name"]
    task = find_task(store, name)
    tool, damage = _tool(store, name, visit.number("version"))
    span = SPANS.get(visit.query("span"), SPANS["week"])
    builds = [shown_build(store, one) for one in store.builds(name)[:MOST_BUILDS]]
    changes = store.changes(name)
    needed, gathered = visit.settings.build.needed, task.instances if tool else _gathered(store, task)
    is_building = any(one.state == "running" for one in builds)
    sums = store.figures(Stretch(since=EVER, task=name), span.characters, bars=Stretch(since=span.since, task=name))
    return visit.show(
        "task.html",
        task=task,
        tool=tool,
        damage=damage,
        versions=sorted({one.version for one in changes}, reverse=True),
        changes=changes,
        reasons=[_reason(store, one) for one in changes],
        span=span,
        spans=SPANS.values(),
        chart=chart(span, sums.buckets),
        kinds=KINDS,
        ever=saving(sums.traffic, sums.strong),
        served=store.served(name),
        rate=false_hit_rate(tool.tally) if tool else None,
        reported=store.reported_wrong(name, tool.version) if tool else 0,
        build_usd=known_sum(one.cost_usd for one in builds if one.state != "running"),
        builds=builds,
        groups=grouped(store.refused_lately(name, MOST_REFUSED)),
        disagreements=store.comparisons(name, tool.version, agreed=False, limit=MOST_DISAGREEMENTS) if tool else (),
        difference=_difference(store, tool, visit.number("against")) if tool else None,
        needed=needed,
        gathered=gathered,
        is_building=is_building,
        shadow=visit.settings.life.shadow,
        receivers=_receivers(visit) if tool is not None else [],
        may_build=visit.has_maker and gathered >= needed and not is_building,
    )


def _gathered(store: Store, task: Task) -> int:
    """How many instances a first build counts: spellings of one question are one."""
    return len(independent(store.instances(task.name)))


def _reason(store: Store, change: Change) -> tuple[str, int | None, str]:
    """A change's reason; where it names a request that has a page, the text before, its number, and the text after."""
    named = _ANSWER_TO.search(change.reason)
    number = number_of(store, named[1]) if named is not None else None
    if named is None or number is None:
        return change.reason, None, ""
    return change.reason[: named.start(1) - 1], number, change.reason[named.end(1) + 1 :]


def _receivers(visit: Visit) -> list[str]:
    """The other tenants, for whoever may give them a tool."""
    if visit.visitor.scope is not None or not visit.visitor.role.includes(KeyRole.ADMIN):
        return []
    return [one or DEFAULT for one in visit.place.tenants.stores.tenants() if one != visit.tenant]


def _tool(store: Store, name: str, version: int | None) -> tuple[StoredTool | None, str]:
    """A version, or why it cannot be shown. Raises `NotFoundError` for one that is named and not there."""
    try:
        tool = store.tool(name, version)
    except ToolRefusedError as error:
        return None, error.message
    if tool is None and version is not None:
        raise NotFoundError(f"there is no version {version} of {name}")
    return tool, ""


def _difference(store: Store, tool: StoredTool, against: int | None) -> tuple[int, str] | None:
    """From another version, by default the one before: its number, and a unified diff of the sources."""
    other = against if against is not None else tool.version - 1
    if other < 1 or other == tool.version:
        return None
    former, _ = _tool(store, tool.task, other) if against else (_or_none(store, tool.task, other), "")
    if former is None:
        return None
    names = f"version {former.version}", f"version {tool.version}"
    return former.version, of_sources(former.tool.source, tool.tool.source, names)


def _or_none(store: Store, name: str, version: int) -> StoredTool | None:
    try:
        return store.tool(name, version)
    except ToolRefusedError:
        return None


PAGES = (
    Page("GET", "/tasks", show_list),
    Page("GET", "/tasks/{name}", show_one),
)
