"""The first page: what is saved, what is being learned, and what there is to decide."""

from __future__ import annotations

from starlette.responses import Response

from hammerstone.admin import overview as figures
from hammerstone.server.pages.charts import KINDS, SPANS, chart
from hammerstone.server.pages.visit import Page, Visit
from hammerstone.store import Ordering, Standing, Store, Stretch

__all__ = ["PAGES"]

MOST_ROWS = 10  # of tasks and of models
MOST_LEARNING = 6


def show(visit: Visit) -> Response:
    """The page; its live part alone for htmx, or nothing (204) where nothing has happened since."""
    store = visit.store
    state = f"{store.newest_answer()}-{store.tools_revision()}"
    is_part = "hx-request" in visit.http.headers
    if is_part and visit.query("state") == state:
        return Response(status_code=204)
    if is_part and visit.query("first"):
        return Response(status_code=204, headers={"hx-refresh": "true"})
    if state.startswith("0-") and not store.progress().tasks:
        return visit.show("first.html", state=state, base_url=_base_url(visit))
    span = SPANS.get(visit.query("span"), SPANS["day"])
    task, model = visit.query("task") or None, visit.query("model") or None
    stretch = Stretch(since=span.since, task=task, model=model)
    found = figures.overview(store, stretch)
    return visit.show(
        "overview_live.html" if is_part else "overview.html",
        state=state,
        spans=SPANS.values(),
        span=span,
        task=task,
        model=model,
        found=found,
        tasks=found.tasks[:MOST_ROWS],
        models=[one for one in found.models if one.name] if model is None else [],
        chart=chart(span, store.buckets(stretch, span.characters)),
        kinds=KINDS,
        learning=_learning(store),
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


def _base_url(visit: Visit) -> str:
    """Where clients are to point."""
    host = visit.http.headers.get("host", "127.0.0.1:8000")
    return f"{visit.http.headers.get('x-forwarded-proto') or visit.http.scope['scheme']}://{host}/v1"


PAGES = (Page("GET", "", show),)
