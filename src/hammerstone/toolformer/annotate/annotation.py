"""Annotate: where in a text a call might help, and which one (Toolformer, section 2, "Sampling API Calls").

For each tool a model proposes calls for every document: by the probability that it gives to `[` (`sampling.py`, as in
the paper), or by rewriting the text (`prompting.py`, for models without token probabilities). Most proposals are
useless. That is intended: the calls are run next (`execution.py`), and then the model that will be fine-tuned scores
which of them help (`score/`), whichever model proposed them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Protocol

from hammerstone.errors import SettingsError
from hammerstone.toolformer.apis.api import Api
from hammerstone.toolformer.call_format import find_calls
from hammerstone.toolformer.corpus_document import CorpusDocument, Proposal
from hammerstone.toolformer.shards import StageWork, run_stage
from hammerstone.toolformer.stage_progress import StageProgress
from hammerstone.types import JSON

__all__ = [
    "PAPER_SAMPLING",
    "VERSION",
    "AnnotateSettings",
    "Proposer",
    "SamplingSettings",
    "annotate",
    "annotation_work",
]


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """Sampling of one tool's calls: τ_s, k and m of the paper.

    A position is used if the probability of `[` there is above `threshold` (τ_s) and among the `positions` (k) highest
    of its document; `draws` (m) calls are sampled at each.
    """

    threshold: float = 0.05
    positions: int = 5
    draws: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.threshold < 1 or self.positions < 1 or self.draws < 1:
            raise SettingsError(
                f"threshold is {self.threshold}, positions {self.positions} and draws {self.draws}",
                hint="give 0 ≤ threshold < 1, positions ≥ 1, draws ≥ 1",
            )


VERSION = 2  # raised where the same settings no longer propose the same calls: a run of a lower one is not resumed

PAPER_SAMPLING = {
    "QA": SamplingSettings(),
    "Search": SamplingSettings(),
    "Calculator": SamplingSettings(threshold=0.0, positions=20, draws=10),
    "Calendar": SamplingSettings(),
    "MT": SamplingSettings(threshold=0.0, positions=20, draws=10),
}
"""Appendix A: "For the calculator and machine translation [...] we set τ_s = 0.0, k = 20 and m = 10"."""


@dataclass(frozen=True, kw_only=True)
class AnnotateSettings:
    """The settings on which proposals depend, besides the model and the tools.

    `tools` sets, by name, how some tools are sampled. Other tools use the paper's settings; tools that the paper does
    not have use those of most of its tools. `call_tokens` is the most tokens that a call may have after its
    `[Name`. The paper does not state its temperature; 1 samples from the model's own probabilities.
    """

    tools: Mapping[str, SamplingSettings] = field(default_factory=dict[str, SamplingSettings])
    temperature: float = 1.0
    call_tokens: int = 48
    seed: int = 0

    def __post_init__(self) -> None:
        if self.temperature <= 0 or self.call_tokens < 1:
            raise SettingsError(
                f"temperature is {self.temperature} and call_tokens {self.call_tokens}",
                hint="give temperature > 0, call_tokens ≥ 1",
            )

    def sampling(self, api: str) -> SamplingSettings:
        return self.tools.get(api) or PAPER_SAMPLING.get(api) or SamplingSettings()


class Proposer(Protocol):
    """A model that proposes calls. It need not be the one that will be fine-tuned."""

    @property
    def name(self) -> str: ...

    def prepare(self, api: Api, settings: AnnotateSettings) -> str:
        """The prompt for this tool. Raises `InputError` or `SettingsError` if it cannot be used with these settings."""
        ...

    def propose(
        self, documents: Sequence[CorpusDocument], api: Api, settings: AnnotateSettings
    ) -> tuple[list[list[Proposal]], Counter[str]]:
        """New proposals for each document, and counts under keys that name the tool."""
        ...


def annotate(
    source: Path,
    target: Path,
    proposer: Proposer,
    apis: Sequence[Api],
    *,
    settings: AnnotateSettings = AnnotateSettings(),  # noqa: B008 - frozen
    on_progress: Callable[[StageProgress], None] = lambda _: None,
) -> Counter[str]:
    """The stage: every document gets proposals for each of its tools, one tool after the other.

    A text that already contains calls of these tools gets none, and is counted (`left out: calls of its own`). Dropped
    are duplicates (the same call at the same position), calls that nothing follows, and translations whose input only
    comes later. Raises as `run_stage` and, before anything is read, as `annotation_work`.
    """
    opened = annotation_work(proposer, apis, settings)
    return run_stage("annotate", source, target, opened.work, settings=opened.settings, on_progress=on_progress)


def annotation_work(proposer: Proposer, apis: Sequence[Api], settings: AnnotateSettings) -> StageWork:
    """The work of `annotate` on a unit of documents.

    Raises `InputError` for a prompt that does not fit into the model's context, and `SettingsError` for no tools or
    two of the same name.
    """
    _check(apis)
    prompts = {api.name: proposer.prepare(api, settings) for api in apis}

    def work(documents: Sequence[CorpusDocument]) -> tuple[Sequence[CorpusDocument], Counter[str]]:
        return _annotated(documents, proposer, apis, settings)

    return StageWork(_manifest(proposer, prompts, settings), work)


def _check(apis: Sequence[Api]) -> None:
    names = [api.name for api in apis]
    if not names or len({*names}) < len(names):
        raise SettingsError("annotation needs tools with different names", hint="name each tool once")


def _manifest(proposer: Proposer, prompts: Mapping[str, str], settings: AnnotateSettings) -> dict[str, JSON]:
    return {
        "version": VERSION,
        "model": proposer.name,
        "tools": {
            name: {**asdict(settings.sampling(name)), "prompt": hashlib.sha256(prompt.encode()).hexdigest()[:12]}
            for name, prompt in prompts.items()
        },
        "temperature": settings.temperature,
        "call_tokens": settings.call_tokens,
        "seed": settings.seed,
    }


def _annotated(
    documents: Sequence[CorpusDocument], proposer: Proposer, apis: Sequence[Api], settings: AnnotateSettings
) -> tuple[list[CorpusDocument], Counter[str]]:
    """Annotate one unit."""
    names = [api.name for api in apis]
    made = {at: document for at, document in enumerate(documents) if not find_calls(document.text, names)}
    counts: Counter[str] = Counter({"left out: calls of its own": len(documents) - len(made)})
    for api in apis:
        asked = {at: document for at, document in made.items() if not document.apis or api.name in document.apis}
        proposals, counted = proposer.propose(list(asked.values()), api, settings)
        counts.update(counted)
        made |= {at: _with(document, new, counts) for (at, document), new in zip(asked.items(), proposals, strict=True)}
    return [made.get(at, document) for at, document in enumerate(documents)], +counts


def _with(document: CorpusDocument, proposals: Sequence[Proposal], counts: Counter[str]) -> CorpusDocument:
    """The document with the proposals that are worth running."""
    kept = list(document.proposals)
    known = {_identity(proposal) for proposal in kept}
    for proposal in proposals:
        reason = "duplicate" if _identity(proposal) in known else _fault(document.text, proposal)
        if reason:
            counts[f"dropped: {proposal.api}: {reason}"] += 1
            continue
        counts[f"kept: {proposal.api}"] += 1
        known.add(_identity(proposal))
        kept.append(proposal)
    return replace(document, proposals=tuple(kept))


def _identity(proposal: Proposal) -> tuple[str, str, int]:
    return proposal.api, proposal.input, proposal.position


def _fault(text: str, proposal: Proposal) -> str | None:
    """Why a call cannot help at its position; `None` if it might."""
    before, after = text[: proposal.position], text[proposal.position :]
    if not after.strip():
        return "nothing follows"  # there is no token to make likelier
    if proposal.api == "MT" and proposal.input in after and proposal.input not in before:
        return "input comes later"  # appendix A: the call would reveal the text that it translates
    return None
