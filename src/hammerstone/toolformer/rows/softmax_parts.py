"""Softmax over keys that are in several places, part by part.

With m the maximum of a part's scores s, z = Σ exp(s - m) and o = Σ exp(s - m) v, attention over two parts together is

    (o₁ exp(m₁ - m) + o₂ exp(m₂ - m)) / (z₁ exp(m₁ - m) + z₂ exp(m₂ - m)),   m = max(m₁, m₂)
"""

# pyright: reportUnknownMemberType=false
# torch's own types are partial.
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["NO_SCORE", "SoftmaxPart", "attention_scores", "merge_parts", "softmax_part"]

NO_SCORE = -1e30  # below every score; finite, since a row may see nothing of a part


class SoftmaxPart(NamedTuple):
    """m, z and o of each query, (…, queries, 1), (…, queries, 1) and (…, queries, size)."""

    maximum: Tensor
    normaliser: Tensor
    values: Tensor


def attention_scores(queries: Tensor, keys: Tensor, softcap: float | None) -> Tensor:
    """Attention scores in float32 or better, though the product itself may be rounded."""
    scores = torch.matmul(queries, keys.transpose(-1, -2)).to(torch.promote_types(queries.dtype, torch.float32))
    return scores if softcap is None else scores.div_(softcap).tanh_().mul_(softcap)


def softmax_part(scores: Tensor, values: Tensor) -> SoftmaxPart:
    """A part of the softmax, from scores (…, queries, keys), which are overwritten, and values (…, keys, size)."""
    maximum = scores.amax(dim=-1, keepdim=True).clamp_(min=NO_SCORE)
    weights = scores.sub_(maximum).exp_()
    normaliser = weights.sum(dim=-1, keepdim=True)
    return SoftmaxPart(maximum, normaliser, torch.matmul(weights.to(values.dtype), values))


def merge_parts(parts: Sequence[SoftmaxPart]) -> Tensor:
    """Attention over all parts, (…, queries, size)."""
    top = torch.stack([part.maximum for part in parts]).amax(dim=0)
    shares = [(part.maximum - top).exp_() for part in parts]
    normaliser = torch.stack([part.normaliser * share for part, share in zip(parts, shares, strict=True)]).sum(dim=0)
    values = torch.stack([part.values * share for part, share in zip(parts, shares, strict=True)]).sum(dim=0)
    return values / normaliser
