"""Perplexity against the equation, transcribed literally."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hammerstone.errors import InputError
from hammerstone.toolformer.evaluate.perplexity import perplexity
from hammerstone.toolformer.lm import LanguageModel

from ..tiny_models import TEXTS, language_model

LANGUAGE_MODELS = {
    "gpt2": language_model("gpt2"),
    "gptj": language_model("gptj", "sentencepiece-like"),
    "llama": language_model("llama", "sentencepiece-like"),
}
SHORT = [text[:30] for text in TEXTS]


def literal_losses(lm: LanguageModel, text: str, length: int, never: Sequence[int] = ()) -> list[float]:
    """- log p(x_j | x_1 … x_{j-1}) of every token, one document at a time."""
    ids = lm.encode(text)
    losses: list[float] = []
    for begin in range(0, len(ids), length):
        row = ids[begin : begin + length]
        with torch.inference_mode():
            logits = lm.model(input_ids=torch.tensor([[lm.start_id, *row]])).logits[0].tolist()
        for j, token in enumerate(row):
            total = sum(math.exp(x) for at, x in enumerate(logits[j]) if at not in never or token in never)
            losses.append(math.log(total) - logits[j][token])
    return losses


@pytest.mark.parametrize("name", LANGUAGE_MODELS)
@settings(max_examples=4)
@given(texts=st.lists(st.sampled_from([*SHORT, "a", "1 + 2"]), min_size=1, max_size=3), length=st.integers(3, 30))
def test_perplexity_is_that_of_reading_each_text_alone(name: str, texts: list[str], length: int) -> None:
    lm = LANGUAGE_MODELS[name]
    losses = [loss for text in texts for loss in literal_losses(lm, text, length)]
    found = perplexity(lm, texts, length=length, batch_tokens=40)
    assert found.perplexity == pytest.approx(math.exp(sum(losses) / len(losses)), rel=1e-4)
    assert (found.tokens, found.documents, found.dropped) == (len(losses), len(texts), 0)


def test_disabled_calls_have_no_probability_except_where_the_text_has_a_bracket() -> None:
    lm = LANGUAGE_MODELS["gpt2"]
    never = [at for at in range(len(lm.tokenizer)) if lm.decode([at]).strip() == "["]
    text = TEXTS[1][-30:]
    assert any(token in never for token in lm.encode(text))
    losses = literal_losses(lm, text, 60, never)
    found = perplexity(lm, [text], length=60, never=never)
    assert found.perplexity == pytest.approx(math.exp(sum(losses) / len(losses)), rel=1e-4)
    assert found.perplexity < perplexity(lm, [text], length=60).perplexity


def test_texts_of_like_length_are_read_together_and_no_padding_is() -> None:
    lm = language_model()
    perplexity(lm, TEXTS, length=30)
    assert lm.read == sum(len(lm.encode(text)) for text in TEXTS)


def test_a_text_whose_loss_is_no_number_is_counted_and_left_out() -> None:
    lm = language_model()
    broken = "~"
    (token,) = lm.encode(broken)
    assert not any(token in lm.encode(text) for text in TEXTS)
    fine = perplexity(lm, TEXTS)
    with torch.no_grad():
        lm.model.get_input_embeddings().weight[token] = torch.nan
        lm.model.lm_head.weight = torch.nn.Parameter(language_model().model.lm_head.weight)
    found = perplexity(lm, [*TEXTS, "~~", ""])
    assert (found.documents, found.dropped, found.tokens) == (len(TEXTS), 2, fine.tokens)
    assert found.perplexity == pytest.approx(fine.perplexity)


def test_texts_without_a_token_have_no_perplexity() -> None:
    with pytest.raises(InputError, match="none of 2 texts"):
        perplexity(LANGUAGE_MODELS["gpt2"], ["", ""])
