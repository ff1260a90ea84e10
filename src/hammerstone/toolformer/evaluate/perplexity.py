"""Measures whether the model is as good a language model as before (section 4.3, table 8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hammerstone.errors import InputError
from hammerstone.toolformer.lm import LanguageModel

__all__ = ["Perplexity", "perplexity"]

BATCH_TOKENS = 4096  # read at once, padding included: the logits of so many take 0.8 GB at 50,000 words


@dataclass(frozen=True, kw_only=True)
class Perplexity:
    """exp of the mean loss of all tokens. `dropped` counts documents without a token or with a non-finite loss."""

    perplexity: float
    tokens: int
    documents: int
    dropped: int


def perplexity(
    lm: LanguageModel,
    texts: Sequence[str],
    *,
    length: int = 1024,
    never: Sequence[int] = (),
    batch_tokens: int = BATCH_TOKENS,
) -> Perplexity:
    """The perplexity of a model on plain texts, without any call (table 8).

    Each text is read after the start token, in parts of `length` tokens, or of the model's context where that is
    shorter. `never` are the tokens that begin a call: their probability is set to zero, as the paper does to disable
    calls, except where the text itself continues with one. Raises `InputError` if no text is left.
    """
    room = min(length, lm.context)
    encoded = [lm.encode(text) for text in texts]
    parts = [(at, ids[begin : begin + room]) for at, ids in enumerate(encoded) for begin in range(0, len(ids), room)]
    losses = torch.zeros(len(texts), dtype=torch.float64)  # of all tokens of a text
    for batch in _batches(parts, batch_tokens):
        for (at, _), loss in zip(batch, _losses(lm, [ids for _, ids in batch], never), strict=True):
            losses[at] += loss
    kept = [at for at, ids in enumerate(encoded) if ids and losses[at].isfinite()]
    tokens = sum(len(encoded[at]) for at in kept)
    if not tokens:
        raise InputError(
            f"none of {len(texts)} texts has a perplexity", hint="they are empty, or the model's losses are non-finite"
        )
    mean = losses[kept].sum() / tokens
    return Perplexity(perplexity=float(mean.exp()), tokens=tokens, documents=len(kept), dropped=len(texts) - len(kept))


def _batches(parts: Sequence[tuple[int, list[int]]], batch_tokens: int) -> Iterator[Sequence[tuple[int, list[int]]]]:
    """The longest first, texts of similar length together: little padding, and a lack of memory shows at once."""
    ordered = sorted(parts, key=lambda part: -len(part[1]))
    begin = 0
    while begin < len(ordered):
        end = begin + max(1, batch_tokens // len(ordered[begin][1]))
        yield ordered[begin:end]
        begin = end


@torch.inference_mode()
def _losses(lm: LanguageModel, rows: Sequence[Sequence[int]], never: Sequence[int]) -> Tensor:
    """- Σ_j log p(x_j | x_1 … x_{j-1}) of each row: (rows,)."""
    logits, _ = lm.forward([[lm.start_id, *row[:-1]] for row in rows])
    width = logits.shape[1]
    targets = torch.tensor([[-100] * (width - len(row)) + [*row] for row in rows], device=logits.device)
    logits = logits.float()  # (rows, width, vocabulary)
    if never:
        banned = torch.tensor(never, device=logits.device)
        own = torch.isin(targets, banned)  # (rows, width): the text's own brackets
        logits[..., banned] = logits[..., banned].masked_fill(~own[..., None], -torch.inf)
    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return losses.view(len(rows), width).sum(dim=1, dtype=torch.float64).cpu()
