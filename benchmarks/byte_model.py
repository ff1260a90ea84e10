"""A tiny random model that has a byte for a token: what is counted does not depend on what a model knows."""

from __future__ import annotations

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from hammerstone.toolformer.lm import LanguageModel

LETTERS = "abcdefghijklmnopqrstuvwxyz     "  # of texts for it


def language_model() -> LanguageModel:
    """The same weights each time."""
    torch.manual_seed(0)
    letters = {letter: at for at, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(vocab=letters, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    words = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="!")  # noqa: S106 - no password
    sizes = {"n_positions": 10_000, "n_embd": 32, "n_layer": 2, "n_head": 4, "bos_token_id": 0, "eos_token_id": 0}
    return LanguageModel(GPT2LMHeadModel(GPT2Config(vocab_size=256, **sizes)), words)
