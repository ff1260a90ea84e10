"""One bad item ends nothing: which errors do end a run, and how all others are contained and put into words.

Whatever a request, a reply or a tool holds may bring out a fault that nobody has foreseen. It concerns that one item: a
route refuses, a request has an error, a build has failed.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from hammerstone.errors import HammerstoneError, RecordingError, StoreError
from hammerstone.models.model import OutOfRepliesError

__all__ = ["ENDS_A_RUN", "contained", "reason_of"]

# Nothing could be kept; a replay is not what was recorded; a test asks for more than it has allowed for.
ENDS_A_RUN = (StoreError, RecordingError, OutOfRepliesError)

MAX_REASON = 500  # characters: an exception may quote all that it met

_log = logging.getLogger(__name__)

T = TypeVar("T")
U = TypeVar("U")


async def contained(work: Awaitable[T], otherwise: Callable[[str], U]) -> T | U:
    """The result of `work`, or what `otherwise` makes of the reason why there is none."""
    try:
        return await work
    except ENDS_A_RUN:
        raise
    except Exception as error:
        return otherwise(reason_of(error))


def reason_of(error: Exception) -> str:
    """The message of an error of ours; the kind and the text of any other, which is logged for whoever looks for it."""
    if isinstance(error, HammerstoneError):
        return error.message
    _log.debug("contained", exc_info=error)
    return f"{type(error).__name__}: {error}".strip(" :")[:MAX_REASON]
