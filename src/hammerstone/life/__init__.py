"""A tool's life after its build."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.lazy_names import lazy_names

if TYPE_CHECKING:
    from hammerstone.life.audit import audit_rate, is_audited
    from hammerstone.life.bounds import upper_bound
    from hammerstone.life.false_hits import FalseHitRate, false_hit_rate, together
    from hammerstone.life.labels import latest, take
    from hammerstone.life.review import disputed_request, in_review, settle
    from hammerstone.life.states import approved_state, cannot_be_watched, first_state
    from hammerstone.life.watch import Watch, watches
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "audit": "audit_rate is_audited",
            "bounds": "upper_bound",
            "false_hits": "FalseHitRate false_hit_rate together",
            "labels": "latest take",
            "review": "disputed_request in_review settle",
            "states": "approved_state cannot_be_watched first_state",
            "watch": "Watch watches",
        },
    )

__all__ = [
    "FalseHitRate",
    "Watch",
    "approved_state",
    "audit_rate",
    "cannot_be_watched",
    "disputed_request",
    "false_hit_rate",
    "first_state",
    "in_review",
    "is_audited",
    "latest",
    "settle",
    "take",
    "together",
    "upper_bound",
    "watches",
]
