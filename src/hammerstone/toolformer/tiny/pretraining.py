"""A tokenizer and a model for the small language, trained from scratch, in place of a downloaded model."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# torch's, tokenizers' and transformers' own types are partial.
from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from tokenizers.trainers import BpeTrainer
from torch.optim import AdamW, Muon
from torch.optim.lr_scheduler import OneCycleLR
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from hammerstone.toolformer.lm import LanguageModel
from hammerstone.toolformer.tiny.language import glossed, random_annotation, sentences

__all__ = ["Shape", "pretrain", "pretraining_texts", "train_tokenizer"]

END = "<|end|>"
ANNOTATIONS = 0.4  # of the texts are in the form of the annotation task
POOL = 16  # batches that are drawn together and sorted by length


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The model's size, and how long it is trained: `batch` texts in each of `steps`, drawn from `texts`."""

    width: int = 128
    layers: int = 4
    heads: int = 4
    context: int = 512
    steps: int = 2000
    batch: int = 24
    learning_rate: float = 3e-3
    texts: int = 48_000


def pretraining_texts(count: int, seed: int) -> list[str]:
    """Sentences, most of them with a gloss, and texts in the form of the annotation task."""
    rng = random.Random(f"pretraining {seed}")  # noqa: S311 - samples, not secrets
    return [
        random_annotation(one, rng) if rng.random() < ANNOTATIONS else glossed(one, rng)
        for one in sentences(count, seed)
    ]


def train_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """Byte-level BPE in which every digit, with the space before it, is its own token: so numbers can be copied."""
    tokenizer = Tokenizer(models.BPE())
    digits = pre_tokenizers.Split(Regex(r" ?\d"), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=640,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=END)


def pretrain(
    folder: Path, shape: Shape, seed: int, on_step: Callable[[int, float], None] = lambda _step, _loss: None
) -> LanguageModel:
    """Train a tokenizer and a model on texts of the small language, and save both in `folder`.

    `on_step` receives the number of each step, from 1, and its loss in nats per token.
    """
    texts = pretraining_texts(shape.texts, seed)
    tokenizer = train_tokenizer(texts[:8000])
    torch.manual_seed(seed)
    model = _new_model(len(tokenizer), shape)
    ids: Sequence[list[int]] = tokenizer(texts)["input_ids"]
    _train(model, ids, tokenizer.get_vocab()[END], shape, seed, on_step)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return LanguageModel(model, tokenizer, name=str(folder))


def _new_model(vocabulary: int, shape: Shape) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=shape.width,
        intermediate_size=3 * shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.context,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
    )
    return LlamaForCausalLM(config)


def _train(
    model: LlamaForCausalLM,
    texts: Sequence[list[int]],
    end: int,
    shape: Shape,
    seed: int,
    on_step: Callable[[int, float], None],
) -> None:
    """One cycle of the learning rate; the loss is over all tokens, including the end token."""
    optimizers = _optimizers(model, shape.learning_rate)
    schedules = [
        OneCycleLR(each, shape.learning_rate, shape.steps, pct_start=0.05, cycle_momentum=False) for each in optimizers
    ]
    model.train()
    for step, chosen in zip(range(1, shape.steps + 1), _batches(texts, shape.batch, seed)):  # noqa: B905 - endless
        batch = [[end, *ids, end] for ids in chosen]
        width = max(map(len, batch))
        inputs = torch.tensor([ids + [end] * (width - len(ids)) for ids in batch])  # (batch, width)
        seen = torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids in batch])
        loss = model(input_ids=inputs, attention_mask=seen, labels=inputs.masked_fill(seen == 0, -100)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, schedule in zip(optimizers, schedules, strict=True):
            optimizer.step()
            schedule.step()
        model.zero_grad()
        on_step(step, float(loss.detach()))
    model.eval()


def _optimizers(model: LlamaForCausalLM, learning_rate: float) -> tuple[Muon, AdamW]:
    """Muon for the matrices between embedding and output, AdamW for the rest.

    AdamW alone needs several times the steps until the model copies from a gloss, if it ever does (docs/log.md).
    """
    inner = [each for each in model.model.layers.parameters() if each.ndim == 2]
    chosen = {id(each) for each in inner}
    outer = [each for each in model.parameters() if id(each) not in chosen]
    return (
        Muon(inner, learning_rate, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
        AdamW(outer, learning_rate, betas=(0.9, 0.95), weight_decay=0.1),
    )


def _batches(texts: Sequence[list[int]], size: int, seed: int) -> Iterator[list[list[int]]]:
    """Endless batches of texts of similar length, to avoid padding; the order of lengths is random."""
    rng = random.Random(f"batches {seed}")  # noqa: S311 - samples, not secrets
    while True:
        drawn = sorted(rng.sample(texts, min(len(texts), POOL * size)), key=len)
        batches = [drawn[at : at + size] for at in range(0, len(drawn), size)]
        rng.shuffle(batches)
        yield from batches
