"""Tokens drawn from a model's probabilities, each draw by numbers of its own.

The choice that maximises log p + G, with G = -log(-log u) for u uniform in (0, 1), is a draw from p (Gumbel). The
usual way, looking one random number up in the cumulative probabilities, lets a rounding difference in any of them
decide; here only two nearly equal choices can swap. So rows hardly ever depend on what they are batched with.

A number for every token of a vocabulary would cost as much as a small model does. A token is drawn in two steps: first
a block of 256 tokens by its probability, then a token of the block by its share of that. So 49,152 tokens take 448
numbers.

The numbers are not drawn one after the other but computed from their place: u = hash(key, step, index), by the mixing
function of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014). So they are the
same in any order, in any batch and on any device.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# torch's own types are partial.
from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import pad

__all__ = ["BLOCK", "draw_key", "draw_tokens", "uniform"]

BLOCK = 256
ROWS = 64  # at a time: more do not fit into a processor's cache
NUMBERS = 2**24  # per step; more than blocks and tokens of a block


def draw_key(*parts: object) -> int:
    """64 bits that stand for a draw, such as for a seed, a document and a position."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], signed=True)


def draw_tokens(
    logits: Tensor, keys: Sequence[Sequence[int]], steps: Sequence[int], temperature: float
) -> list[list[int]]:
    """Tokens for each row of (rows, vocabulary), drawn from softmax(logits / T): one for each of the row's `keys`.

    A key says which draw it is for, and the row's step which of that draw's tokens this is: at most once each.
    """
    drawn: list[list[int]] = []
    for begin in range(0, len(logits), ROWS):
        some = slice(begin, begin + ROWS)
        drawn += _drawn(logits[some], keys[some], steps[some], temperature)
    return drawn


def _drawn(logits: Tensor, keys: Sequence[Sequence[int]], steps: Sequence[int], temperature: float) -> list[list[int]]:
    size = logits.shape[1]
    blocks = -(-size // BLOCK)
    exact = pad(logits.to(torch.float32, copy=True), (0, blocks * BLOCK - size), value=-torch.inf)
    exact /= temperature
    exact -= exact.amax(dim=-1, keepdim=True)
    weights = exact.exp_().view(-1, blocks, BLOCK)  # softmax(logits / T), up to a factor
    rows = [row for row, own in enumerate(keys) for _ in own]  # of each draw
    numbers = uniform([key for own in keys for key in own], [steps[row] for row in rows], blocks + BLOCK)
    gumbel = (-(-numbers.log()).log()).to(logits.device, torch.float32)  # (draws, blocks + BLOCK)
    block = (weights.sum(dim=-1).log_()[rows] + gumbel[:, :blocks]).argmax(dim=-1)
    inside = weights[rows, block]  # (draws, BLOCK)
    tokens = iter((block * BLOCK + (inside.log() + gumbel[:, blocks:]).argmax(dim=-1)).tolist())
    return [[next(tokens) for _ in own] for own in keys]


def uniform(keys: Sequence[int], steps: Sequence[int], count: int) -> Tensor:
    """Numbers in (0, 1), (rows, count) in double precision: those of each row's step."""
    places = torch.tensor([*steps])[:, None] * NUMBERS + torch.arange(1, count + 1)
    mixed = torch.tensor([*keys])[:, None] + places * _signed(0x9E3779B97F4A7C15)
    mixed = (mixed ^ _shifted(mixed, 30)) * _signed(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ _shifted(mixed, 27)) * _signed(0x94D049BB133111EB)
    mixed = mixed ^ _shifted(mixed, 31)
    return (_shifted(mixed, 12).double() + 0.5) / 2**52


def _signed(number: int) -> int:
    """The same 64 bits as torch's integers have them."""
    return number - 2**64 if number >= 2**63 else number


def _shifted(numbers: Tensor, bits: int) -> Tensor:
    """The numbers shifted to the right by `bits`, with zeros from the left."""
    return (numbers >> bits) & (2 ** (64 - bits) - 1)
