"""One bad item ends nothing: errors are contained and put into words, but for those that concern the whole run.

Whatever a request, a reply or a tool holds may bring out a fault that nobody has foreseen. It concerns that one item: a
route refuses, a request has an error, a build has failed.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from hammerstone.errors import EndsRun, HammerstoneError

__all__ = ["contained", "reason_of"]

MAX_REASON = 500  # characters: an exception may quote all that it met

_log = logging.getLogger(__name__)

T = TypeVar("T")
U = TypeVar("U")


async def contained(work: Awaitable[T], otherwise: Callable[[str], U]) -> T | U:
    """The result of `work`, or what `otherwise` makes of the reason why there is none."""
    try:
        return await work
    except EndsRun:
        raise
    except Exception as error:
        return otherwise(reason_of(error))


def reason_of(error: Exception) -> str:
    """The message of an error of ours; the kind and the text of any other, which is logged for whoever looks for it."""
    if isinstance(error, HammerstoneError):
        return error.message
    _log.debug("contained", exc_info=error)
    return f"{type(error).__name__}: {error}".strip(" :")[:MAX_REASON]
