"""One bad item ends nothing: errors are contained and put into words, but for those that concern the whole run.

Whatever a request, a reply or a tool holds may bring out a fault that nobody has foreseen. It concerns that one item: a
route refuses, a request has an error, a build has failed. What concerns the whole run ends it, unless the run is that
of a server: there somebody hears of it (`OnFault`), and all else goes on.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable
from pathlib import PurePath
from typing import Protocol, TypeAlias, TypeVar

from hammerstone.errors import EndsRun, HammerstoneError

__all__ = ["LogReporter", "OnFault", "Reporter", "contained", "loggable", "logged", "place_of", "reason_of", "spared"]

MAX_REASON = 500  # characters: an exception may quote all that it met

_log = logging.getLogger(__name__)

OnFault: TypeAlias = Callable[[HammerstoneError], None]


class Reporter(Protocol):
    """Hears of a part of hammerstone whenever it has failed, and whenever it has done its work.

    `tenant` is whose part it is, if each has one.
    """

    def failed(self, error: Exception, tenant: str | None = None) -> None: ...

    def works(self, tenant: str | None = None) -> None: ...


class LogReporter:
    """Logs failures where nobody else listens."""

    def failed(self, error: Exception, tenant: str | None = None) -> None:
        del tenant
        _log.error("%s", loggable(error))

    def works(self, tenant: str | None = None) -> None:
        del tenant


T = TypeVar("T")
U = TypeVar("U")


async def contained(work: Awaitable[T], otherwise: Callable[[str], U]) -> T | U:
    """The result of `work`, or what `otherwise` makes of the reason why there is none."""
    return await _contained(work, lambda error: otherwise(reason_of(error)))


async def logged(work: Awaitable[T], otherwise: Callable[[str], U]) -> T | U:
    """As `contained`, for an `otherwise` that writes into the log, which may hold less of an error."""
    return await _contained(work, lambda error: otherwise(loggable(error)))


async def _contained(work: Awaitable[T], otherwise: Callable[[Exception], U]) -> T | U:
    try:
        return await work
    except EndsRun:
        raise
    except Exception as error:
        return otherwise(error)


async def spared(work: Awaitable[object], on_fault: OnFault | None) -> None:
    """Work beside a stream. Where somebody hears of its errors, not even those that end a run get any further."""
    try:
        await work
    except HammerstoneError as error:
        if on_fault is None:
            raise
        on_fault(error)


def reason_of(error: Exception) -> str:
    """The message of an error of ours; the kind and the text of any other, which is logged for whoever looks for it."""
    if isinstance(error, HammerstoneError):
        return error.message
    _log.debug("contained", exc_info=error)
    return f"{type(error).__name__}: {error}".strip(" :")[:MAX_REASON]


def loggable(error: BaseException) -> str:
    """What a log may hold of an error: the message of one of ours, the place of any other."""
    return error.message if isinstance(error, HammerstoneError) else place_of(error)


def place_of(error: BaseException) -> str:
    """The kind of an error and where it was raised: for a log, which must not hold what an exception may quote."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {PurePath(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
