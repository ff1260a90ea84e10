"""Shows how many calls each threshold τ_f keeps, and what kind of calls they are.

The paper's thresholds (appendix A, table 2) are for a model of six billion parameters, to which a result is worth more
nats than to a small one. Which threshold fits can be seen from the scored calls: a good one keeps calls whose result
comes next in the text, and few others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from hammerstone.toolformer.corpus_document import CorpusDocument, Losses, Proposal
from hammerstone.toolformer.score.explanation import ExplainedCall, explained_call
from hammerstone.toolformer.score.following import begins_result
from hammerstone.toolformer.score.losses import WEIGHTS, first_token
from hammerstone.toolformer.score.selection import tau_f
from hammerstone.toolformer.shards import read_shards

__all__ = ["THRESHOLDS", "KeptCalls", "sweep"]

THRESHOLDS = (2.0, 1.0, 0.5, 0.3, 0.2, 0.1, 0.05, 0.0)

TokenSpans = Callable[[str], Sequence[tuple[int, int]]]
"""The tokens of a text, each as its span of characters."""


@dataclass(frozen=True, kw_only=True)
class KeptCalls:
    """The calls that a tool's threshold `tau_f`, in nats, keeps: `kept` of the `scored`, in `documents` documents.

    The result of `followed` of them begins within the tokens that count. `examples` are calls of the band: those that
    the next higher threshold would drop.
    """

    api: str
    tau_f: float
    scored: int
    kept: int
    documents: int
    followed: int
    is_default: bool
    examples: tuple[ExplainedCall, ...]


class _ScoredCall(NamedTuple):
    document: CorpusDocument
    proposal: Proposal
    losses: Losses
    followed: bool


def sweep(
    folder: Path,
    token_spans: TokenSpans,
    *,
    examples: int = 2,
    thresholds: Sequence[float] = THRESHOLDS,
    chosen: Mapping[str, float] | None = None,
) -> tuple[KeptCalls, ...]:
    """One line for each tool and threshold, the highest first; the tool's own threshold is among them.

    `folder` contains the scored shards, `token_spans` is of the model that scored them, and `chosen` has the
    thresholds that the run sets. Raises as `read_shards`.
    """
    found = _scored_calls(folder, token_spans)
    lines: list[KeptCalls] = []
    for api in sorted(found):
        default = tau_f(api)
        wanted = sorted({*thresholds, default, (chosen or {}).get(api, default)}, reverse=True)
        ranked = sorted(found[api], key=lambda one: -one.losses.gain)
        above = 0
        for threshold in wanted:
            kept = sum(one.losses.gain >= threshold for one in ranked)
            band = ranked[above:kept]
            lines.append(
                KeptCalls(
                    api=api,
                    tau_f=threshold,
                    scored=len(ranked),
                    kept=kept,
                    documents=len({one.document.id for one in ranked[:kept]}),
                    followed=sum(one.followed for one in ranked[:kept]),
                    is_default=threshold == default,
                    examples=tuple(_spread(band, examples, threshold)),
                )
            )
            above = kept
    return tuple(lines)


def _scored_calls(folder: Path, token_spans: TokenSpans) -> dict[str, list[_ScoredCall]]:
    found: defaultdict[str, list[_ScoredCall]] = defaultdict(list)
    for document in read_shards(folder):
        spans = token_spans(document.text) if document.proposals else ()
        for one in document.proposals:
            if one.losses is not None and one.result is not None:
                first = first_token(spans, one.position)
                end = spans[min(first + len(WEIGHTS), len(spans)) - 1][1]
                followed = begins_result(document.text, one.position, end, one.result)
                found[one.api].append(_ScoredCall(document, one, one.losses, followed))
    return found


def _spread(band: Sequence[_ScoredCall], count: int, threshold: float) -> list[ExplainedCall]:
    """Up to `count` calls of different documents, evenly spaced over the band."""
    distinct = [*{one.document.id: one for one in reversed(band)}.values()][::-1]
    step = max(1, len(distinct) // max(1, count))
    return [explained_call(one.document, one.proposal, one.losses, threshold) for one in distinct[::step][:count]]
