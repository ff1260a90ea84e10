"""False-hit rates, of each tool and of all together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hammerstone.life.bounds import upper_bound
from hammerstone.store import Tally

__all__ = ["FalseHitRate", "false_hit_rate", "together"]


@dataclass(frozen=True, kw_only=True)
class FalseHitRate:
    """The share of compared answers that were wrong (`None` before the first), and its time-uniform upper bound."""

    rate: float | None
    upper: float
    confidence: float

    def __str__(self) -> str:
        return f"false-hit rate at most {100 * self.upper:.3g} %"


def false_hit_rate(tally: Tally, confidence: float = 0.95) -> FalseHitRate:
    """The rate over shadow and audits together."""
    rate = tally.false_hits / tally.compared if tally.compared else None
    return FalseHitRate(
        rate=rate, upper=upper_bound(tally.false_hits, tally.compared, confidence), confidence=confidence
    )


def together(tallies: Iterable[Tally]) -> Tally:
    """The tally of all tools as if they were one; nothing is in a row."""
    known = list(tallies)
    return Tally(
        compared=sum(one.compared for one in known),
        disagreed=sum(one.disagreed for one in known),
        false_hits=sum(one.false_hits for one in known),
    )
