"""Chooses which of a live tool's requests are audited: a random sample, but the same one each time it is drawn."""

from __future__ import annotations

from hammerstone.digests import sha256
from hammerstone.life.bounds import upper_bound
from hammerstone.settings import LifeSettings
from hammerstone.store import Tally

__all__ = ["audit_rate", "is_audited"]


def is_audited(request_id: str, tally: Tally, settings: LifeSettings) -> bool:
    """Whether the answer to this request is compared with the upstream's.

    A hash of the request's id is as good as a random draw, and does not depend on the answer.
    """
    return int(sha256(request_id)[:16], 16) < audit_rate(tally, settings) * 2**64


def audit_rate(tally: Tally, settings: LifeSettings) -> float:
    """The share of a tool's requests that is audited: `audit` times the upper bound of its false-hit rate.

    It is `audit` at first, when nothing is known, and `audit_least` (or `audit`, if that is less) once a tool has
    agreed often enough.
    """
    upper = upper_bound(tally.false_hits, tally.compared, settings.confidence)
    return max(settings.audit * upper, min(settings.audit_least, settings.audit))
