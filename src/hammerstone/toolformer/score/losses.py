"""Scores calls by whether the result makes the next tokens easier to predict (section 2, "Filtering API Calls").

The paper filters here; this stage only scores. `selection.py` has the rule by which `data/dataset.py` selects calls.

A call c with result r at position i is scored by the loss over the tokens that follow it, the nearest ones most:

    L_i(z) = - Σ_{j ≥ i} w_{j-i} · log p(x_j | z, x_1 … x_{j-1})

where z is *prefixed* to the text, not inserted at i: the model has not seen a call in the middle of a text yet, and
would be surprised by it, whatever the result is. With

    L⁺ = L(e(c, r))                      the call and its result
    L⁻ = min(L(ε), L(e(c, ε)))           nothing at all, or the call alone: the easier of both

a call is selected if L⁻ - L⁺ ≥ τ_f: its *result* must help by that much.

The weights w̃_t = max(0, 1 - t/5), normalised, are zero from the sixth token on. So only five tokens count, and the
text is cut after them. For a document of n tokens, n + 1 are read once for L(ε) at all positions; then, for each call,
twice the text up to i.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import torch

from hammerstone.toolformer.call_format import ApiCall
from hammerstone.toolformer.corpus_document import CorpusDocument, Losses, Proposal
from hammerstone.toolformer.lm import LanguageModel
from hammerstone.toolformer.score.selection import is_selected, tau_f
from hammerstone.toolformer.shards import StageWork

__all__ = ["WEIGHTS", "first_token", "score_documents", "scoring_work"]

# w̃ = 1, 4/5, 3/5, 2/5, 1/5, then 0; their sum is 3
WEIGHTS = tuple((1 - t / 5) / 3 for t in range(5))

BATCH_TOKENS = 8192  # read at once, including padding
MOST_LOGITS = 2**28  # of one batch: L(ε) needs those of every token, a gigabyte as float32


def scoring_work(model: str, load: Callable[[], LanguageModel], *, batch_tokens: int = BATCH_TOKENS) -> StageWork:
    """The stage `filter`: every proposal with a result gets its losses. Calls are selected later, by any threshold.

    `model` names the model that will be fine-tuned, whichever one proposed the calls, and its number format where that
    rounds. It is loaded for the first unit.
    """
    loaded = cache(load)

    def work(documents: Sequence[CorpusDocument]) -> tuple[Sequence[CorpusDocument], Counter[str]]:
        return score_documents(loaded(), documents, batch_tokens=batch_tokens)

    return StageWork({"model": model}, work)


def score_documents(
    lm: LanguageModel, documents: Sequence[CorpusDocument], *, batch_tokens: int = BATCH_TOKENS
) -> tuple[list[CorpusDocument], Counter[str]]:
    """The documents with the losses of their proposals, and counts: scored, kept at the paper's τ_f, dropped and why.

    Proposals are dropped if they have no result, if no token follows them, if they do not fit into the model's
    context, or if a loss is not finite.
    """
    read = [_read(lm, document) for document in documents]
    asked = [
        _ScoredCall(at, number, first_token(spans, proposal.position))
        for at, (document, (_, spans)) in enumerate(zip(documents, read, strict=True))
        for number, proposal in enumerate(document.proposals)
        if proposal.result is not None
    ]
    counts: Counter[str] = Counter()
    fit = [one for one in asked if _reason(lm, documents, read, one, counts) is None]
    without = _without(lm, [ids for ids, _ in read], fit, batch_tokens)
    rows = [
        _row(lm, z, read[one.document][0], one.start)
        for one in fit
        for z in _prefixes(documents[one.document].proposals[one.number].call)
    ]
    prefixed = _row_losses(lm, rows, batch_tokens)
    measured = {
        (one.document, one.number): Losses(with_result=prefixed[2 * k], with_call=prefixed[2 * k + 1], without=empty)
        for k, (one, empty) in enumerate(zip(fit, without, strict=True))
    }
    made = [_measured(at, document, measured, counts) for at, document in enumerate(documents)]
    return made, counts


class _ScoredCall(NamedTuple):
    """A proposal to score: its document, its index there, and i, the first token after it."""

    document: int
    number: int
    start: int


@dataclass(frozen=True, kw_only=True)
class _LossRow:
    """Tokens to read; the last ones predict `targets`, one each."""

    ids: tuple[int, ...]
    targets: tuple[int, ...]


def _read(lm: LanguageModel, document: CorpusDocument) -> tuple[list[int], list[tuple[int, int]]]:
    return lm.encode_with_offsets(document.text)


def first_token(spans: Sequence[tuple[int, int]], position: int) -> int:
    """i: the first token that reaches beyond the position (in characters); `spans` are those of the tokens."""
    return next((i for i, (_, end) in enumerate(spans) if end > position), len(spans))


def _reason(
    lm: LanguageModel,
    documents: Sequence[CorpusDocument],
    read: Sequence[tuple[list[int], list[tuple[int, int]]]],
    one: _ScoredCall,
    counts: Counter[str],
) -> str | None:
    """Why a proposal cannot be scored, which is counted; `None` if it can."""
    ids, _ = read[one.document]
    proposal = documents[one.document].proposals[one.number]
    reason = None
    if one.start == len(ids):
        reason = "nothing follows"
    elif len(_row(lm, proposal.call.answered, ids, one.start).ids) > lm.context:
        reason = "too long for the model"
    if reason is not None:
        counts[f"dropped: {proposal.api}: {reason}"] += 1
    return reason


def _prefixes(call: ApiCall) -> tuple[str, str]:
    """e(c, r) and e(c, ε), directly before the text, whose tokens stay those of the text alone."""
    return call.answered, call.unanswered


def _row(lm: LanguageModel, z: str, ids: Sequence[int], start: int) -> _LossRow:
    """z, then the text up to the token that predicts the fifth one after i."""
    targets = tuple(ids[start : start + len(WEIGHTS)])
    text = ids[: start + len(targets) - 1]
    return _LossRow(ids=(lm.start_id, *lm.encode(z), *text), targets=targets)


def _without(
    lm: LanguageModel, texts: Sequence[Sequence[int]], asked: Sequence[_ScoredCall], batch_tokens: int
) -> list[float]:
    """L(ε) at all positions of a document in one pass, as far as the last position needs."""
    batch_tokens = min(batch_tokens, MOST_LOGITS // lm.vocabulary_size)
    furthest: dict[int, int] = {}
    for one in asked:
        end = min(one.start + len(WEIGHTS), len(texts[one.document]))
        furthest[one.document] = max(furthest.get(one.document, 0), end)
    rows = {
        at: _LossRow(ids=(lm.start_id, *texts[at][: end - 1]), targets=tuple(texts[at][:end]))
        for at, end in furthest.items()
    }
    logs = dict(zip(rows, _log_probabilities(lm, list(rows.values()), batch_tokens), strict=True))
    return [_weighted(logs[one.document][one.start : one.start + len(WEIGHTS)]) for one in asked]


def _row_losses(lm: LanguageModel, rows: Sequence[_LossRow], batch_tokens: int) -> list[float]:
    return [_weighted(logs) for logs in _log_probabilities(lm, rows, batch_tokens)]


def _weighted(logs: Sequence[float]) -> float:
    return -sum(w * log for w, log in zip(WEIGHTS, logs, strict=False))


def _log_probabilities(lm: LanguageModel, rows: Sequence[_LossRow], batch_tokens: int) -> list[list[float]]:
    """log p of each row's targets. Rows of similar length are read together; equal rows once."""
    found: dict[_LossRow, list[float]] = {}
    for batch in _batches(sorted({*rows}, key=lambda row: len(row.ids)), batch_tokens):
        keep = max(len(row.targets) for row in batch)
        logits, _ = lm.forward([row.ids for row in batch], keep=keep)  # (rows, keep, vocabulary)
        for at, row in enumerate(batch):
            logs = torch.log_softmax(logits[at, keep - len(row.targets) :].float(), dim=-1)
            targets = torch.tensor(row.targets, device=logs.device)
            found[row] = logs.gather(1, targets[:, None])[:, 0].tolist()  # pyright: ignore[reportUnknownMemberType] - torch's stub
    return [found[row] for row in rows]


def _batches(rows: Sequence[_LossRow], batch_tokens: int) -> list[list[_LossRow]]:
    """Consecutive rows that have at most `batch_tokens` tokens together, including padding; at least one row."""
    batches: list[list[_LossRow]] = []
    for row in rows:
        if batches and len(row.ids) * (len(batches[-1]) + 1) <= batch_tokens:
            batches[-1].append(row)
        else:
            batches.append([row])
    return batches


def _measured(
    at: int, document: CorpusDocument, measured: dict[tuple[int, int], Losses], counts: Counter[str]
) -> CorpusDocument:
    kept: list[Proposal] = []
    for number, proposal in enumerate(document.proposals):
        losses = measured.get((at, number))
        if losses is None:
            continue
        if not math.isfinite(losses.gain):
            counts[f"dropped: {proposal.api}: non-finite losses"] += 1
            continue
        kept.append(replace(proposal, losses=losses))
        counts[f"scored: {proposal.api}"] += 1
        counts[f"kept: {proposal.api}"] += is_selected(kept[-1], tau_f(proposal.api))
    return replace(document, proposals=tuple(kept))
