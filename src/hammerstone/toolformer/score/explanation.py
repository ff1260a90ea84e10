"""Scored calls for people to look at: text, call, result, losses and verdict, as in the paper's table of examples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hammerstone.toolformer.corpus_document import CorpusDocument, Losses, Proposal
from hammerstone.toolformer.score.selection import is_selected, tau_f
from hammerstone.toolformer.shards import read_shards

__all__ = ["ExplainedCall", "KeptCounts", "count_kept", "explain", "explained_call"]

AROUND = 60  # characters of the text on each side of a call


@dataclass(frozen=True, kw_only=True)
class ExplainedCall:
    """One scored call: the text `before` and `after` it, shortened, and whether it is selected at `threshold`."""

    document: str
    api: str
    before: str
    call: str
    after: str
    losses: Losses
    threshold: float
    kept: bool


@dataclass(frozen=True, kw_only=True)
class KeptCounts:
    """The counts of a tool's `measured` calls that are selected at each threshold."""

    api: str
    measured: int
    kept: Mapping[float, int]


def explain(folder: Path, count: int, thresholds: Mapping[str, float]) -> tuple[ExplainedCall, ...]:
    """`count` calls of each tool, evenly spaced from the one that helps most to the one that harms most.

    `folder` contains the scored shards; `thresholds` overrides the default ones. Raises as `read_shards`.
    """
    found: defaultdict[str, list[tuple[CorpusDocument, Proposal, Losses]]] = defaultdict(list)
    for document in read_shards(folder):
        for one in document.proposals:
            if one.losses is not None:
                found[one.api].append((document, one, one.losses))
    return tuple(
        explained_call(document, one, losses, thresholds.get(api, tau_f(api)))
        for api in sorted(found)
        for document, one, losses in _spread(sorted(found[api], key=lambda of: -of[2].gain), count)
    )


def count_kept(folder: Path, thresholds: Sequence[float]) -> tuple[KeptCounts, ...]:
    """The counts of the paper's table 2. Raises as `read_shards`."""
    gains: defaultdict[str, list[float]] = defaultdict(list)
    for document in read_shards(folder):
        for one in document.proposals:
            if one.losses is not None:
                gains[one.api].append(one.losses.gain)
    return tuple(
        KeptCounts(
            api=api,
            measured=len(gains[api]),
            kept={tau: sum(gain >= tau for gain in gains[api]) for tau in thresholds},
        )
        for api in sorted(gains)
    )


def _spread(
    ranked: Sequence[tuple[CorpusDocument, Proposal, Losses]], count: int
) -> list[tuple[CorpusDocument, Proposal, Losses]]:
    """The first, the last, and others evenly spaced between them."""
    if len(ranked) <= count or count < 2:
        return list(ranked[:count])
    return [ranked[round(k * (len(ranked) - 1) / (count - 1))] for k in range(count)]


def explained_call(document: CorpusDocument, proposal: Proposal, losses: Losses, threshold: float) -> ExplainedCall:
    """One call with the text around it, judged by a threshold in nats."""
    before, after = document.text[: proposal.position], document.text[proposal.position :]
    return ExplainedCall(
        document=document.id,
        api=proposal.api,
        before=before if len(before) <= AROUND else f"…{before[-AROUND:]}",
        call=proposal.call.answered,
        after=after if len(after) <= AROUND else f"{after[:AROUND]}…",
        losses=losses,
        threshold=threshold,
        kept=is_selected(proposal, threshold),
    )
