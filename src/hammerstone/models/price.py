"""What a model call costs, from the price table that `genai-prices` ships. Nothing is ever fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hammerstone.types import Usage

__all__ = ["estimate_tokens", "list_price", "price"]

CHARACTERS_PER_TOKEN = 4
PROVIDERS = ("", "openai:", "anthropic:")
"""Some models have a price under their provider's name alone."""


def price(model_name: str, usage: Usage) -> float | None:
    """The list price of one call in US dollars, or `None` where the model, its price or its tokens are unknown.

    `model_name` is a bare name (`gpt-4o-mini`) or carries its provider (`openai:gpt-4o-mini`), which matters where
    several providers sell one model. Unknown is never zero.
    """
    if usage.input_tokens is None or usage.output_tokens is None:
        return None
    import genai_prices  # late: 0.27 s

    provider, colon, bare_name = model_name.partition(":")
    if not colon:
        provider, bare_name = None, model_name
    priced = genai_prices.Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
    try:
        return float(genai_prices.calc_price(priced, bare_name, provider_id=provider).total_price)
    except (LookupError, ValueError):
        return None


def list_price(model_name: str, usage: Usage) -> float | None:
    """`price`, also of a bare name that has a price with its provider only."""
    prices = (price(provider + model_name, usage) for provider in PROVIDERS)
    return next((one for one in prices if one is not None), None)


def estimate_tokens(text: str) -> int:
    """About how many tokens `text` has: characters divided by four, rounded up.

    An estimate for illustrations, good to perhaps a third for English and worse for other languages and for code.
    It is never stored as usage, and whoever shows it must say that it is an estimate.
    """
    return -(-len(text) // CHARACTERS_PER_TOKEN)
