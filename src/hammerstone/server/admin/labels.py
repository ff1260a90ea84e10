"""What people say is right: the labeler's queue, and corrections."""

from __future__ import annotations

from hammerstone.admin.corrections import Corrected, correct
from hammerstone.server.admin.actions import MOST, Action, AdminRequest, Body, ListPage, page
from hammerstone.store import GivenCorrection, Queued

__all__ = ["ACTIONS"]


class Label(Body):
    """What is right."""

    answer: str


class WrongAnswer(Body):
    """The request whose answer was wrong, and what is right, if it is known."""

    request_id: str
    answer: str | None = None


def list_queue(asked: AdminRequest) -> list[Queued]:
    """What waits for a person, in order."""
    return list(asked.store.queue())


def answer_queued(asked: AdminRequest, number: int, *, body: Label) -> Queued:
    """Answer what waits: it becomes the label of its question."""
    return asked.store.label(number, body.answer)


def skip_queued(asked: AdminRequest, number: int) -> Queued:
    """Put it off: it waits behind all others."""
    return asked.store.skip(number)


def list_corrections(asked: AdminRequest, *, limit: int = 100, after: int | None = None) -> ListPage[GivenCorrection]:
    """What people have said was wrong, newest first."""
    given = asked.store.corrections(limit=MOST + 1, before=after)
    return page(given, limit, lambda one: one.id)


def correct_answer(asked: AdminRequest, *, body: WrongAnswer) -> Corrected:
    """Say that an answer was wrong. The tool that gave it is quarantined, and its other answers are listed."""
    return correct(asked.store, body.request_id, body.answer)


ACTIONS = (
    Action("GET", "/queue", list_queue),
    Action("POST", "/queue/{number}/answer", answer_queued),
    Action("POST", "/queue/{number}/skip", skip_queued),
    Action("GET", "/corrections", list_corrections),
    Action("POST", "/corrections", correct_answer),
)
