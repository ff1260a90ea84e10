"""Running calls: each once, within a time limit, several side by side; a failure is a result like any other."""

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
from hammerstone.toolformer.apis.api import Api, ApiError, Context
from hammerstone.toolformer.call_format import safe_result

__all__ = ["Asked", "Executor", "Ran", "unquoted"]

KEPT = 100_000  # results that an executor remembers, the latest used
TOO_LONG = 1_000_000  # characters: a result beyond is a failure; below, `safe_result` shortens it
LONGEST_REASON = 60  # characters

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_QUOTES = {'"': '"', "'": "'", "“": "”", "‘": "’", "”": "”"}  # noqa: RUF001 - the paper's prompts hold ”…”


class Asked(NamedTuple):
    """A call to be run."""

    api: str
    text: str
    context: Context = Context()


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What came of a call: a `result` that is safe to stand in a text and not empty, or the reason of its `failure`.

    Failures are counted by their reasons, of which there are few; `detail` is what else is known of this one. `outage`
    is set beside the failure where not the tool but something around it is broken.
    """

    result: str | None = None
    failure: str | None = None
    detail: str = field(default="", compare=False)
    outage: OperatorError | None = None


NOW = Context()


@dataclass
class _Running:
    """A call under way, for those who ask for the same: `ran` stays `None` if it was cancelled."""

    ended: anyio.Event
    ran: Ran | None = None


class Executor:
    """Runs calls of tools: each within `seconds`, at most `at_once` side by side, equal ones once.

    Equal are calls of one tool with the same input on the same date. `run` raises nothing of a tool's. What it cannot
    do: end a function that never returns (it is left behind, see `python_file`), or go on while an *async* function
    blocks without awaiting anything.
    """

    def __init__(self, apis: Iterable[Api], *, seconds: float = 30.0, at_once: int = 16) -> None:
        """Raises `SettingsError` for two tools of one name, or a name that cannot stand in a text."""
        self._apis = _by_name(apis)
        self._seconds = seconds
        self._at_once = at_once
        self._slots = anyio.Semaphore(at_once)
        self._kept: OrderedDict[tuple[str, str, str], Ran] = OrderedDict()
        self._running: dict[tuple[str, str, str], _Running] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._apis)

    async def run(self, name: str, text: str, context: Context = NOW) -> Ran:
        """Run a call, or wait for an equal one, or remember what came of it."""
        if name not in self._apis:
            return Ran(failure="no such tool")
        context = Context(date=date.today().isoformat()) if context.date is None else context
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

    async def run_all(self, calls: Sequence[Asked]) -> list[Ran]:
        """Run many calls side by side; what came of them is in their order."""
        ran: dict[int, Ran] = {}
        waiting = iter(enumerate(calls))

        async def work() -> None:
            for index, call in waiting:  # every worker takes the next that is left
                ran[index] = await self.run(*call)

        async with task_group() as group:
            for _ in range(min(self._at_once, len(calls))):
                group.start_soon(work)
        return [ran[index] for index in range(len(calls))]

    async def _run_first(self, key: tuple[str, str, str], context: Context) -> Ran:
        running = self._running[key] = _Running(anyio.Event())
        try:
            async with self._slots:
                ran = running.ran = await self._timed(self._apis[key[0]], key[1], context)
        finally:
            del self._running[key]
            running.ended.set()
        if ran.outage is None:  # that may be over next time
            self._kept[key] = ran
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return ran

    async def _timed(self, api: Api, text: str, context: Context) -> Ran:
        try:
            with anyio.move_on_after(self._seconds):
                return _judged(await api(text, context))
        except ApiError as error:
            return Ran(failure=" ".join(str(error).split())[:LONGEST_REASON] or "no reason given")
        except Exception as error:  # whatever a tool raises is its failure, and never ours
            outage = error if isinstance(error, OperatorError) else None
            return Ran(
                failure=f"error: {type(error).__name__}", detail=str(error) or type(error).__name__, outage=outage
            )
        except anyio.get_cancelled_exc_class():
            if anyio.current_effective_deadline() == -math.inf:  # it is we who are cancelled
                raise
            return Ran(failure="cancelled", detail="was cancelled")
        return Ran(failure="time", detail=f"no answer within {self._seconds:g} s")


def unquoted(text: str) -> str:
    """The input without the quotation marks around it: the paper's prompts write some tools' with, some without."""
    text = text.strip()
    closing = _QUOTES.get(text[:1])
    inner = text[1:-1]
    if closing is None or len(text) < 2 or text[-1] != closing or closing in inner:
        return text
    return inner.strip()


def _judged(result: object) -> Ran:
    """A tool says that it gives text; one that a user or a model wrote may give anything."""
    if result is not None and not isinstance(result, str):
        return Ran(failure="no text", detail=f"returned {type(result).__name__}, not text")
    if result is not None and len(result) > TOO_LONG:
        return Ran(failure="too long", detail=f"returned {len(result):,} characters")
    safe = safe_result(result or "")
    return Ran(result=safe) if safe else Ran(failure="empty", detail="returned nothing")


def _by_name(apis: Iterable[Api]) -> dict[str, Api]:
    named: dict[str, Api] = {}
    for api in apis:
        if not _NAME.fullmatch(api.name):
            raise SettingsError(
                f"{api.name!r} cannot name a tool in a text",
                hint="use letters, digits and underscores, beginning with a letter",
            )
        if api.name in named:
            raise SettingsError(f"two tools are named {api.name}", hint="give one of each name")
        named[api.name] = api
    return named
