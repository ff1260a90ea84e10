"""Models of many makers: read piece by piece as each row alone, or refused. Tiny ones, with random weights."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from hammerstone.errors import InputError
from hammerstone.toolformer.kv_cache import join_caches
from hammerstone.toolformer.lm import LanguageModel, load_model

from .tiny_models import byte_level

TOKENIZER = byte_level()
WORDS = len(TOKENIZER)
USUAL = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 128,
}
EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
WINDOW = {"sliding_window": 6}

READ = {
    "qwen2": USUAL,
    "qwen3": USUAL,
    "qwen3_moe": {**USUAL, **EXPERTS},
    "mistral": {**USUAL, **WINDOW},
    "mixtral": {**USUAL, "num_local_experts": 4},
    "gemma": USUAL,
    "gemma2": {**USUAL, **WINDOW},
    "gemma3_text": {**USUAL, **WINDOW},
    "gpt_oss": {**USUAL, **WINDOW, "num_local_experts": 4},
    "llama4_text": {**USUAL, "num_local_experts": 2, "intermediate_size_mlp": 64, "attention_chunk_size": 6},
    "phi3": {**USUAL, "pad_token_id": 0},
    "olmo2": USUAL,
    "gpt_neox": USUAL,
    "gpt_neo": {
        "hidden_size": 32,
        "num_layers": 2,
        "num_heads": 4,
        "attention_types": [[["global", "local"], 1]],
        "max_position_embeddings": 128,
        "window_size": 6,
    },
    "opt": {
        "hidden_size": 32,
        "word_embed_proj_dim": 32,
        "ffn_dim": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 128,
    },
    "bloom": {"hidden_size": 32, "n_layer": 2, "n_head": 4},
    "falcon": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4},
    "mpt": {"d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 128},
}
REFUSED = {
    "mamba": {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 4},  # a state, no keys and values
    "bart": {  # it counts positions by itself, padding included
        "d_model": 32,
        "decoder_layers": 2,
        "decoder_attention_heads": 4,
        "decoder_ffn_dim": 64,
        "max_position_embeddings": 128,
    },
}


def model(kind: str, settings: dict) -> LanguageModel:
    torch.manual_seed(0)
    made = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, vocab_size=WORDS, **settings))
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.3)
    return LanguageModel(made, TOKENIZER, name=kind)


def drawn(*lengths: int) -> list[list[int]]:
    rng = random.Random(sum(lengths))  # noqa: S311 - samples, not secrets
    return [[rng.randint(1, WORDS - 1) for _ in range(length)] for length in lengths]


def assert_read_as_alone(lm: LanguageModel, found: torch.Tensor, before: list[list[int]], new: list[list[int]]) -> None:
    for logits, first, row in zip(found, before, new, strict=True):
        with torch.inference_mode():
            alone = lm.model(input_ids=torch.tensor([first + row])).logits[0, -len(row) :]
        torch.testing.assert_close(logits[-len(row) :], alone, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("kind", READ)
def test_a_row_that_is_branched_cut_joined_and_read_on_is_as_read_alone(kind: str) -> None:
    lm = model(kind, READ[kind])
    first, second, more = drawn(13, 3, 9), drawn(1, 5, 2), drawn(3, 3, 3, 3)
    logits, cache = lm.forward(first)
    assert_read_as_alone(lm, logits, [[], [], []], first)
    logits, _ = lm.forward(second, cache)
    assert_read_as_alone(lm, logits, first, second)
    logits, _ = lm.forward(more[:3], cache.rows([0, 0, 2]).cut([5, 9, 4]))
    assert_read_as_alone(lm, logits, [first[0][:5], first[0][:9], first[2][:4]], more[:3])
    other = drawn(2)
    logits, _ = lm.forward(more, join_caches([cache, lm.forward(other)[1]]))
    assert_read_as_alone(lm, logits, first + other, more)


@pytest.mark.parametrize("kind", REFUSED)
def test_a_model_that_cannot_be_read_piece_by_piece_is_refused(kind: str, tmp_path: Path) -> None:
    lm = model(kind, REFUSED[kind])
    lm.model.save_pretrained(tmp_path)
    TOKENIZER.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="cannot be read piece by piece") as told:
        load_model(tmp_path)
    assert "ordinary attention" in told.value.hint
