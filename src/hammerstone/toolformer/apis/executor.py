"""Running calls: each once, with a time limit, several concurrently. A failure is a value, not an exception."""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

import anyio

from hammerstone.concurrency import task_group
from hammerstone.errors import OperatorError, SettingsError
from hammerstone.toolformer.apis.api import Api, ApiError, CallContext
from hammerstone.toolformer.call_format import safe_result

__all__ = ["CallOutcome", "Executor", "RequestedCall", "unquoted"]

REMEMBERED = 100_000  # results that an executor caches, the most recently used
TOO_LONG = 1_000_000  # characters: a longer result is a failure; `safe_result` shortens others
LONGEST_REASON = 60  # characters

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "”": "”"}  # noqa: RUF001 - the paper's prompts hold ”…”


class RequestedCall(NamedTuple):
    """A call to run."""

    api: str
    text: str
    context: CallContext = CallContext()


@dataclass(frozen=True, kw_only=True)
class CallOutcome:
    """The outcome of a call: a `result` that is safe in a text and not empty, or the reason of its `failure`.

    Failures are counted by reason, of which there are few; `detail` says more about this one. `outage` is also set if
    not the tool but something that it depends on is broken.
    """

    result: str | None = None
    failure: str | None = None
    detail: str = field(default="", compare=False)
    outage: OperatorError | None = None


NOW = CallContext()


@dataclass
class _RunningCall:
    """A call in progress, which equal calls wait for: `ran` stays `None` if it was cancelled."""

    ended: anyio.Event
    ran: CallOutcome | None = None


class Executor:
    """Runs calls of tools: each within `seconds`, at most `at_once` concurrently, equal calls once.

    Calls are equal if they have the same tool, input and date. `run` raises no exception of a tool. It cannot end a
    function that never returns (its thread is left running, see `python_file`), nor continue while an *async* function
    blocks without awaiting.
    """

    def __init__(self, apis: Iterable[Api], *, seconds: float = 30.0, at_once: int = 16) -> None:
        """Raises `SettingsError` for two tools with the same name, or a name that cannot appear in a text."""
        self._apis = _by_name(apis)
        self._seconds = seconds
        self._at_once = at_once
        self._slots = anyio.Semaphore(at_once)
        self._kept: OrderedDict[tuple[str, str, str], CallOutcome] = OrderedDict()
        self._running: dict[tuple[str, str, str], _RunningCall] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._apis)

    async def run(self, name: str, text: str, context: CallContext = NOW) -> CallOutcome:
        """Run a call, wait for an equal one in progress, or return its cached outcome."""
        if name not in self._apis:
            return CallOutcome(failure="no such tool")
        context = CallContext(date=date.today().isoformat()) if context.date is None else context
        key = (name, unquoted(text), context.date or "")
        while key not in self._kept:
            running = self._running.get(key)
            if running is None:
                return await self._run_first(key, context)
            await running.ended.wait()
            if running.ran is not None:
                return running.ran
        self._kept.move_to_end(key)
        return self._kept[key]

    async def run_all(self, calls: Sequence[RequestedCall]) -> list[CallOutcome]:
        """Run many calls concurrently; the outcomes are in the order of the calls."""
        ran: dict[int, CallOutcome] = {}
        waiting = iter(enumerate(calls))

        async def work() -> None:
            for index, call in waiting:  # every worker takes the next one
                ran[index] = await self.run(*call)

        async with task_group() as group:
            for _ in range(min(self._at_once, len(calls))):
                group.start_soon(work)
        return [ran[index] for index in range(len(calls))]

    async def _run_first(self, key: tuple[str, str, str], context: CallContext) -> CallOutcome:
        running = self._running[key] = _RunningCall(anyio.Event())
        try:
            async with self._slots:
                ran = running.ran = await self._timed(self._apis[key[0]], key[1], context)
        finally:
            del self._running[key]
            running.ended.set()
        if ran.outage is None:  # it may be over next time
            self._kept[key] = ran
            if len(self._kept) > REMEMBERED:
                self._kept.popitem(last=False)
        return ran

    async def _timed(self, api: Api, text: str, context: CallContext) -> CallOutcome:
        try:
            with anyio.move_on_after(self._seconds):
                return _judged(await api(text, context))
        except ApiError as error:
            return CallOutcome(failure=" ".join(str(error).split())[:LONGEST_REASON] or "no reason given")
        except Exception as error:  # whatever a tool raises is its own failure
            outage = error if isinstance(error, OperatorError) else None
            return CallOutcome(
                failure=f"error: {type(error).__name__}", detail=str(error) or type(error).__name__, outage=outage
            )
        except anyio.get_cancelled_exc_class():
            if anyio.current_effective_deadline() == -math.inf:  # the caller was cancelled
                raise
            return CallOutcome(failure="cancelled", detail="was cancelled")
        return CallOutcome(failure="time", detail=f"no answer within {self._seconds:g} s")


def unquoted(text: str) -> str:
    """The input without surrounding quotation marks: the paper's prompts use them for some tools only."""
    text = text.strip()
    closing = _QUOTES.get(text[:1])
    inner = text[1:-1]
    if closing is None or len(text) < 2 or text[-1] != closing or closing in inner:
        return text
    return inner.strip()


def _judged(result: object) -> CallOutcome:
    """A tool should return text; one that a user or a model wrote may return anything."""
    if result is not None and not isinstance(result, str):
        return CallOutcome(failure="no text", detail=f"returned {type(result).__name__}, not text")
    if result is not None and len(result) > TOO_LONG:
        return CallOutcome(failure="too long", detail=f"returned {len(result):,} characters")
    safe = safe_result(result or "")
    return CallOutcome(result=safe) if safe else CallOutcome(failure="empty", detail="returned nothing")


def _by_name(apis: Iterable[Api]) -> dict[str, Api]:
    named: dict[str, Api] = {}
    for api in apis:
        if not _NAME.fullmatch(api.name):
            raise SettingsError(
                f"{api.name!r} cannot name a tool in a text",
                hint="use letters, digits and underscores, beginning with a letter",
            )
        if api.name in named:
            raise SettingsError(f"two tools are named {api.name}", hint="use each name once")
        named[api.name] = api
    return named
