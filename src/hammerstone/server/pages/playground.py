"""A chat is typed, and each route's answer is shown beside the others', with why it answers or refuses.

The chat and what is answered to it are stored nowhere as a request, and no figure counts them. What models cost is in
the ledger, as calls of the task `(playground)`, and in the budget of the key whose owner has asked.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import anyio
from anyio import to_thread
from starlette.responses import Response

from hammerstone.concurrency import map_concurrently
from hammerstone.errors import InputError, NotFoundError
from hammerstone.faults import contained
from hammerstone.loop import Hammerstone
from hammerstone.requests import Form, Frame, agree, frame_of
from hammerstone.routes import Answer, Asked, Refusal, chat_prompt
from hammerstone.server.access import Caller
from hammerstone.server.audits import UpstreamModel
from hammerstone.server.pages.chat_form import ROLES, ChatForm
from hammerstone.server.pages.readings import written_by
from hammerstone.server.pages.visit import Page, Visit
from hammerstone.server.protocols import ChatCompletions
from hammerstone.server.protocols.contract import NotServedError
from hammerstone.server.structured import has_form
from hammerstone.store import AccountedModel, Act, Bill, KeyRole, StoredTool, WantedAnswers
from hammerstone.tools import Parsed
from hammerstone.types import Chat, Request, Role, Route

__all__ = ["PAGES", "PLAYGROUND"]

PLAYGROUND = "(playground)"
"""Of which the ledger says that the calls are. No task can have this name."""
_API = ChatCompletions()
SEEN = 200  # of the last requests, for the models that are named


@dataclass(frozen=True, kw_only=True)
class _Read:
    """How one tool reads the chat: `written` is what its `unparse` makes of the arguments."""

    tool: StoredTool
    question: str
    parsed: Parsed
    written: str | None
    answer: str | None
    reasons: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What one route says, how long that took and what it cost: nothing where the same was asked before.

    `failed` says that nobody refused: there is no answer because of a fault.
    """

    answer: str | None
    reasons: Sequence[str]
    ms: float
    tool: StoredTool | None = None
    bill: Bill | None = None
    failed: bool = False


@dataclass(frozen=True, kw_only=True)
class _Answers:
    """The answers of all routes. `label` is a person's answer to this very question, which wins over tools.

    `user` and `upstream` are `None` where no model was asked.
    """

    reads: Sequence[_Read]
    parser: _Said
    label: str | None
    user: _Said | None = None
    upstream: _Said | None = None

    @property
    def differ(self) -> bool:
        given = [one.answer for one in (self.parser, self.user, self.upstream) if one is not None and one.answer]
        return any(not agree(one, given[0]) for one in given[1:])


async def show(visit: Visit) -> Response:
    """An empty form, or that of a stored request."""
    number = visit.number("request")
    if number is None:
        models = await to_thread.run_sync(_models, visit)
        return await _page(visit, ChatForm(model=models[0] if models else ""))
    entry = await to_thread.run_sync(lambda: visit.store.answer_numbered(number))
    if entry is None:
        raise NotFoundError(f"there is no request {number}", hint="the list of requests has them all")
    return await _page(visit, ChatForm.of(entry.question, entry.chat))


async def ask_tools(visit: Visit) -> Response:
    """What the tools' parsers say, which costs nothing."""
    form = ChatForm.read(visit.form)
    if "add" in visit.form:
        return await _page(visit, form.with_a_turn())
    return await _asked(visit, form, _by_parsers)


async def ask_models(visit: Visit) -> Response:
    """The same, and what the cheap model and the upstream say, which is paid."""
    act = Act(who=visit.visitor.name, what="ask_models", about="in the playground")
    await to_thread.run_sync(lambda: visit.store.note(act))
    return await _asked(visit, ChatForm.read(visit.form), _by_all)


async def _asked(
    visit: Visit, form: ChatForm, ask: Callable[[Visit, Hammerstone, Chat, Mapping[str, Any]], Awaitable[_Answers]]
) -> Response:
    try:
        body = form.body()
        chat = _API.read(body)
    except InputError as error:
        return await _page(visit, form, problem=f"{error.message}: {error.hint}")
    except NotServedError as error:
        return await _page(visit, form, problem=f"no tool answers this: {error}")
    return await _page(visit, form, answers=await ask(visit, await visit.loop(), chat, body))


async def _by_parsers(visit: Visit, loop: Hammerstone, chat: Chat, body: Mapping[str, Any]) -> _Answers:
    del body
    asked, began = _new(visit, chat), time.perf_counter()
    results = await loop.side_by_side.by_parsers(asked)
    ms = (time.perf_counter() - began) * 1000
    reads = [await _read(loop, asked, tool, result) for tool, result in results]
    models = await to_thread.run_sync(_models, visit)
    said, label = await _served(loop, asked, reads, ms, models)
    return _Answers(reads=reads, parser=said, label=label)


async def _by_all(visit: Visit, loop: Hammerstone, chat: Chat, body: Mapping[str, Any]) -> _Answers:
    by_parsers = await _by_parsers(visit, loop, chat, body)
    ways = (lambda: _by_user(visit, loop, chat), lambda: _by_upstream(visit, loop, chat, body))
    user, upstream = await map_concurrently(lambda way: way(), ways)
    return _Answers(
        reads=by_parsers.reads,
        parser=by_parsers.parser,
        label=by_parsers.label,
        user=user,
        upstream=upstream,
    )


