"""What waits for a person: questions without an answer, and tools that differ from one stored answer."""

from __future__ import annotations

from anyio import to_thread
from starlette.responses import Response

from hammerstone.digests import sha256
from hammerstone.errors import InputError
from hammerstone.faults import contained
from hammerstone.life import disputed_request
from hammerstone.requests import parts_of
from hammerstone.routes import Answer, Asked, Refusal
from hammerstone.server.admin import labels, tasks
from hammerstone.server.pages.visit import Page, Visit
from hammerstone.store import Act, Bill, KeyRole, Queued
from hammerstone.types import Chat, Request

__all__ = ["PAGES"]

HELD_SECONDS = 300.0  # that a question is shown to one person alone
MOST_REVIEWS = 20
UNSURE = "unsure_of_queued"
"""What the log says of whoever is unsure."""
DRAFTS = "(labels)"
"""Of which the ledger says that drafts for questions without a task are. No task can have this name."""


def show(visit: Visit) -> Response:
    """The next question for this visitor, and below what there is to settle."""
    may_label = visit.visitor.role.includes(KeyRole.LABELER)
    return _page(visit, _held(visit) if may_label else None)


async def draft(visit: Visit) -> Response:
    """The same question, with what the strong model answers to it: stored only if the person keeps it."""
    number = visit.http.path_params["number"]
    queued = await to_thread.run_sync(_held, visit)
    if queued is None or queued.id != number:  # somebody else has answered it meanwhile
        return visit.to("/labels")
    act = Act(who=visit.visitor.name, what="draft_answer", about=str(number))
    await to_thread.run_sync(lambda: visit.store.note(act))
    said = await contained(_drafted(visit, queued), lambda why: Refusal(reasons=(why,)))
    return await to_thread.run_sync(_page, visit, queued, said)


async def _drafted(visit: Visit, queued: Queued) -> Answer | Refusal:
    request = Request(id="", chat=queued.chat or Chat.of(queued.question), tenant=visit.tenant)
    asked = Asked(request=request, bill=Bill(task=queued.task or DRAFTS))
    return await (await visit.loop()).side_by_side.by_strong(asked)


def _held(visit: Visit) -> Queued | None:
    return visit.store.hold_queued(sha256(visit.visitor.token), HELD_SECONDS)


def _page(visit: Visit, queued: Queued | None, said: Answer | Refusal | None = None) -> Response:
    store = visit.store
    task = store.task(queued.task) if queued is not None and queued.task is not None else None
    unsure = [one.who for one in store.acts_of(UNSURE, str(queued.id))] if queued is not None else []
    progress = store.progress()
    return visit.show(
        "labels.html",
        queued=queued,
        request=parts_of(queued.question, queued.chat) if queued is not None else (),
        task=task,
        unsure=list(dict.fromkeys(unsure)),
        drafts=visit.has_maker,
        draft=said.text if isinstance(said, Answer) else None,
        no_draft="; ".join(said.reasons) if isinstance(said, Refusal) else "",
        waiting=progress.queued,
        reviews=[
            (one.task, one.disagreement, disputed_request(store, one.task, one.disagreement))
            for one in store.builds_in_review(limit=MOST_REVIEWS)
            if one.disagreement is not None
        ],
    )


def take_answer(visit: Visit) -> Response:
    """What is right. Whoever comes second sees that, and changes nothing."""
    number, answer = visit.http.path_params["number"], visit.form.get("answer", "")
    if not answer.strip():
        raise InputError("there is no answer in the form", hint="write what is right, or skip the question")
    labels.answer_queued(visit.asked("answer_queued", str(number)), number, body=labels.Label(answer=answer))
    return visit.to("/labels", done="labeled")


def take_skip(visit: Visit) -> Response:
    """It waits behind all others."""
    number = visit.http.path_params["number"]
    labels.skip_queued(visit.asked("skip_queued", str(number)), number)
    return visit.to("/labels", done="skipped")


def take_doubt(visit: Visit) -> Response:
    """Whoever is unsure says so: it waits behind all others, and the next person sees that."""
    number = visit.http.path_params["number"]
    labels.skip_queued(visit.asked(UNSURE, str(number)), number)
    return visit.to("/labels", done="unsure")


def take_verdict(visit: Visit) -> Response:
    """The tool is right, and goes live; or the stored answer stands."""
    name = visit.http.path_params["name"]
    body = tasks.WhoIsRight(tool_is_right=visit.form.get("right") == "tool")
    tasks.settle_task(visit.asked("settle_task", name), name, body=body)
    return visit.to("/labels", done="settled")


PAGES = (
    Page("GET", "/labels", show),
    Page("POST", "/labels/{number:int}/draft", draft, KeyRole.LABELER),
    Page("POST", "/labels/{number:int}/answer", take_answer, KeyRole.LABELER),
    Page("POST", "/labels/{number:int}/skip", take_skip, KeyRole.LABELER),
    Page("POST", "/labels/{number:int}/unsure", take_doubt, KeyRole.LABELER),
    Page("POST", "/tasks/{name}/settle", take_verdict, KeyRole.LABELER),
)
