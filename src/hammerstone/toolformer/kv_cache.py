"""The key-value cache: rows can be branched, cut, and joined.

The cache is ragged: rows of different lengths share one tensor, each pushed against the right end, so that the next
token of every row has the same place in it:

    row 0   · · a b c        keys (rows, heads, width, size), width = the longest row
    row 1   · d e f g        what is left of a row (·) is masked out and never read
    row 2   h i j k l

Keys hold their own positions (rotary embeddings are applied before they are stored; learned ones are added to the
input), so a row can be moved within the tensor without being recomputed. That makes it cheap to branch from the middle
of a document (annotate), and to keep rows that are at different points (decode).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["KVCache", "join_caches"]


@dataclass(frozen=True, kw_only=True)
class KVCache:
    """Keys and values of the tokens that a model has read, for each layer (rows, heads, width, size).

    `lengths`, (rows,), counts the tokens of each row; a row lies at the right end of the width.
    """

    layers: tuple[tuple[Tensor, Tensor], ...]
    lengths: Tensor

    @property
    def width(self) -> int:
        return self.layers[0][0].shape[2] if self.layers else 0

    @property
    def nbytes(self) -> int:
        return sum(keys.nbytes + values.nbytes for keys, values in self.layers)

    def rows(self, chosen: Tensor | Sequence[int]) -> KVCache:
        """The chosen rows in the given order, as often as each is named; no wider than the longest of them."""
        index = torch.as_tensor(chosen, device=self.lengths.device)
        lengths = self.lengths[index]
        start = self.width - int(lengths.max())
        return KVCache(
            layers=tuple((k[index, :, start:], v[index, :, start:]) for k, v in self.layers), lengths=lengths
        )

    def cut(self, lengths: Tensor | Sequence[int]) -> KVCache:
        """The first tokens of each row: `lengths` says how many, at least 1 and no more than the row has."""
        kept = torch.as_tensor(lengths, device=self.lengths.device)
        width = int(kept.max())
        # Row r keeps columns W - l_r to W - l_r + k_r of W; they move to the new right end.
        columns = torch.arange(width, device=kept.device) - width  # (width,): -width to -1
        source = (self.width - self.lengths + kept)[:, None] + columns[None, :]  # (rows, width)
        source = source.clamp(min=0)[:, None, :, None]  # left of a row all is masked out: any column will do

        def moved(states: Tensor) -> Tensor:
            return states.gather(2, source.expand(-1, states.shape[1], -1, states.shape[3]))

        return KVCache(layers=tuple((moved(k), moved(v)) for k, v in self.layers), lengths=kept)

    def padded(self, width: int) -> KVCache:
        """The same rows in a wider tensor."""
        more = width - self.width

        def grown(states: Tensor) -> Tensor:
            return torch.nn.functional.pad(states, (0, 0, more, 0))

        return KVCache(layers=tuple((grown(k), grown(v)) for k, v in self.layers), lengths=self.lengths)


def join_caches(parts: Sequence[KVCache]) -> KVCache:
    """The rows of all parts, in order."""
    width = max(part.width for part in parts)
    wide = [part.padded(width) for part in parts]
    layers = tuple(
        (torch.cat([part.layers[at][0] for part in wide]), torch.cat([part.layers[at][1] for part in wide]))
        for at in range(len(wide[0].layers))
    )
    return KVCache(layers=layers, lengths=torch.cat([part.lengths for part in wide]))
