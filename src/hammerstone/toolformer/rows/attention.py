"""Attention of rows to a prefix that many of them share, and to their own few tokens.

A model of transformers looks its attention up by name, and so it can be exchanged for one reading. Ours differs in what
the keys are. Those of a row are in two places, and no row has a copy of the first:

    prefix   (heads, prefix, size)        one for all rows that continue it: one matrix product for all their queries
    own      (rows, heads, width, size)   what each row has read since

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
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface

from hammerstone.toolformer.rows.softmax_parts import (
    NO_SCORE,
    SoftmaxPart,
    attention_scores,
    merge_parts,
    softmax_part,
)

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = ["Positions", "PrefixGroup", "shared_attention"]

NAME = "hammerstone_shared"


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
    """The part of its prefix that a group of rows sees: the columns from `begin` to `end`, and a bias from `partly` on.

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
    """Let the model's attention go to the groups' prefixes and to the keys of its cache.

    Models that do not look their attention up read something else, or raise.
    """
    parts = [config for part in model.modules() if (config := getattr(part, "config", None))]
    configs: list[Any] = list({id(config): config for config in parts}.values())  # models in models have their own
    usual = [config._attn_implementation for config in configs]
    token = _current.set(_Reading(positions=positions, groups=groups))
    try:
        for config in configs:
            config._attn_implementation = NAME
        yield
    finally:
        for config, name in zip(configs, usual, strict=True):
            config._attn_implementation = name
        _current.reset(token)


def _mask(*, mask_function: Callable[..., Tensor], **_: object) -> Tensor:
    """The mask for the model to pass on to its layers: an empty one, by which they find the mask of the reading."""
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
    """The visible part, from a mask (rows, new, columns)."""
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
    prefixes = _prefix_parts(asked, reading.groups, mask.prefixes, module.layer_idx, softcap)
    if not prefixes and softcap is None and s_aux is None:
        result = _own_alone(asked, key, value, mask.own)
    else:
        parts = [_own_part(asked, key, value, mask.own, softcap), *prefixes]
        if s_aux is not None:
            sink = s_aux.float().reshape(1, heads, -1, 1).expand(rows, -1, -1, new).reshape(rows, heads, -1, 1)
            parts.append(SoftmaxPart(sink, torch.ones_like(sink), torch.zeros_like(parts[0].values)))
        result = merge_parts(parts).to(query.dtype)  # (rows, heads, group · new, size)
    return result.reshape(rows, query_heads, new, -1).transpose(1, 2).contiguous(), None


def _prefix_parts(
    asked: Tensor, groups: Sequence[PrefixGroup], seen: Sequence[_Visible], layer: int, softcap: float | None
) -> list[SoftmaxPart]:
    """One part for all rows, put together from those of the groups; none if no row sees anything of a prefix."""
    found = [
        (
            group.rows,
            _prefix_part(asked if group.rows is None else asked[group.rows], *group.layers[layer], visible, softcap),
        )
        for group, visible in zip(groups, seen, strict=True)
        if visible.begin < visible.end
    ]
    if not found or found[0][0] is None:
        return [part for _, part in found]
    whole = SoftmaxPart(
        *(
            one.new_full((len(asked), *one.shape[1:]), fill)
            for one, fill in zip(found[0][1], (NO_SCORE, 0, 0), strict=True)
        )
    )
    for rows, part in found:
        for all_rows, some in zip(whole, part, strict=True):
            all_rows[rows] = some
    return [whole]


def _own_alone(asked: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> Tensor:
    """The whole attention of rows without a prefix, by torch's own kernel: (rows, heads, group · new, size)."""
    rows, _, queries, _ = asked.shape
    new, width = bias.shape[-2:]
    each = bias.to(asked.dtype)[:, :, None].expand(-1, -1, queries // new, -1, -1)
    return scaled_dot_product_attention(asked, key, value, attn_mask=each.reshape(rows, 1, queries, width), scale=1.0)


def _own_part(asked: Tensor, key: Tensor, value: Tensor, bias: Tensor, softcap: float | None) -> SoftmaxPart:
    rows, heads, _, _ = asked.shape
    new, width = bias.shape[-2:]
    scores = attention_scores(asked, key, softcap).view(rows, heads, -1, new, width)
    scores += bias[:, :, None]
    return softmax_part(scores.view(rows, heads, -1, width), value)


def _prefix_part(asked: Tensor, keys: Tensor, values: Tensor, visible: _Visible, softcap: float | None) -> SoftmaxPart:
    rows, heads, queries, size = asked.shape
    begin, partly, end, bias = visible
    together = asked.transpose(0, 1).reshape(heads, -1, size)  # (heads, rows · queries, size)
    scores = attention_scores(together, keys[:, begin:end], softcap)
    if partly < end:
        new = bias.shape[1]
        scores.view(heads, rows, -1, new, end - begin)[..., partly - begin :] += bias[:, None]
    part = softmax_part(scores, values[:, begin:end])
    return SoftmaxPart(*(one.view(heads, rows, queries, -1).transpose(0, 1) for one in part))


AttentionInterface.register(NAME, cast("Any", _attention))
AttentionMaskInterface.register(NAME, _mask)
