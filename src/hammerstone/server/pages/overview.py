"""The first page: what is saved, what is being learned, and what there is to decide."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace

from anyio import to_thread
from starlette.responses import Response

from hammerstone.admin import overview as figures
from hammerstone.life import false_hit_rate
from hammerstone.server.pages.charts import KINDS, SPANS, Chart, Span, chart
from hammerstone.server.pages.kept_figures import KeptSums
from hammerstone.server.pages.visit import Page, Visit
from hammerstone.store import Ordering, Standing, Store, Stretch

__all__ = ["PAGES"]

MOST_ROWS = 10  # of tasks and of models
MOST_LEARNING = 6


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
    kept = await visit.place.figures.look(key, lambda: _sum_up(store, span, stretch))
    if is_part and visit.query("state") == kept.value.state:
        return Response(status_code=204)
    return await to_thread.run_sync(_page, visit, store, span, stretch, kept)


def _look(visit: Visit) -> tuple[Store, str, bool]:
    """Where to look, what has happened there, and whether that is nothing at all."""
    store = visit.store
    state = _state(store)
    return store, state, state.startswith("0-") and not store.progress().tasks


def _state(store: Store) -> str:
    return f"{store.newest_answer()}-{store.tools_revision()}"


def _sum_up(store: Store, span: Span, stretch: Stretch) -> _Sums:
    return _Sums(
        state=_state(store),
        found=figures.overview(store, stretch),
        chart=chart(span, store.buckets(stretch, span.characters)),
        learning=_learning(store),
    )


def _page(visit: Visit, store: Store, span: Span, stretch: Stretch, kept: KeptSums[_Sums]) -> Response:
    """With what there is to decide as it is now: nobody is asked for what they have just decided."""
    progress = store.progress()
    found = replace(kept.value.found, progress=progress, false_hits=false_hit_rate(progress.tally))
    return visit.show(
        "overview_live.html" if "hx-request" in visit.http.headers else "overview.html",
        state=kept.value.state,
        kept=None if kept.is_quick else kept,
        spans=SPANS.values(),
        span=span,
        task=stretch.task,
        model=stretch.model,
        found=found,
        tasks=found.tasks[:MOST_ROWS],
        models=[one for one in found.models if one.name] if stretch.model is None else [],
        chart=kept.value.chart,
        kinds=KINDS,
        learning=kept.value.learning,
        tenants=visit.place.tenants.stores.tenants() if visit.visitor.scope is None else (visit.tenant,),
        needed=visit.settings.build.needed,
        shadow=visit.settings.life.shadow,
    )


def _learning(store: Store) -> list[tuple[str, Standing]]:
    """What happens now, and next: builds under way, tools in shadow, tasks that gather instances."""
    found: list[tuple[str, Standing]] = []
    for state in ("building", "shadow", "collecting"):
        wanted = Ordering(state=state, limit=MOST_LEARNING - len(found))
        seen = {one.task for _, one in found}
        found += [(state, one) for one in store.standings(wanted) if one.task not in seen]
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
