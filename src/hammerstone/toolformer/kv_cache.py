"""The key-value cache: rows can be branched, cut, and joined.

The cache is ragged: rows of different lengths share one tensor, each pushed against the right end, so that the next
token of every row has the same place in it:

    row 0   · · a b c        keys (rows, heads, width, size), width = the longest row
    row 1   · d e f g        what lies left of a row (·) is masked out and never read
    row 2   h i j k l

Keys hold their own positions (rotary embeddings are applied before they are stored; learned ones are added to the
input), so a row may be moved within the tensor without being computed again. That is what makes it cheap to go on from
the middle of a document (annotate), and to hold rows that stand at different points (decode).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Past", "join"]


@dataclass(frozen=True, kw_only=True)
class Past:
    """What a model has read, row by row: keys and values of each layer, (rows, heads, width, size).

    `lengths`, (rows,), counts the tokens of each row; a row lies at the right end of the width.
    """

    layers: tuple[tuple[Tensor, Tensor], ...]
    lengths: Tensor

    @property
    def width(self) -> int:
        return self.layers[0][0].shape[2] if self.layers else 0

    def rows(self, chosen: Tensor | Sequence[int]) -> Past:
        """Some of the rows, in the given order, a row as often as it is named; no wider than the longest of them."""
        index = torch.as_tensor(chosen, device=self.lengths.device)
        lengths = self.lengths[index]
        start = self.width - int(lengths.max())
        return Past(layers=tuple((k[index, :, start:], v[index, :, start:]) for k, v in self.layers), lengths=lengths)

    def cut(self, lengths: Tensor | Sequence[int]) -> Past:
        """Each row's first tokens alone, as many as `lengths` says: 1 or more, and no more than it has."""
        kept = torch.as_tensor(lengths, device=self.lengths.device)
        width = int(kept.max())
        # Row r keeps columns W - l_r to W - l_r + k_r of W, and they come to lie in front of the new right end.
        columns = torch.arange(width, device=kept.device) - width  # (width,): -width to -1
        source = (self.width - self.lengths + kept)[:, None] + columns[None, :]  # (rows, width)
        source = source.clamp(min=0)[:, None, :, None]  # what is left of a row is masked out: any column will do

        def moved(states: Tensor) -> Tensor:
            return states.gather(2, source.expand(-1, states.shape[1], -1, states.shape[3]))

        return Past(layers=tuple((moved(k), moved(v)) for k, v in self.layers), lengths=kept)

    def padded(self, width: int) -> Past:
        """The same rows in a wider tensor."""
        more = width - self.width

        def grown(states: Tensor) -> Tensor:
            return torch.nn.functional.pad(states, (0, 0, more, 0))

        return Past(layers=tuple((grown(k), grown(v)) for k, v in self.layers), lengths=self.lengths)


def join(parts: Sequence[Past]) -> Past:
    """All rows of all parts, in order."""
    width = max(part.width for part in parts)
    wide = [part.padded(width) for part in parts]
    layers = tuple(
        (torch.cat([part.layers[at][0] for part in wide]), torch.cat([part.layers[at][1] for part in wide]))
        for at in range(len(wide[0].layers))
    )
    return Past(layers=layers, lengths=torch.cat([part.lengths for part in wide]))
