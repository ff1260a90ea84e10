"""Open rows in buffers with room for more tokens, after a prefix that they share with others.

    prefix 0   a b c d e f            row 0   a b c d│x y z ·      the first 4 tokens of prefix 0, then 3 of its own
                                      row 1   a b c d│x w · ·
    prefix 1   g h i                  row 2   g h│v · · ·

A row's own tokens begin in the first column of its buffer and it continues where it ends, so rows of different lengths
are read together and no token moves any other. Rows are always the first ones of the buffers: one that leaves is
replaced by the last.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# transformers' own types are partial.
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache

from hammerstone.toolformer.kv_cache import KVCache
from hammerstone.toolformer.lm import LanguageModel
from hammerstone.toolformer.rows.attention import Positions, PrefixGroup, shared_attention

__all__ = ["BufferedRows"]


@dataclass(kw_only=True)
class BufferedRows:
    """`OpenRows` that share their prefixes, which are rows of `prefix`.

    Row r continues the first `starts[r]` tokens of row `sources[r]` of the prefix with `own[r]` tokens, whose keys and
    values are in `buffers`: for each layer two tensors (room for rows, heads, room for tokens, size).
    """

    lm: LanguageModel
    prefix: KVCache | None = None
    sources: list[int] = field(default_factory=list[int])
    starts: list[int] = field(default_factory=list[int])
    own: list[int] = field(default_factory=list[int])
    buffers: list[tuple[Tensor, Tensor]] = field(default_factory=list[tuple[Tensor, Tensor]])

    @classmethod
    def adopted(cls, lm: LanguageModel, cache: KVCache | None) -> BufferedRows:
        """The rows of a cache as their own, with no prefix."""
        if cache is None:
            return cls(lm=lm)
        own = cache.lengths.tolist()
        columns = torch.arange(cache.width, device=lm.device) + (cache.width - cache.lengths)[:, None]
        index = columns.clamp(max=cache.width - 1)[:, None, :, None]  # (rows, 1, width, 1)
        buffers = [
            (
                keys.gather(2, index.expand(-1, keys.shape[1], -1, keys.shape[3])),
                values.gather(2, index.expand(-1, values.shape[1], -1, values.shape[3])),
            )
            for keys, values in cache.layers
        ]
        none = [0] * len(own)
        return cls(lm=lm, sources=none, starts=[*none], own=own, buffers=buffers)

    def __len__(self) -> int:
        return len(self.own)

    @property
    def lengths(self) -> list[int]:
        return [start + own for start, own in zip(self.starts, self.own, strict=True)]

    @torch.inference_mode()
    def read(self, new: Sequence[Sequence[int]]) -> Tensor:
        counts = [len(row) for row in new]
        self.lm.count(sum(counts), max(map(sum, zip(self.lengths, counts, strict=True))))
        width = max(counts)
        self._make_room(len(new), max(self.own) + width)
        starts, own, read = (self._tensor(some) for some in (self.starts, self.own, counts))
        steps = torch.arange(width, device=self.lm.device)
        columns = own[:, None] + steps  # (rows, width): where the tokens go
        last = (own + read - 1)[:, None]
        logits = self._forward(new, columns, starts[:, None] + columns.minimum(last), counts)
        self.own = [sum(pair) for pair in zip(self.own, counts, strict=True)]
        return logits

    def _forward(
        self, new: Sequence[Sequence[int]], columns: Tensor, positions: Tensor, counts: Sequence[int]
    ) -> Tensor:
        """Logits (rows, vocabulary) at the last token of each row."""
        width = columns.shape[1]
        ids = torch.tensor([[*row, *[0] * (width - len(row))] for row in new], device=self.lm.device)
        # What a short row is padded with gets the position of its last token, and is later written over.
        kept = sorted({count - 1 for count in counts})
        with shared_attention(self.lm.model, self._positions(positions, columns), self._groups()):
            out = self.lm.model(
                input_ids=ids,
                position_ids=positions,
                past_key_values=_Buffers(self, columns),
                use_cache=True,
                logits_to_keep=self._tensor(kept),
            )
        if len(kept) == 1:
            return out.logits[:, 0]
        place = {column: at for at, column in enumerate(kept)}
        return out.logits[torch.arange(len(new)), [place[count - 1] for count in counts]]

    def _positions(self, queries: Tensor, columns: Tensor) -> Positions:
        starts = self._tensor(self.starts)[:, None]
        own = torch.arange(max(self.own) + columns.shape[1], device=self.lm.device)
        prefix = starts.new_zeros(len(self), 0)
        if self.prefix is not None:
            gap = self.prefix.width - self.prefix.lengths[self._tensor(self.sources)][:, None]
            prefix = torch.arange(self.prefix.width, device=self.lm.device) - gap
            prefix = prefix.clamp(min=-1).masked_fill_(prefix >= starts, -1)
        return Positions(queries=queries, prefix=prefix, own=starts + own)

    def _groups(self) -> list[PrefixGroup]:
        if self.prefix is None:
            return []
        members: dict[int, list[int]] = {}
        for row, source in enumerate(self.sources):
            members.setdefault(source, []).append(row)
        return [
            PrefixGroup(
                self._tensor(rows) if len(members) > 1 else None,
                [(keys[source], values[source]) for keys, values in self.prefix.layers],
            )
            for source, rows in members.items()
        ]

    def _tensor(self, numbers: Sequence[int]) -> Tensor:
        return torch.tensor([*numbers], device=self.lm.device, dtype=torch.long)

    def chosen(self, rows: Sequence[int]) -> BufferedRows:
        """The rows in the given order, as often as each is named, in buffers of their own."""
        made = BufferedRows(lm=self.lm, prefix=self.prefix)
        made.join(self, rows)
        return made

    @torch.inference_mode()
    def join(self, other: BufferedRows, rows: Sequence[int]) -> None:
        if not rows:
            return
        before, index = len(self), self._tensor(rows)
        width = max(other.own[row] for row in rows)
        for mine, theirs in ((self.sources, other.sources), (self.starts, other.starts), (self.own, other.own)):
            mine += [theirs[row] for row in rows]
        self.prefix = self.prefix or other.prefix
        if not self.buffers:
            self.buffers = [(k[:0, :, :0].clone(), v[:0, :, :0].clone()) for k, v in other.buffers]
        self._make_room(len(self), width)
        for mine, theirs in zip(self.buffers, other.buffers, strict=True):
            for to, of in zip(mine, theirs, strict=True):
                to[before : len(self), :, :width] = of[index, :, :width]

    @torch.inference_mode()
    def drop(self, rows: Sequence[int]) -> list[int]:
        gone, left = {*rows}, len(self) - len({*rows})
        movers = [row for row in range(left, len(self)) if row not in gone]
        holes = sorted(row for row in gone if row < left)
        order = [*range(left)]
        for hole, mover in zip(holes, movers, strict=True):
            order[hole] = mover
        if holes:
            width = max(self.own[mover] for mover in movers)
            to, of = self._tensor(holes), self._tensor(movers)
            for states in (states for layer in self.buffers for states in layer):
                states[to, :, :width] = states[of, :, :width]
        for some in (self.sources, self.starts, self.own):
            some[:] = [some[row] for row in order]
        return order

    def cut(self, lengths: Sequence[int]) -> None:
        self.own = [length - start for length, start in zip(lengths, self.starts, strict=True)]

    def _make_room(self, rows: int, width: int) -> None:
        """Buffers grow by doubling, so that a token is copied twice at most."""
        if not self.buffers:
            return
        room_rows, _, room, _ = self.buffers[0][0].shape
        if rows <= room_rows and width <= room:
            return
        shape = (_doubled(room_rows, rows), _doubled(room, width))
        self.buffers = [(_grown(keys, *shape), _grown(values, *shape)) for keys, values in self.buffers]

    def write(self, layer: int, columns: Tensor, states: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Put new keys and values (rows, heads, new, size) into their columns (rows, new); what the layer now holds."""
        if layer == len(self.buffers):  # the first time: now their shapes are known
            room = (len(self), max(self.own) + columns.shape[1])
            self.buffers.append((_grown(states[0][:, :, :0], *room), _grown(states[1][:, :, :0], *room)))
        held = max(self.own) + columns.shape[1]
        rows = torch.arange(len(self), device=columns.device)[:, None]
        for buffer, new in zip(self.buffers[layer], states, strict=True):
            buffer[rows, :, columns] = new.transpose(1, 2)
        keys, values = self.buffers[layer]
        return keys[: len(self), :, :held], values[: len(self), :, :held]


class _Buffers(DynamicCache):
    """The buffers as transformers knows a cache, for one reading."""

    def __init__(self, rows: BufferedRows, columns: Tensor) -> None:
        super().__init__()
        self._rows, self._columns = rows, columns

    def update(
        self, key_states: Tensor, value_states: Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        del args, kwargs
        return self._rows.write(layer_idx, self._columns, (key_states, value_states))

    def get_seq_length(self, layer_idx: int = 0) -> int:
        del layer_idx
        return max(self._rows.lengths)

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        return self.get_seq_length(layer_idx) + query_length, 0


def _doubled(room: int, needed: int) -> int:
    return room if needed <= room else max(needed, 2 * room)


def _grown(states: Tensor, rows: int, width: int) -> Tensor:
    before, heads, held, size = states.shape
    grown = states.new_zeros(rows, heads, width, size)
    grown[:before, :, :held] = states
    return grown
