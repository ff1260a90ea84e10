"""An answer was wrong: what becomes of it, and what else the tool that gave it has answered."""

from __future__ import annotations

from dataclasses import dataclass

from hammerstone.store import Answered, Correction, Store

__all__ = ["Corrected", "correct"]


@dataclass(frozen=True, kw_only=True)
class Corrected:
    """`others` are the other answers of the version that gave the wrong one, newest first: they may be wrong, too.
    `total` is how many of them there are.
    """

    correction: Correction
    others: tuple[Answered, ...] = ()
    total: int = 0


def correct(store: Store, request_id: str, answer: str | None = None, *, shown: int | None = None) -> Corrected:
    """See `Store.correct`. Of the other answers all are read, or no more than `shown`."""
    correction = store.correct(request_id, answer)
    if correction.tool is None or correction.version is None:
        return Corrected(correction=correction)
    answered = store.answers_of(correction.tool, correction.version, None if shown is None else shown + 1)
    others = tuple(one for one in answered if one.id != request_id)
    if shown is None:
        return Corrected(correction=correction, others=others, total=len(others))
    total = store.served(correction.tool).get(correction.version, 0) - max(1, len(answered) - len(others))
    return Corrected(correction=correction, others=others[:shown], total=total)
