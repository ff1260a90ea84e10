"""Who changed what, as sentences: each act with a link to what it was done to, where that has a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from starlette.responses import Response

from hammerstone.server.pages.visit import Page, Visit
from hammerstone.store import Actor, Change, KeyRole, NotedAct, Ordering, Store, ToolState

__all__ = ["PAGES"]

ROWS = 100
_QUESTIONS = {
    "answer_queued": "labelled",
    "skip_queued": "put off",
    "unsure_of_queued": "is unsure of",
    "draft_answer": "asked for a draft of",
}
_REQUESTS = {"correct_answer": "marked as wrong", "confirm_answer": "marked as right"}
_TOOLS = {
    "approve_tool": "approved",
    "enable_tool": "put into service",
    "disable_tool": "took out of service",
    "quarantine_tool": "quarantined",
    "roll_back_tool": "rolled back",
    "publish_tool": "gave to other tenants",
    "import_tool": "imported",
    "remove_tool": "removed the tool of",
    "build_tool": "began a build of",
    "settle_task": "settled a disagreement of",
    "mark_task": "marked the task",
    "rename_task": "renamed the task",
    "merge_task": "merged the task",
    "remove_task": "removed the task",
}
_OTHERS = {
    "learn_from_log": "began to learn from a log:",
    "stop_learning": "stopped learning:",
    "remove_learning": "removed the report of",
    "create_key": "created the key",
    "revoke_key": "revoked the key",
    "purge_text": "purged text:",
    "ask_models": "asked models",
}
_VERSION = re.compile(r"(.+?) version (\d+)")


@dataclass(frozen=True, kw_only=True)
class _Line:
    """An act as a sentence without its subject: `did`, then `about`, which is at `path` if that is not empty."""

    act: NotedAct
    did: str
    about: str
    path: str = ""
    reason: str = ""


def show(visit: Visit) -> Response:
    """The newest first."""
    store = visit.store
    acts = store.acts(ROWS + 1, visit.number("before"))
    more = acts[ROWS - 1].id if len(acts) > ROWS else None
    return visit.show("log.html", lines=_lines(store, acts[:ROWS]), more=more)


def _lines(store: Store, acts: Sequence[NotedAct]) -> list[_Line]:
    """What they were done to is looked up for all of them together."""
    queued = {one.id: one.request_id for one in store.queued_of(_numbers(acts))}
    requests = [one.about for one in acts if one.what in _REQUESTS]
    numbers = store.answer_numbers([*requests, *queued.values()])
    tasks = tuple({_tool(one.about)[0] for one in acts if one.what in _TOOLS})
    known = {one.task for one in store.standings(Ordering(tasks=tasks, limit=len(tasks)))}
    return [_line(store, one, queued, numbers, known) for one in acts]


def _line(store: Store, act: NotedAct, queued: dict[int, str], numbers: dict[str, int], tasks: set[str]) -> _Line:
    if act.what in _QUESTIONS:
        request_id = queued.get(int(act.about), "") if act.about.isdecimal() else ""
        about = f"question {act.about}"
        return _Line(act=act, did=_QUESTIONS[act.what], about=about, path=_request(numbers.get(request_id)))
    if act.what in _REQUESTS:
        number = numbers.get(act.about)
        about = f"the answer to request {act.about if number is None else number}" if act.about else "an answer"
        return _Line(act=act, did=_REQUESTS[act.what], about=about, path=_request(number))
    name, version = _tool(act.about)
    if act.what in _TOOLS:
        path = f"/tasks/{quote(name, safe='')}" if name in tasks else ""
        reason = _reason(store.changes(name), act, version) if act.what == "quarantine_tool" else ""
        return _Line(act=act, did=_TOOLS[act.what], about=act.about, path=path, reason=reason)
    return _Line(act=act, did=_OTHERS.get(act.what, act.what.replace("_", " ")), about=act.about)


def _numbers(acts: Sequence[NotedAct]) -> list[int]:
    return [int(one.about) for one in acts if one.what in _QUESTIONS and one.about.isdecimal() and len(one.about) < 19]


def _request(number: int | None) -> str:
    return "" if number is None else f"/requests/{number}"


def _tool(about: str) -> tuple[str, int | None]:
    found = _VERSION.fullmatch(about)
    return (found[1], int(found[2])) if found is not None else (about, None)


def _reason(changes: Sequence[Change], act: NotedAct, version: int | None) -> str:
    """Why a person has quarantined a tool: the change was written just before the act, in the same transaction."""
    found = [
        one.reason
        for one in changes
        if one.after is ToolState.QUARANTINED
        and one.who is Actor.PERSON
        and one.when <= act.created
        and version in (None, one.version)
    ]
    return found[-1] if found else ""


PAGES = (Page("GET", "/log", show, KeyRole.ADMIN),)
