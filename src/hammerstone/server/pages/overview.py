"""The first page: what is saved, what is being learned, and what there is to decide."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace

from anyio import to_thread
from starlette.responses import Response

from hammerstone.admin import overview as figures
from hammerstone.life import false_hit_rate
from hammerstone.server.pages.cached_totals import CachedTotal
from hammerstone.server.pages.charts import KINDS, SPANS, Chart, Span, chart
from hammerstone.server.pages.visit import Page, Visit
from hammerstone.store import Ordering, Standing, Store, Stretch

__all__ = ["PAGES"]

MOST_ROWS = 10  # of tasks and of models
MOST_LEARNING = 6
LEAST_INSTANCES = 3  # of a task that counts as being learned: with fewer, it may be a one-off


@dataclass(frozen=True, kw_only=True)
class _Sums:
    """All that is summed up over the requests. `state` tells whether anything has happened since."""

    state: str
    found: figures.Overview
    chart: Chart
    learning: list[tuple[str, Standing]]


async def show(visit: Visit) -> Response:
    """The page; its live part alone for htmx, or nothing (204) where nothing has happened since."""
    store, state, is_empty = await to_thread.run_sync(_look, visit)
    is_part = "hx-request" in visit.http.headers
    if is_part and visit.query("state") == state:
        return Response(status_code=204)
    if is_part and visit.query("first"):
        return Response(status_code=204, headers={"hx-refresh": "true"})
    if is_empty:
        return visit.show("first.html", state=state, base_url=_base_url(visit), home=_home_option(visit))
    span = SPANS.get(visit.query("span"), SPANS["day"])
    stretch = Stretch(since=span.since, task=visit.query("task") or None, model=visit.query("model") or None)
    key = (visit.tenant, span.name, stretch.task, stretch.model)
    kept = await visit.place.figures.look(key, lambda: _sum_up(store, span, stretch, visit.settings.build.needed))
    is_behind = not kept.is_quick and kept.value.state != state
    return await to_thread.run_sync(lambda: _page(visit, store, span, stretch, kept, is_behind=is_behind))


def _look(visit: Visit) -> tuple[Store, str, bool]:
    """Where to look, what has happened there, and whether that is nothing at all."""
    store = visit.store
    state = _state(store)
    return store, state, state.startswith("0-") and not store.progress().tasks


def _state(store: Store) -> str:
    return f"{store.newest_answer()}-{store.tools_revision()}"


def _sum_up(store: Store, span: Span, stretch: Stretch, needed: int) -> _Sums:
    state = _state(store)
    found = figures.overview(store, stretch, span.characters)
    return _Sums(
        state=state,
        found=found,
        chart=chart(span, found.buckets),
        learning=_learning(store, min(LEAST_INSTANCES, needed)),
    )


def _page(
    visit: Visit, store: Store, span: Span, stretch: Stretch, kept: CachedTotal[_Sums], *, is_behind: bool
) -> Response:
    """What there is to decide is read anew: nobody is asked for what they have just decided."""
    progress, learning = store.progress(), kept.value.learning
    found = replace(kept.value.found, progress=progress, false_hits=false_hit_rate(progress.tally))
    return visit.show(
        "overview_live.html" if "hx-request" in visit.http.headers else "overview.html",
        state=kept.value.state,
        made=kept.made if is_behind else None,
        spans=SPANS.values(),
        span=span,
        task=stretch.task,
        model=stretch.model,
        found=found,
        tasks=found.tasks[:MOST_ROWS],
        standings=_standings(store, [one.name for one in found.tasks[:MOST_ROWS] if one.name is not None]),
        reported=store.reported_wrong(),
        models=[one for one in found.models if one.name] if stretch.model is None else [],
        chart=kept.value.chart,
        kinds=KINDS,
        learning=learning,
        others=max(0, progress.collecting - sum(state == "collecting" for state, _ in learning)),
        tenants=visit.place.tenants.stores.tenants() if visit.visitor.scope is None else (visit.tenant,),
        needed=visit.settings.build.needed,
        shadow=visit.settings.life.shadow,
    )


def _standings(store: Store, names: list[str]) -> dict[str, Standing]:
    """How far these tasks are."""
    return {one.task: one for one in store.standings(Ordering(tasks=tuple(names), limit=len(names)))}


def _learning(store: Store, least: int) -> list[tuple[str, Standing]]:
    """What happens now, and next: builds under way, tools in shadow, tasks that have gathered so many instances."""
    found: list[tuple[str, Standing]] = []
    for state in ("building", "shadow", "collecting"):
        wanted = Ordering(state=state, limit=MOST_LEARNING - len(found))
        seen = {one.task for _, one in found}
        found += [(state, one) for one in store.standings(wanted) if one.task not in seen]
    found = [(state, one) for state, one in found if state != "collecting" or one.instances >= least]
    return found[:MOST_LEARNING]


def _home_option(visit: Visit) -> str:
    """What commands for this home end with: a database's URL may hold a password, and is left to be filled in."""
    home = visit.place.home
    return f" --home {shlex.quote(str(home)) if home is not None else 'URL'}"


def _base_url(visit: Visit) -> str:
    """Where clients are to point."""
    host = visit.http.headers.get("host", "127.0.0.1:8000")
    return f"{visit.http.headers.get('x-forwarded-proto') or visit.http.scope['scheme']}://{host}/v1"


PAGES = (Page("GET", "", show),)
