"""The progress of a stage, its speed, and the time that is left."""

from __future__ import annotations

import time
from dataclasses import dataclass

__all__ = ["StageClock", "StageProgress"]


@dataclass(frozen=True, kw_only=True)
class StageProgress:
    """The progress of a stage, in documents. `total` and `seconds_left` are `None` if the end is not known.

    `done` counts those of earlier runs too; `per_second` is the rate of this one.
    """

    stage: str
    done: int
    total: int | None
    per_second: float
    seconds_left: float | None


class StageClock:
    """Measures the speed of a stage, by the documents of this run alone."""

    def __init__(self, stage: str, *, total: int | None) -> None:
        self._stage, self.total = stage, total
        self._before = self._now = 0
        self._started = time.monotonic()

    def skip(self, documents: int) -> None:
        """Count documents of an earlier run."""
        self._before += documents

    def advance(self, documents: int) -> StageProgress:
        """Count documents of this run."""
        self._now += documents
        done, seconds = self._before + self._now, time.monotonic() - self._started
        rate = self._now / seconds if seconds else 0.0
        left = None if self.total is None or not rate else max(0, self.total - done) / rate
        return StageProgress(stage=self._stage, done=done, total=self.total, per_second=rate, seconds_left=left)
