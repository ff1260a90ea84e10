"""Rows that are still being written, and what the model has read of each.

Rows share what they continue (`buffered.py`), if the model's attention can be exchanged (`attention.py`). With other
models each has a copy of it (`ragged.py`).
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# torch's own types are partial.
from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self
from weakref import WeakKeyDictionary

from torch import Tensor

from hammerstone.toolformer.kv_cache import KVCache
from hammerstone.toolformer.lm import LanguageModel
from hammerstone.toolformer.rows.buffered import BufferedRows
from hammerstone.toolformer.rows.ragged import RaggedRows

__all__ = ["OpenRows", "branch_rows", "open_rows", "shares_prefixes"]


class OpenRows(Protocol):
    """Rows that are read on, token by token; they may be copied, dropped and cut. They are numbered from 0."""

    def __len__(self) -> int: ...

    @property
    def lengths(self) -> list[int]:
        """The tokens of each row, with those of its prefix."""
        ...

    def read(self, new: Sequence[Sequence[int]]) -> Tensor:
        """Read one or more tokens in every row. Returns logits (rows, vocabulary) after the last one of each.

        Raises `InputError` for rows beyond the model's context.
        """
        ...

    def chosen(self, rows: Sequence[int]) -> Self:
        """A copy of these rows, in this order, as often as each is named."""
        ...

    def join(self, other: Self, rows: Sequence[int]) -> None:
        """Copy these rows of another batch, which continues the same prefix, behind the own ones."""
        ...

    def drop(self, rows: Sequence[int]) -> list[int]:
        """Drop these rows. Returns the old number of each that is left, in their new order."""
        ...

    def cut(self, lengths: Sequence[int]) -> None:
        """The first tokens of each row, as many as `lengths` says."""
        ...


def open_rows(lm: LanguageModel, cache: KVCache | None = None) -> OpenRows:
    """The rows of a cache, if there is one, to be read on."""
    if shares_prefixes(lm):
        return BufferedRows.adopted(lm, cache)
    return RaggedRows(lm=lm, cache=cache)


def branch_rows(lm: LanguageModel, prefix: KVCache, sources: Sequence[int], lengths: Sequence[int]) -> OpenRows:
    """Rows that continue the first `lengths` tokens of the rows `sources` of a cache. As a rule they share it."""
    if shares_prefixes(lm):
        return BufferedRows(lm=lm, prefix=prefix, sources=[*sources], starts=[*lengths], own=[0] * len(sources))
    return RaggedRows(lm=lm, cache=prefix.rows(sources).cut(lengths) if sources else None)


_known: WeakKeyDictionary[LanguageModel, bool] = WeakKeyDictionary()


def shares_prefixes(lm: LanguageModel) -> bool:
    """Whether the model's attention can be replaced by one that goes to a shared prefix.

    This is tried: branches of a prefix must have the logits of each row read alone. Models that bring their own
    attention (BLOOM, Falcon, MPT, GPT-J, GPT-Neo) do not pass.
    """
    if lm not in _known:
        read = lm.read
        _known[lm] = lm.agrees(lambda first, second: _branched(lm, first, second))
        lm.read = read
    return _known[lm]


def _branched(lm: LanguageModel, first: Sequence[Sequence[int]], second: Sequence[Sequence[int]]) -> Tensor:
    _, cache = lm.forward([[*row, *row] for row in first], keep=1)
    rows = BufferedRows(
        lm=lm, prefix=cache, sources=[*range(len(first))], starts=[*map(len, first)], own=[0] * len(first)
    )
    rows.read([row[:1] for row in second])
    return rows.read([row[1:] for row in second])
