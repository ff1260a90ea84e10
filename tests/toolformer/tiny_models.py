"""Random tiny models of several shapes, and tokenizers made on the spot: no weights are downloaded."""

# ruff: noqa: S106 - tokens of a vocabulary, no passwords

from __future__ import annotations

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from tokenizers.trainers import BpeTrainer, UnigramTrainer
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    GPTJConfig,
    GPTJForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedTokenizerFast,
)

from hammerstone.toolformer.lm import LanguageModel

__all__ = ["MODELS", "TEXTS", "TOKENIZERS", "byte_level", "language_model", "sentencepiece_like"]

TEXTS = (
    "Out of 1400 participants, 400 (or 29%) passed the test in 2019.",
    "The name derives from la tortuga, the Spanish word for turtle; see [1] and a -> b.",
    "The sum of 12 and 30 is 42, and 7 times 6 is 42 as well.",
    "On Monday the 3rd of May the shop (which was closed) opened [Calculator(1 + 2) -> 3] again.",
)


def byte_level(size: int = 400) -> PreTrainedTokenizerFast:
    """A tokenizer like that of GPT-2 and GPT-J: `)]` and ` [` are tokens of their own."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    often = [*TEXTS, *["[Calculator(1 + 2)] [Calendar()] [A(1 -> 3)] x [B(c)]"] * 20]
    trainer = BpeTrainer(
        vocab_size=size, special_tokens=["<|end|>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(often, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>")


def sentencepiece_like(size: int = 200) -> PreTrainedTokenizerFast:
    """A tokenizer like LLaMA's: a word carries the mark of the space before it, and a text has a start token."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    alphabet = sorted({letter for text in TEXTS for letter in text} | set("[]()->0123456789 "))
    trainer = UnigramTrainer(
        vocab_size=size, special_tokens=["<unk>", "<s>", "</s>"], unk_token="<unk>", initial_alphabet=alphabet
    )
    tokenizer.train_from_iterator([*TEXTS, "[Calculator(1 + 2) -> 3]"] * 5, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="</s>"
    )


TOKENIZERS = {"byte-level": byte_level, "sentencepiece-like": sentencepiece_like}


def _gpt2(vocabulary: int, context: int) -> GPT2LMHeadModel:
    config = GPT2Config(vocab_size=vocabulary, n_positions=context, n_embd=32, n_layer=2, n_head=4)
    return GPT2LMHeadModel(config)


def _gptj(vocabulary: int, context: int) -> GPTJForCausalLM:
    config = GPTJConfig(vocab_size=vocabulary, n_positions=context, n_embd=32, n_layer=2, n_head=4, rotary_dim=4)
    return GPTJForCausalLM(config)


def _usual(vocabulary: int, context: int) -> dict[str, int]:
    return {
        "vocab_size": vocabulary,
        "max_position_embeddings": context,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }


def _llama(vocabulary: int, context: int) -> LlamaForCausalLM:
    return LlamaForCausalLM(LlamaConfig(**_usual(vocabulary, context)))


def _mistral(vocabulary: int, context: int) -> MistralForCausalLM:
    return MistralForCausalLM(MistralConfig(sliding_window=6, **_usual(vocabulary, context)))


MODELS = {"gpt2": _gpt2, "gptj": _gptj, "llama": _llama, "mistral": _mistral}
"""Learned positions; rotary ones in part of each head; and with fewer keys than heads; and seen through a window."""


def language_model(
    model: str = "gpt2", tokenizer: str = "byte-level", *, seed: int = 0, context: int = 512
) -> LanguageModel:
    """Random weights, large enough that every token matters to the next."""
    torch.manual_seed(seed)
    words = TOKENIZERS[tokenizer]()
    made = MODELS[model](len(words), context)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.3)
    return LanguageModel(made, words, name=f"tiny {model}")
