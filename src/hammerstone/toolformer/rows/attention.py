"""Attention of rows to a prefix that many of them share, and to their own few tokens.

A model of transformers looks its attention up by name, and so it can be exchanged for one reading. Ours differs in what
the keys are. Those of a row are in two places, and no row has a copy of the first:

    prefix   (heads, prefix, size)        one for all rows that continue it: one matrix product for all their queries
    own      (rows, heads, width, size)   what each row has read since

Softmax over both is the sum of the two parts, each weighted by its share of the normaliser. With m the maximum of a
part's scores s, z = Σ exp(s - m) and o = Σ exp(s - m) v, the result is

    (o₁ exp(m₁ - m) + o₂ exp(m₂ - m)) / (z₁ exp(m₁ - m) + z₂ exp(m₂ - m)),   m = max(m₁, m₂)

Which keys a query sees is the model's own rule (causal, in a sliding window, in chunks). It is asked with the positions
in the text in place of columns, so that it does not matter where in which tensor a key lies.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# transformers' own types are partial.
from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["Positions", "PrefixGroup", "shared_attention"]

NAME = "hammerstone_shared"
FLOOR = -1e30  # below every score; finite, since a row may see nothing of its prefix


class PrefixGroup(NamedTuple):
    """The rows that continue one prefix.

    `rows` are their numbers, or `None` if those are all rows in order. `layers` are the prefix' keys and values, each
    (heads, prefix, size), in the last columns of a tensor as wide as the longest prefix.
    """

    rows: Tensor | None
    layers: Sequence[tuple[Tensor, Tensor]]


@dataclass(frozen=True, kw_only=True)
class Positions:
    """Positions in the text of all that is read: -1 for what a row does not have.

    `queries` (rows, new), `prefix` (rows, longest prefix) and `own` (rows, width), which ends with the new tokens.
    """

    queries: Tensor
    prefix: Tensor
    own: Tensor


class _Visible(NamedTuple):
    """What a group of rows sees of its prefix: the columns from `begin` to `end`, and a bias from `partly` on.

    The bias (rows, new, end - partly) is 0 or -inf; every row sees the columns before.
    """

    begin: int
    partly: int
    end: int
    bias: Tensor


class _Mask(NamedTuple):
    """Kept, with the tensor that the model was given for it, for the layers that use it."""

    given: Tensor
    prefixes: list[_Visible]
    own: Tensor  # (rows, 1, new, width): 0 or -inf


@dataclass(kw_only=True)
class _Reading:
    """One forward pass of the model."""

    positions: Positions
    groups: Sequence[PrefixGroup]
    masks: list[_Mask] = field(default_factory=list[_Mask])


_current: ContextVar[_Reading] = ContextVar("reading")  # the two interfaces have no argument for it


@contextmanager
def shared_attention(
    model: PreTrainedModel, positions: Positions, groups: Sequence[PrefixGroup] = ()
) -> Generator[None]:
    """Within it, the model's attention goes to the groups' prefixes and to the keys of its cache.

    Models that do not look their attention up read something else, or raise.
    """
    configs: list[Any] = list({id(one): one for part in model.modules() if (one := getattr(part, "config", None))}.values())
    usual = [config._attn_implementation for config in configs]  # noqa: SLF001 - what the models look up
    token = _current.set(_Reading(positions=positions, groups=groups))
    try:
        for config in configs:
            config._attn_implementation = NAME  # noqa: SLF001
        yield
    finally:
        for config, name in zip(configs, usual, strict=True):
            config._attn_implementation = name  # noqa: SLF001
        _current.reset(token)


def _mask(*, mask_function: Callable[..., Tensor], **_: object) -> Tensor:
    """What the model passes on to its layers: a name for the mask, which is kept with the reading."""
    reading = _current.get()
    at = reading.positions
    rows = torch.arange(len(at.queries), device=at.queries.device)[:, None, None, None]
    heads = rows.new_zeros(1, 1, 1, 1)
    queries = at.queries[:, None, :, None]

    def seen(keys: Tensor) -> Tensor:
        """(rows, new, columns)"""
        keys = keys[:, None, None, :]
        allowed = mask_function(rows, heads, queries, keys)
        return (allowed & (keys >= 0)).expand(len(at.queries), 1, at.queries.shape[1], keys.shape[-1])[:, 0]

    prefix = seen(at.prefix)
    visible = [_visible(prefix if group.rows is None else prefix[group.rows]) for group in reading.groups]
    given = torch.empty(len(rows), 1, 1, 1, dtype=torch.bool, device=rows.device)
    reading.masks.append(_Mask(given, visible, _bias(seen(at.own))[:, None]))
    return given


def _visible(seen: Tensor) -> _Visible:
    """From (rows, new, columns)."""
    some = seen.flatten(0, 1).any(dim=0)
    columns = some.nonzero()
    if not len(columns):
        return _Visible(0, 0, 0, _bias(seen[..., :0]))
    begin, end = int(columns[0]), int(columns[-1]) + 1
    gaps = (~seen[..., begin:end].flatten(0, 1).all(dim=0)).nonzero()
    partly = begin + int(gaps[0]) if len(gaps) else end
    return _Visible(begin, partly, end, _bias(seen[..., partly:end]))


def _bias(seen: Tensor) -> Tensor:
    return torch.zeros(seen.shape, device=seen.device).masked_fill_(~seen, -torch.inf)


class _Part(NamedTuple):
    """One of the two sums, for queries (rows, heads, queries): maximum, normaliser, and weighted values."""

    maximum: Tensor  # (rows, heads, queries, 1)
    normaliser: Tensor  # (rows, heads, queries, 1)
    values: Tensor  # (rows, heads, queries, size)


def _attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    **_: object,
) -> tuple[Tensor, None]:
    """Attention as transformers calls it: `query` (rows, query heads, new, size) to (rows, new, query heads, size).

    `key` and `value` are each row's own. Several query heads may share a head of the keys. `softcap` and `s_aux` (one
    score per query head that takes a share and has no value) are those of Gemma 2 and GPT-OSS.
    """
    reading = _current.get()
    mask = next(one for one in reading.masks if one.given is attention_mask)
    rows, query_heads, new, size = query.shape
    heads = key.shape[1]
    scale = size**-0.5 if scaling is None else scaling
    # Query heads that share a head of the keys are queries of it, one after the other.
    asked = (query * scale).reshape(rows, heads, -1, size)
    parts = [_own_part(asked, key, value, mask.own, softcap)]
    for group, visible in zip(reading.groups, mask.prefixes, strict=True):
        keys, values = group.layers[module.layer_idx]
        if group.rows is None:
            parts.append(_prefix_part(asked, keys, values, visible, softcap))
        else:
            part = _prefix_part(asked[group.rows], keys, values, visible, softcap)
            if len(parts) == 1:
                parts.append(_nothing(parts[0]))
            for whole, some in zip(parts[1], part, strict=True):
                whole[group.rows] = some
    if s_aux is not None:
        sink = s_aux.float().reshape(1, heads, -1, 1).expand(rows, -1, -1, new).reshape(rows, heads, -1, 1)
        parts.append(_Part(sink, torch.ones_like(sink), torch.zeros_like(parts[0].values)))
    result = _merged(parts).to(query.dtype)  # (rows, heads, group · new, size)
    return result.reshape(rows, query_heads, new, -1).transpose(1, 2).contiguous(), None


def _own_part(asked: Tensor, key: Tensor, value: Tensor, bias: Tensor, softcap: float | None) -> _Part:
    rows, heads, _, _ = asked.shape
    new, width = bias.shape[-2:]
    scores = _scores(asked, key, softcap).view(rows, heads, -1, new, width)
    scores += bias[:, :, None]
    return _summed(scores.view(rows, heads, -1, width), value)


def _prefix_part(asked: Tensor, keys: Tensor, values: Tensor, visible: _Visible, softcap: float | None) -> _Part:
    rows, heads, queries, size = asked.shape
    begin, partly, end, bias = visible
    together = asked.transpose(0, 1).reshape(heads, -1, size)  # (heads, rows · queries, size)
    scores = _scores(together, keys[:, begin:end], softcap)
    if partly < end:
        new = bias.shape[1]
        scores.view(heads, rows, -1, new, end - begin)[..., partly - begin :] += bias[:, None]
    part = _summed(scores, values[:, begin:end])
    return _Part(*(one.view(heads, rows, queries, -1).transpose(0, 1) for one in part))


def _scores(queries: Tensor, keys: Tensor, softcap: float | None) -> Tensor:
    """In float32, though the product may be rounded."""
    scores = torch.matmul(queries, keys.transpose(-1, -2)).to(torch.promote_types(queries.dtype, torch.float32))
    return scores if softcap is None else scores.div_(softcap).tanh_().mul_(softcap)


def _summed(scores: Tensor, values: Tensor) -> _Part:
    maximum = scores.amax(dim=-1, keepdim=True).clamp_(min=FLOOR) if scores.shape[-1] else scores.new_full((*scores.shape[:-1], 1), FLOOR)
    weights = scores.sub_(maximum).exp_()
    return _Part(maximum, weights.sum(dim=-1, keepdim=True), torch.matmul(weights.to(values.dtype), values))


def _nothing(like: _Part) -> _Part:
    return _Part(torch.full_like(like.maximum, FLOOR), torch.zeros_like(like.normaliser), torch.zeros_like(like.values))


def _merged(parts: Sequence[_Part]) -> Tensor:
    top = torch.stack([part.maximum for part in parts]).amax(dim=0)
    shares = [(part.maximum - top).exp_() for part in parts]
    normaliser = sum(part.normaliser * share for part, share in zip(parts, shares, strict=True))
    return cast("Tensor", sum(part.values * share for part, share in zip(parts, shares, strict=True)) / normaliser)


AttentionInterface.register(NAME, cast("Any", _attention))
AttentionMaskInterface.register(NAME, _mask)
