"""Open rows as a ragged cache (`kv_cache.py`): for models whose attention cannot be exchanged.

Each row has a copy of what it continues, and whatever changes the rows copies them.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# torch's own types are partial.
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from hammerstone.toolformer.kv_cache import KVCache, join_caches
from hammerstone.toolformer.lm import LanguageModel

__all__ = ["RaggedRows"]


@dataclass(kw_only=True)
class RaggedRows:
    """`OpenRows` whose caches are copied."""

    lm: LanguageModel
    cache: KVCache | None = None

    def __len__(self) -> int:
        return 0 if self.cache is None else len(self.cache.lengths)

    @property
    def lengths(self) -> list[int]:
        return [] if self.cache is None else self.cache.lengths.tolist()

    def read(self, new: Sequence[Sequence[int]]) -> Tensor:
        logits, self.cache = self.lm.forward(new, self.cache, keep=1)
        return logits[:, -1]

    def chosen(self, rows: Sequence[int]) -> RaggedRows:
        return RaggedRows(lm=self.lm, cache=self.cache.rows(rows) if self.cache is not None and rows else None)

    def join(self, other: RaggedRows, rows: Sequence[int]) -> None:
        parts = [part for part in (self.cache, other.chosen(rows).cache) if part is not None]
        self.cache = join_caches(parts) if len(parts) > 1 else parts[0] if parts else None

    def drop(self, rows: Sequence[int]) -> list[int]:
        gone = {*rows}
        order = [row for row in range(len(self)) if row not in gone]
        self.cache = self.chosen(order).cache
        return order

    def cut(self, lengths: Sequence[int]) -> None:
        if self.cache is not None and self.lengths != [*lengths]:
            self.cache = self.cache.cut(lengths)
