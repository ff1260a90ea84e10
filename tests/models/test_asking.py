"""What models say and raise that others wrote."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hammerstone.errors import ModelError, ModelTimeoutError
from hammerstone.models import RecordedModel, RecordingModel, Reply
from hammerstone.models.asking import ask
from hammerstone.testing import FunctionModel
from hammerstone.types import Usage

from .local_provider import ask as a_prompt

pytestmark = pytest.mark.anyio

PROMPT = a_prompt("2 + 3?")
PAID = Reply(text="5", model="m", usage=Usage(input_tokens=7, output_tokens=1), cost_usd=0.5, seconds=1.5)
NO_NUMBERS: list[Any] = [
    None,
    "1",
    Decimal(1),
    float("nan"),
    float("inf"),
    -1,
    True,
    10**400,
    [],
]


async def test_a_sound_reply_comes_as_it_is() -> None:
    assert await ask(FunctionModel(lambda _: PAID), PROMPT) == PAID


@pytest.mark.parametrize("odd", NO_NUMBERS, ids=repr)
async def test_a_number_that_is_none_is_unknown_and_the_reply_is_kept(odd: Any) -> None:
    sent = Reply(text="5", model="m", usage=Usage(input_tokens=odd, output_tokens=odd), cost_usd=odd, seconds=odd)
    assert await ask(FunctionModel(lambda _: sent), PROMPT) == Reply(text="5", model="m")


@pytest.mark.parametrize("odd", [None, {"input_tokens": 3}, "7", (7, 1)], ids=repr)
async def test_a_usage_that_is_none_is_unknown(odd: Any) -> None:
    assert await ask(FunctionModel(lambda _: replace(PAID, usage=odd)), PROMPT) == replace(PAID, usage=Usage())


async def test_a_recording_keeps_a_paid_reply_whatever_it_says_about_itself(tmp_path: Path) -> None:
    odd: Any = Decimal("NaN")
    sent = replace(PAID, model=odd, usage=odd, cost_usd=odd, seconds=odd)
    file = tmp_path / "r.jsonl"
    await RecordingModel(FunctionModel(lambda _: sent), file).complete(PROMPT)
    assert await RecordedModel(file).complete(PROMPT) == Reply(text="5", model="unknown")


@pytest.mark.parametrize("price", ["NaN", "Infinity", "-1.5"])
async def test_a_recorded_price_that_is_none_is_unknown(tmp_path: Path, price: str) -> None:
    file = tmp_path / "r.jsonl"
    await RecordingModel(FunctionModel(lambda _: PAID), file).complete(PROMPT)
    file.write_text(file.read_text().replace('"cost_usd": 0.5', f'"cost_usd": {price}'))
    assert await RecordedModel(file).complete(PROMPT) == replace(PAID, cost_usd=None)


async def test_a_key_in_what_a_model_raises_is_masked_in_every_text() -> None:
    def fail(_: object) -> str:
        raise ModelTimeoutError(
            "bad key sk-ant-api03-SECRET", hint="not sk-ant-api03-SECRET", details="api_key=abcd1234"
        )

    with pytest.raises(ModelTimeoutError) as caught:
        await ask(FunctionModel(fail), PROMPT)
    shown = (str(caught.value), caught.value.message, caught.value.hint, caught.value.details)
    assert shown == ("bad key ***\napi_key=***", "bad key ***", "not ***", "api_key=***")


async def test_an_error_without_a_key_stays_as_it_is() -> None:
    def fail(_: object) -> str:
        raise ModelError("down", hint="try later", details="a\nb")

    with pytest.raises(ModelError) as caught:
        await ask(FunctionModel(fail), PROMPT)
    assert (str(caught.value), caught.value.hint) == ("down\na\nb", "try later")
