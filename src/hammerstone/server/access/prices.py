"""What calls of the upstream cost: before they are made, about; afterwards, by their usage."""

from __future__ import annotations

from anyio import to_thread

from hammerstone.models import PricePerMillion, list_price, list_rates
from hammerstone.types import Usage

__all__ = ["Prices"]

MOST_MODELS = 1_000  # whose rates are kept: a client may name a new one with every request


class Prices:
    """List prices. `ceiling` in US dollars stands for a call's price that is not known: it is never zero."""

    def __init__(self, ceiling: float) -> None:
        self.ceiling = ceiling
        self._rates: dict[str, PricePerMillion | None] = {}

    async def estimate(self, model: str | None, read: int, written: int) -> float:
        """About what a call will cost; the ceiling for a model whose price is not known."""
        rates = await self._rates_of(model) if model is not None else None
        return self.ceiling if rates is None else rates.cost(Usage(input_tokens=read, output_tokens=written))

    async def _rates_of(self, model: str) -> PricePerMillion | None:
        if model not in self._rates:
            found = await to_thread.run_sync(list_rates, model)
            if len(self._rates) >= MOST_MODELS:
                self._rates.clear()
            self._rates[model] = found
        return self._rates[model]

    def cost(self, model: str | None, usage: Usage) -> float | None:
        """What a call has cost, or `None`. Looks in the price table: not in the event loop."""
        return None if model is None else list_price(model, usage)
