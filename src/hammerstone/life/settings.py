"""The numbers of a tool's life: who approves it, how long it is watched, and how wrong it may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Approval", "LifeSettings"]

Approval = Literal["auto", "manual"]


@dataclass(frozen=True, kw_only=True)
class LifeSettings:
    """With the defaults, a tool that passed the gate serves at once and is never compared.

    `approval = "manual"` lets a tool that passed the gate wait for a person. A tool serves after it agreed with the
    upstream `shadow` times in a row. `audit` is the share of its requests that is compared at first; it falls to
    `audit_least` as the upper bound of its false-hit rate falls. A tool whose bound, which holds with probability
    `confidence` however often it is looked at, is above `max_false_hit_rate` serves nothing.
    """

    approval: Approval = "auto"
    shadow: int = 0
    audit: float = 0.0
    audit_least: float = 0.005
    max_false_hit_rate: float | None = None
    confidence: float = 0.95