async def _read(loop: Hammerstone, asked: Asked, tool: StoredTool, result: Answer | Refusal) -> _Read:
    arguments = result.parsed.arguments
    return _Read(
        tool=tool,
        question=asked.question(tool.tool.frame.form),
        parsed=result.parsed,
        written=None if arguments is None else await written_by(loop.sandbox, tool.tool, arguments),
        answer=result.text if isinstance(result, Answer) else None,
        reasons=() if isinstance(result, Answer) else result.reasons,
    )


async def _served(
    loop: Hammerstone, asked: Asked, reads: Sequence[_Read], ms: float, models: Sequence[str]
) -> tuple[_Said, str | None]:
    """What would be served by a parser, and what a person says."""
    sure = [one for one in reads if one.answer is not None]
    if len(sure) > 1:
        names = ", ".join(one.tool.task for one in sure)
        return _Said(answer=None, reasons=(f"{names} all reproduce the question: the dispatcher chooses",), ms=ms), None
    if not sure or sure[0].answer is None:
        reasons = tuple(reason for one in reads for reason in one.reasons)
        reasons = reasons or (_none_for(loop, asked.request.chat, models),)
        labeled = await loop.catalog.label_of(asked)
        return _Said(answer=None, reasons=reasons, ms=ms), labeled.text if labeled is not None else None
    one, given = sure[0], sure[0].answer
    label = await loop.catalog.person_label(asked, one.tool.task)
    if not has_form(given, asked.request.chat.response_format):
        reasons = (f"{one.tool.task}: its answer {given[:80]!r} has not the response format",)
        return _Said(answer=None, reasons=reasons, ms=ms, tool=one.tool), label
    return _Said(answer=given, reasons=(), ms=ms, tool=one.tool), label


def _none_for(loop: Hammerstone, chat: Chat, models: Sequence[str]) -> str:
    """Whether another model would do, of those that are asked for here; else all that it may be."""
    live = loop.catalog.tools
    if not live:
        return "no tool is live"
    frames = {tool.tool.frame for tool in live}
    fitting = [one for one in models if one != chat.model and frames & _frames(replace(chat, model=one))]
    if fitting and not frames & _frames(chat):
        named = f"`{chat.model[:80]}`" if chat.model else "none"
        return (
            f"the tools for such chats serve model {' or '.join(f'`{one}`' for one in fitting[:3])}; you named {named}"
        )
    tools = "the one live tool is not" if len(live) == 1 else f"none of {len(live):,} live tools is"
    return f"{tools} for such a chat: of this model, these turns before the last, this response format, and worded so"


def _frames(chat: Chat) -> set[Frame]:
    return {frame_of(chat, form) for form in Form}


def _models(visit: Visit) -> list[str]:
    """The models that the last requests named, the most frequent first."""
    seen = visit.store.answers(WantedAnswers(), SEEN)
    named = Counter(one.chat.model for one in seen if one.chat is not None and one.chat.model)
    return [model for model, _ in named.most_common()]


async def _by_user(visit: Visit, loop: Hammerstone, chat: Chat) -> _Said:
    asked, began = _new(visit, chat), time.perf_counter()
    result = await contained(loop.side_by_side.by_user(asked), lambda why: Refusal(reasons=(why,)))
    return _said(result, asked.bill, began)


async def _by_upstream(visit: Visit, loop: Hammerstone, chat: Chat, body: Mapping[str, Any]) -> _Said:
    place, bill, began = visit.place, Bill(task=PLAYGROUND), time.perf_counter()
    if place.upstreams is None:
        return _said(Refusal(reasons=("these are the pages alone: `hammerstone serve` has an upstream",)), bill, began)
    if chat.model is None:
        return _said(Refusal(reasons=("no model is named: the upstream is asked for one",)), bill, began)
    caller = Caller(key=visit.visitor.key)
    model = UpstreamModel(
        upstream=place.upstreams.openai,
        api=_API,
        query=b"",
        headers=[(b"content-type", b"application/json")],
        fields=body,
        model=chat.model,
        limiter=anyio.CapacityLimiter(1),
        charge=lambda sent: place.access.charge(
            caller, method="POST", path=_API.path, body=sent, fields=body, api=_API
        ),
    )
    accounted = AccountedModel(model, Role.SOLVER, loop.store)

    async def ask() -> Answer | Refusal:
        return Answer(text=await accounted.complete(chat_prompt(chat), bill), route=Route.SOLVER)

    failed: list[str] = []
    said = _said(await contained(ask(), lambda why: failed.append(why) or Refusal(reasons=(why,))), bill, began)
    return replace(said, failed=bool(failed))


def _new(visit: Visit, chat: Chat) -> Asked:
    request = Request(id="", chat=chat, tenant=visit.tenant)
    return Asked(request=request, bill=Bill(task=PLAYGROUND))


def _said(result: Answer | Refusal, bill: Bill, began: float) -> _Said:
    ms = (time.perf_counter() - began) * 1000
    if isinstance(result, Answer):
        return _Said(answer=result.text, reasons=(), ms=ms, tool=result.tool, bill=bill)
    return _Said(answer=None, reasons=result.reasons, ms=ms, bill=bill)


async def _page(visit: Visit, form: ChatForm, *, answers: _Answers | None = None, problem: str = "") -> Response:
    has_models = visit.place.upstreams is not None or visit.settings.roles.user.model is not None
    return visit.show(
        "playground.html",
        form=form,
        answers=answers,
        problem=problem,
        roles=ROLES,
        models=await to_thread.run_sync(_models, visit),
        may_ask=visit.visitor.role.includes(KeyRole.ADMIN) and has_models,
    )


PAGES = (
    Page("GET", "/playground", show),
    Page("POST", "/playground", ask_tools),
    Page("POST", "/playground/models", ask_models, KeyRole.ADMIN),
)
