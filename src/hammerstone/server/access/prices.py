"""What calls of the upstream cost: before they are made, about; afterwards, by their usage."""

from __future__ import annotations

from hammerstone.models import PricePerMillion, list_price, list_rates
from hammerstone.types import Usage

__all__ = ["Prices"]


class Prices:
    """List prices. `ceiling` in US dollars stands for a call's price that is not known: it is never zero."""

    def __init__(self, ceiling: float) -> None:
        self.ceiling = ceiling
        self._rates: dict[str, PricePerMillion | None] = {}

    def estimate(self, model: str | None, read: int, written: int) -> float:
        """About what a call will cost; the ceiling for a model whose price has not been looked up or is not known."""
        rates = self._rates.get(model) if model is not None else None
        return self.ceiling if rates is None else rates.cost(Usage(input_tokens=read, output_tokens=written))

    def cost(self, model: str | None, usage: Usage) -> float | None:
        """What a call has cost, or `None`. Looks in the price table, which may take a second the first time."""
        if model is None:
            return None
        if model not in self._rates:
            self._rates[model] = list_rates(model)
        return list_price(model, usage)
