"""The budget of a run: the number of kinds that get tools, and the cost."""

from __future__ import annotations

from dataclasses import dataclass

from hammerstone.store import Build, BuildState

__all__ = ["Budget"]


@dataclass(kw_only=True)
class Budget:
    """Tools for at most `kinds` kinds, the most frequent first; nothing more is begun once it has cost `max_usd`."""

    kinds: int = 10
    max_usd: float | None = None
    spent: float = 0.0
    stopped: str = ""

    def may_spend(self) -> bool:
        if self.max_usd is not None and self.spent >= self.max_usd and not self.stopped:
            self.stopped = f"the maker has cost ${self.spent:.2f}, and --max-usd allows ${self.max_usd:.2f}"
        return not self.stopped

    def pay(self, cost_usd: float | None) -> None:
        """Something was paid for; `None` is an unknown price."""
        if cost_usd is not None:
            self.spent += cost_usd
        elif self.max_usd is not None:
            self.stopped = (
                "the price of the maker is unknown, so --max-usd cannot be kept; --price-in and --price-out set one"
            )

    def note(self, build: Build | None) -> None:
        if build is not None and (build.cost_usd is not None or build.state is not BuildState.INTERRUPTED):
            self.pay(build.cost_usd)
