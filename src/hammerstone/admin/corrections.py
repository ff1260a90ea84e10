"""An answer was wrong: what becomes of it, and what else the tool that gave it has answered."""

from __future__ import annotations

from dataclasses import dataclass

from hammerstone.store import Answered, Correction, Store

__all__ = ["Corrected", "correct"]


@dataclass(frozen=True, kw_only=True)
class Corrected:
    """`others` are the other answers of the version that gave the wrong one, newest first: they may be wrong, too."""

    correction: Correction
    others: tuple[Answered, ...] = ()


def correct(store: Store, request_id: str, answer: str | None = None) -> Corrected:
    """See `Store.correct`."""
    correction = store.correct(request_id, answer)
    if correction.tool is None or correction.version is None:
        return Corrected(correction=correction)
    answered = store.answers_of(correction.tool, correction.version)
    return Corrected(correction=correction, others=tuple(one for one in answered if one.id != request_id))
