"""What a model call costs, from the price table that `genai-prices` ships. Nothing is ever fetched."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from hammerstone.types import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["PricePerMillion", "estimate_tokens", "known_sum", "list_price", "list_rates", "price"]

CHARACTERS_PER_TOKEN = 4
PROVIDERS = ("", "openai:", "anthropic:")
"""Some models have a price under their provider's name alone."""
SAMPLE = 1_000  # tokens that a list price is looked up for


@dataclass(frozen=True, kw_only=True)
class PricePerMillion:
    """US dollars per million tokens."""

    input: float
    output: float

    def cost(self, usage: Usage) -> float:
        """The price of a call; a count that is unknown is taken for none."""
        return ((usage.input_tokens or 0) * self.input + (usage.output_tokens or 0) * self.output) / 1e6


def price(model_name: str, usage: Usage) -> float | None:
    """The list price of one call in US dollars, or `None` where the model, its price or its tokens are unknown.

    `model_name` is a bare name (`gpt-4o-mini`) or carries its provider (`openai:gpt-4o-mini`), which matters where
    several providers sell one model. Unknown is never zero.
    """
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    return _priced(model_name, usage.input_tokens, usage.output_tokens, hour=_hour())


def _hour() -> int:
    return int(time.time() // 3600)


@lru_cache(maxsize=4096)
def _priced(model_name: str, input_tokens: int, output_tokens: int, *, hour: int) -> float | None:
    """Some models are cheaper at some hours: a price holds for its own."""
    del hour
    import genai_prices  # late: 0.27 s

    provider, colon, bare_name = model_name.partition(":")
    if not colon:
        provider, bare_name = None, model_name
    usage = genai_prices.Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    try:
        return float(genai_prices.calc_price(usage, bare_name, provider_id=provider).total_price)
    except (LookupError, ValueError):
        return None


def list_price(model_name: str, usage: Usage) -> float | None:
    """`price`, also of a bare name that has a price with its provider only."""
    prices = (price(provider + model_name, usage) for provider in PROVIDERS)
    return next((one for one in prices if one is not None), None)


def list_rates(model_name: str) -> PricePerMillion | None:
    """The list prices of a model per million tokens, `None` where one is unknown."""
    read = list_price(model_name, Usage(input_tokens=SAMPLE, output_tokens=0))
    written = list_price(model_name, Usage(input_tokens=0, output_tokens=SAMPLE))
    if read is None or written is None:
        return None
    return PricePerMillion(input=read * 1e6 / SAMPLE, output=written * 1e6 / SAMPLE)


def known_sum(values: Iterable[float | None]) -> float | None:
    """The sum; unknown if any part is."""
    total: float = 0  # a sum of whole numbers stays whole
    for value in values:
        if value is None:
            return None
        total += value
    return total


def estimate_tokens(text: str) -> int:
    """About how many tokens `text` has: characters divided by four, rounded up.

    An estimate for illustrations, good to perhaps a third for English and worse for other languages and for code.
    It is never stored as usage, and whoever shows it must say that it is an estimate.
    """
    return -(-len(text) // CHARACTERS_PER_TOKEN)
