"""Requests as they come in, and one of them opened: its way, what was read of it, and what the upstream says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from anyio import to_thread
from starlette.responses import Response

from hammerstone.errors import NotFoundError, ToolRefusedError
from hammerstone.requests import agree
from hammerstone.server.admin.labels import WrongAnswer, correct_answer
from hammerstone.server.pages.readings import read
from hammerstone.server.pages.visit import Page, Visit
from hammerstone.store import Kept, KeyRole, LedgerEntry, Store, StoredTool, ToolState, WantedAnswers
from hammerstone.types import Route

__all__ = ["PAGES", "number_of"]

ROWS = 50
SEARCHED = 10_000
"""Requests that one search looks through: text is searched without an index. A link searches those before."""


@dataclass(frozen=True, kw_only=True)
class _Found:
    """Some of the requests; `more` is the number before which there are others, which `searched` says are unseen."""

    rows: Sequence[LedgerEntry]
    more: int | None
    searched: bool


def show_list(visit: Visit) -> Response:
    """The newest first; while it is live, htmx asks again, and gets nothing (204) where none has come."""
    store = visit.store
    newest = store.newest_answer()
    is_part = "hx-request" in visit.http.headers
    if is_part and visit.number("newest") == newest:
        return Response(status_code=204)
    before = visit.number("before")
    route = visit.query("route")
    wanted = WantedAnswers(
        task=visit.query("task") or None,
        model=visit.query("model") or None,
        tool=visit.query("tool") or None,
        version=visit.number("version"),
        route=Route(route) if route in set(Route) else None,
        reported=visit.query("reported") == "wrong",
        text=visit.query("text").strip() or None,
        before_number=before,
    )
    filters = {name: getattr(wanted, name) for name in ("task", "tool", "version", "model", "route", "text")}
    filters["reported"] = "wrong" if wanted.reported else None
    found = _find(store, wanted, newest)
    return visit.show(
        "requests_rows.html" if is_part else "requests.html",
        found=found,
        labels=_labels(store, found.rows),
        filters=filters,
        before=before,
        newest=newest,
        live=before is None and visit.query("live") != "no",
        routes=list(Route),
        searched=SEARCHED,
    )


def _find(store: Store, wanted: WantedAnswers, newest: int) -> _Found:
    """A text is looked for in so many requests at a time, so that a page comes at once however many there are."""
    start = min(wanted.before_number or newest + 1, newest + 1)
    end = start - SEARCHED if wanted.text is not None else 0
    rows = store.answers(replace(wanted, after_number=max(0, end - 1)), ROWS + 1)
    if len(rows) > ROWS:
        return _Found(rows=rows[:ROWS], more=rows[ROWS - 1].number, searched=False)
    return _Found(rows=rows, more=end if end > 1 else None, searched=end > 1)


def _labels(store: Store, entries: Sequence[LedgerEntry]) -> dict[int, str]:
    """What people have answered since, by the number of the request that waited for them."""
    waited = [one for one in entries if one.route is Route.LABELER and one.answer is None and one.error is None]
    given = store.labels_of([one.id for one in waited]) if waited else {}
    return {one.number: given[one.id, one.question] for one in waited if (one.id, one.question) in given}


def show_one(visit: Visit) -> Response:
    """One request, with all that is stored of it."""
    store = visit.store
    entry = _entry(visit)
    tool = _reader(store, entry)
    answered_by = _answered_by(store, entry)
    return visit.show(
        "request.html",
        entry=entry,
        refusals=[_named(reason) for reason in entry.refusals],
        comparisons=store.comparisons_of_request(entry.id),
        corrections=store.corrections_of(entry.number),
        label=_labels(store, [entry]).get(entry.number),
        calls=store.calls_for(entry.id),
        tool=tool,
        answered_by=answered_by,
        serves=answered_by is not None and answered_by.state in (ToolState.LIVE, ToolState.SHADOW),
        whole=entry.kept is Kept.WHOLE,
    )


async def show_reading(visit: Visit) -> Response:
    """A part of the page: the tool reads the question now, as it did or would. Nothing of that is stored."""
    entry = await to_thread.run_sync(_entry, visit)
    tool = await to_thread.run_sync(lambda: _reader(visit.store, entry))
    if tool is None:
        raise NotFoundError("no tool can read this request")
    loop = await visit.loop()
    return visit.show(
        "reading.html",
        entry=entry,
        tool=tool,
        reading=await read(loop.sandbox, tool.tool, entry),
        agree=agree,
    )


def take_correction(visit: Visit) -> Response:
    """Somebody says that the answer was wrong, and perhaps what is right."""
    entry = _entry(visit)
    right = visit.form.get("answer", "").strip() or None
    correct_answer(visit.asked("correct_answer", entry.id), body=WrongAnswer(request_id=entry.id, answer=right))
    return visit.to(f"/requests/{entry.number}", done="corrected")


def take_confirmation(visit: Visit) -> Response:
    """Somebody says that the answer was right."""
    entry = _entry(visit)
    visit.asked("confirm_answer", entry.id).store.confirm(entry.id)
    return visit.to(f"/requests/{entry.number}", done="confirmed")


def number_of(store: Store, request_id: str) -> int | None:
    """Where the newest answer to the request of this id has its page."""
    found = store.answers(WantedAnswers(request_id=request_id), 1)
    return found[0].number if found else None


def _entry(visit: Visit) -> LedgerEntry:
    number = visit.http.path_params["number"]
    entry = visit.store.answer_numbered(number) if number < 2**63 else None
    if entry is None:
        raise NotFoundError(f"there is no request {number}", hint="the list of requests has them all")
    return entry


def _answered_by(store: Store, entry: LedgerEntry) -> StoredTool | None:
    """The version that has answered, as it is now; `None` if it is not there any more, or cannot be read."""
    try:
        return store.tool(entry.tool, entry.version) if entry.tool is not None else None
    except ToolRefusedError:
        return None


def _reader(store: Store, entry: LedgerEntry) -> StoredTool | None:
    """The version that has answered, or else the present tool of its task, which has refused it or came later."""
    name = entry.tool or entry.task
    if name is None or entry.kept is not Kept.WHOLE:
        return None
    tool = store.tool(name, entry.version)
    return tool if tool is not None and Route.PARSER in tool.tool.routes else None


def _named(reason: str) -> tuple[str, str]:
    """The tool that a reason is of, or an empty name, and the reason itself."""
    name, colon, said = reason.partition(": ")
    return (name, said) if colon and " " not in name else ("", reason)


PAGES = (
    Page("GET", "/requests", show_list),
    Page("GET", "/requests/{number:int}", show_one),
    Page("GET", "/requests/{number:int}/reading", show_reading),
    Page("POST", "/requests/{number:int}/wrong", take_correction, KeyRole.LABELER),
    Page("POST", "/requests/{number:int}/right", take_confirmation, KeyRole.LABELER),
)
