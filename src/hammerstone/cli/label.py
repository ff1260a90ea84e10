"""`hammerstone label`: a person in the solver's place."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from hammerstone.cli.home import by_hand, open_home
from hammerstone.cli.options import Home, Json, Tenant
from hammerstone.cli.terminal import ask, print_json, shown, talk
from hammerstone.cli.transcripts import lines_in, show_parts
from hammerstone.errors import NotFoundError

if TYPE_CHECKING:
    from hammerstone.store import Queued, Store

__all__ = ["label"]


def label(home: Home = None, tenant: Tenant = "", json: Json = False) -> None:
    """Show the waiting requests whole, one after another, and take their answers.

    An empty line skips a request, which then waits behind all others; Ctrl-D ends. With --json the queue is listed and
    nothing is asked.
    """
    with open_home(home, tenant) as store:
        queue = store.queue()
        if json:
            for waiting in queue:
                print_json(waiting)
            return
        done = 0
        if queue:
            talk("an empty line skips a request, Ctrl-D ends")
        for number, waiting in enumerate(queue, 1):
            answer = _ask(waiting, number, len(queue))
            if answer is None:
                break
            if answer and _label(store, waiting, answer):
                done += 1
            elif not answer:
                _skip(store, waiting)
        still = len(store.queue())
    talk(f"{done} labeled, {still} still waiting")


def _label(store: Store, waiting: Queued, answer: str) -> bool:
    """Store a label; false if somebody else answered meanwhile, whose answer stays and is shown."""
    try:
        store.by(by_hand("answer_queued", str(waiting.id))).label(waiting.id, answer)
    except NotFoundError:
        other = store.queued(waiting.id)
        talk(f"{waiting.request_id} is answered already: {other.answer if other else ''}", "skipped:")
        return False
    return True


def _skip(store: Store, waiting: Queued) -> None:
    with suppress(NotFoundError):  # somebody else has answered it meanwhile
        store.by(by_hand("skip_queued", str(waiting.id))).skip(waiting.id)


def _ask(waiting: Queued, number: int, total: int) -> str | None:
    """The answer, empty to skip, `None` to end."""
    from rich.text import Text

    from hammerstone.requests import parts_of

    parts = parts_of(waiting.question, waiting.chat)
    lines = f" ({lines_in(waiting.question)})" if len(parts) == 1 and "\n" in waiting.question else ""
    place = shown(f": request {waiting.request_id}, {f'task {waiting.task}' if waiting.task else 'no task'}{lines}")
    talk("")
    talk(Text.assemble((f"{number} of {total}", "bold"), place))
    show_parts(parts, stderr=True)
    return ask(Text("answer:", "bold"))
