"""The budget of a run: the number of kinds that get tools, and the cost."""

from __future__ import annotations

from dataclasses import dataclass

from hammerstone.store import Build, BuildState

__all__ = ["Budget"]


@dataclass(kw_only=True)
class Budget:
    """Tools for at most `kinds` kinds, the most frequent first; no more builds once they have cost `max_usd`."""

    kinds: int = 10
    max_usd: float | None = None
    spent: float = 0.0
    stopped: str = ""

    def may_build(self) -> bool:
        if self.max_usd is not None and self.spent >= self.max_usd and not self.stopped:
            self.stopped = f"builds have cost ${self.spent:.2f}, and --max-usd allows ${self.max_usd:.2f}"
        return not self.stopped

    def note(self, build: Build | None) -> None:
        if build is None:
            return
        if build.cost_usd is not None:
            self.spent += build.cost_usd
        elif self.max_usd is not None and build.state is not BuildState.INTERRUPTED:
            self.stopped = (
                "the price of a build is unknown, so --max-usd cannot be kept; --price-in and --price-out set one"
            )
