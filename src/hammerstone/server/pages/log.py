"""Who changed what, as sentences, with links to what was changed where that has a page."""

from __future__ import annotations

import re
from dataclasses import dataclass

from starlette.responses import Response

from hammerstone.server.pages.addresses import path_part
from hammerstone.server.pages.learning import runs_of
from hammerstone.server.pages.requests import number_of
from hammerstone.server.pages.visit import Page, Visit
from hammerstone.store import KeyRole, NotedAct, Store

__all__ = ["PAGES"]

ROWS = 100
_OF_QUESTIONS = {
    "answer_queued": "labelled question",
    "skip_queued": "put off question",
    "unsure_of_queued": "was unsure of question",
    "draft_answer": "asked for a draft of question",
}
_OF_ANSWERS = {"correct_answer": "marked wrong: the answer to", "confirm_answer": "marked right: the answer to"}
_OF_KEYS = {"create_key": "created the key", "revoke_key": "revoked the key"}
_OF_RUNS = {
    "learn_from_log": "began to learn from a log:",
    "stop_learning": "stopped learning from a log:",
    "remove_learning": "removed the report of",
}
_OF_TASKS = {
    "approve_tool": "approved",
    "enable_tool": "put into service",
    "disable_tool": "took out of service",
    "quarantine_tool": "quarantined",
    "roll_back_tool": "rolled back",
    "publish_tool": "gave to other tenants",
    "import_tool": "imported a tool",
    "remove_tool": "removed the tool",
    "build_tool": "began a build of",
    "settle_task": "settled a disagreement of",
    "merge_task": "merged into another task",
    "rename_task": "renamed",
    "mark_task": "changed whether it depends on the time:",
    "remove_task": "removed the task",
}
_OTHERS = {"ask_models": "asked the models", "purge_text": "purged text"}
_AFTER_NAME = re.compile(r"( version \d+)?(: .*)?$|( to [^ ]*)$", re.DOTALL)
_WORDS = _OF_QUESTIONS | _OF_ANSWERS | _OF_KEYS | _OF_RUNS | _OF_TASKS | _OTHERS


@dataclass(frozen=True, kw_only=True)
class _Line:
    """An act in `words`. What it was done to begins with `linked`, if that has a `page` (below `/ui`), and `rest`."""

    act: NotedAct
    words: str
    linked: str = ""
    page: str = ""
    rest: str = ""


def show(visit: Visit) -> Response:
    """The newest first."""
    store, acts = visit.store, visit.store.acts(ROWS + 1, visit.number("before"))
    more = acts[ROWS - 1].id if len(acts) > ROWS else None
    runs = frozenset(f"run {one.number}" for one in runs_of(visit) or ())
    return visit.show("log.html", lines=[_line(store, runs, one) for one in acts[:ROWS]], more=more)


def _line(store: Store, runs: frozenset[str], act: NotedAct) -> _Line:
    words = _WORDS.get(act.what, act.what.replace("_", " "))
    linked, page = _linked(store, runs, act)
    if not page:
        return _Line(act=act, words=words, rest=act.about)
    rest = act.about.removeprefix(linked) if act.what in _OF_TASKS else ""
    return _Line(act=act, words=words, linked=linked, page=page, rest=rest)


def _linked(store: Store, runs: frozenset[str], act: NotedAct) -> tuple[str, str]:
    """What leads to a page, and to which; no page where there is none, or none any more."""
    what, about = act.what, act.about
    if what in _OF_KEYS:
        return about, "/health"
    if what in _OF_RUNS:
        return about, f"/learn/{about.removeprefix('run ')}" if about in runs else ""
    if what in _OF_TASKS:
        name = _AFTER_NAME.sub("", about)
        return name, f"/tasks/{path_part(name)}" if name and store.task(name) is not None else ""
    if what in _OF_ANSWERS:
        number = number_of(store, about)
        return f"request {number}", f"/requests/{number}" if number else ""
    queued = store.queued(int(about)) if what in _OF_QUESTIONS and about.isdecimal() else None
    number = number_of(store, queued.request_id) if queued is not None else None
    return about, f"/requests/{number}" if number else ""


PAGES = (Page("GET", "/log", show, KeyRole.ADMIN),)
