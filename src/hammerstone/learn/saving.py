"""The cost of a request in the log, and what a tool saves by answering it."""

from __future__ import annotations

from dataclasses import dataclass, field

from hammerstone.models import PricePerMillion, estimate_tokens, list_rates
from hammerstone.types import Request, Usage

__all__ = ["AssumedPrices", "Costs", "estimated_usage"]


@dataclass(frozen=True, kw_only=True)
class AssumedPrices:
    """Dollars per million tokens for models without a known price; without both it stays unknown."""

    read: float | None = None
    written: float | None = None

    @property
    def rates(self) -> PricePerMillion | None:
        return (
            None if self.read is None or self.written is None else PricePerMillion(input=self.read, output=self.written)
        )


@dataclass(kw_only=True)
class Costs:
    """Prices each request once, and counts those with `estimated` tokens and those with an `unknown` price."""

    prices: AssumedPrices = field(default_factory=AssumedPrices)
    estimated: int = 0
    unknown: int = 0
    _listed: dict[str, PricePerMillion | None] = field(default_factory=dict[str, PricePerMillion | None], repr=False)

    def of(self, line: Request) -> float | None:
        """The cost in the log, or else by the list price, or else by `prices`; `None` if unknown."""
        logged = line.logged
        if logged is not None and logged.cost_usd is not None:
            return logged.cost_usd
        usage = logged.usage if logged is not None else Usage()
        estimated = usage.input_tokens is None or usage.output_tokens is None
        if estimated:
            usage = estimated_usage(line)
        rates = self._rates(line.chat.model) or self.prices.rates
        cost = None if rates is None else rates.cost(usage)
        self.unknown += cost is None
        self.estimated += estimated and cost is not None
        return cost

    def _rates(self, model: str | None) -> PricePerMillion | None:
        """The list prices of a model."""
        if model is None:
            return None
        if model not in self._listed:
            self._listed[model] = list_rates(model)
        return self._listed[model]


def estimated_usage(line: Request) -> Usage:
    read = sum(estimate_tokens(one.content) for one in line.chat.messages)
    return Usage(input_tokens=read, output_tokens=estimate_tokens(line.answer or ""))
