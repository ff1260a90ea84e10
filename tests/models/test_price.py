from __future__ import annotations

import sys

import pytest

from hammerstone.models import estimate_tokens, known_sum, list_price, list_rates, price
from hammerstone.types import Usage

MILLION = Usage(input_tokens=1_000_000, output_tokens=1_000_000)


@pytest.mark.parametrize("name", ["gpt-4o-mini", "openai:gpt-4o-mini", "gpt-4o-mini-2024-07-18"])
def test_a_known_model_has_its_list_price(name: str) -> None:
    assert price(name, MILLION) == pytest.approx(0.15 + 0.60)  # OpenAI's list price per million tokens in and out


@pytest.mark.parametrize(
    "name", ["ollama:llama3.2:3b", "llama3.2:3b", "openai:no-such-model", "mailbox", "who:what", ""]
)
def test_an_unknown_price_is_none_and_not_zero(name: str) -> None:
    assert price(name, MILLION) is None


@pytest.mark.parametrize("usage", [Usage(), Usage(input_tokens=5), Usage(output_tokens=5)])
def test_without_token_counts_there_is_no_price(usage: Usage) -> None:
    assert price("gpt-4o-mini", usage) is None


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("x" * 400, 100)])
def test_an_estimate_is_a_quarter_of_the_characters_rounded_up(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


def test_equal_calls_within_an_hour_are_priced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules["hammerstone.models.price"]
    usage = Usage(input_tokens=12_345, output_tokens=54_321)
    monkeypatch.setattr(module, "_hour", lambda: 7)
    first = price("gpt-4o-mini", usage)
    monkeypatch.setattr("genai_prices.calc_price", None)  # whoever asks it now fails
    assert price("gpt-4o-mini", usage) == first
    monkeypatch.setattr(module, "_hour", lambda: 8)
    with pytest.raises(TypeError):
        price("gpt-4o-mini", usage)


def test_the_list_rates_of_a_model_price_any_call() -> None:
    rates = list_rates("gpt-4o-mini")
    assert rates is not None
    usage = Usage(input_tokens=1_234, output_tokens=56)
    assert rates.cost(usage) == pytest.approx(list_price("gpt-4o-mini", usage))
    assert list_rates("no-such-model") is None


def test_a_sum_is_unknown_if_any_part_is() -> None:
    assert known_sum((0.5, None, 0.25)) is None
    assert known_sum(iter((0.5, 0.25))) == 0.75
    assert str(known_sum((1, 2))) == "3"  # whole numbers stay whole
    assert known_sum(()) == 0
