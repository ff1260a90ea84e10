"""Prices and token counts for completions that carry none: illustrations, and to be labelled so."""

from __future__ import annotations

from dataclasses import replace

from hammerstone.models import Model, PricePerMillion, Prompt, Reply, estimate_tokens, identity_of, sound_reply
from hammerstone.types import Usage

__all__ = ["CHEAP", "ESTIMATES_NOTE", "OFFERED", "RATES", "RECORDED_NOTE", "STRONG", "IllustratedModel"]


STRONG = PricePerMillion(input=5.0, output=25.0)  # the order of a frontier model's list price in 2026
CHEAP = PricePerMillion(input=0.25, output=2.0)  # and of a small one's
OFFERED = PricePerMillion(
    input=0.01, output=0.03
)  # Qwen2.5-Coder-3B-Instruct by nscale, as genai-prices has it in November 2026


_STRONG, _CHEAP, _OFFERED = (f"${one.input:g} and ${one.output:g}" for one in (STRONG, CHEAP, OFFERED))
RATES = f"per million tokens in and out, {_STRONG} for the strong roles, {_CHEAP} for the cheap ones"
RECORDED_NOTE = (
    "Recorded completions. The recorded maker, user, dispatcher and solver are one frontier chat model. It could "
    "reason before it wrote, so what it gets right by prompting alone is an upper bound; its tokens are estimated "
    "from characters, and its prices are illustrations. Models with another name are small open ones, with the tokens "
    f"that they took, at {_OFFERED} per million in and out (see examples/recordings/README.md)."
)
ESTIMATES_NOTE = (
    f"Where a model reports no tokens or no price, estimates stand in: tokens from characters, at {_STRONG} per "
    f"million in and out in the strong roles, {_CHEAP} in the cheap ones."
)


class IllustratedModel:
    """A model whose replies get estimated tokens and illustrative prices where they have none of their own.

    A reply without a count of its tokens was not timed either: it came through a mailbox, or from a chat window.
    """

    def __init__(self, model: Model, rates: PricePerMillion, *, name: str) -> None:
        self._model = model
        self._rates = rates
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    @property
    def identity(self) -> str:
        return identity_of(self._model)

    async def complete(self, prompt: Prompt) -> Reply:
        reply = sound_reply(await self._model.complete(prompt))
        if reply.cost_usd is not None:
            return reply
        usage = Usage(
            input_tokens=reply.usage.input_tokens or sum(estimate_tokens(one.content) for one in prompt.messages),
            output_tokens=reply.usage.output_tokens or estimate_tokens(reply.text),
        )
        timed = reply.usage.output_tokens is not None
        return replace(reply, usage=usage, cost_usd=self._rates.cost(usage), seconds=reply.seconds if timed else 0.0)
