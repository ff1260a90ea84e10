"""Annotate: where in a text might a call help, and which one (Toolformer, section 2, "Sampling API Calls").

For each tool in turn a model proposes calls for every document: by the probability that it gives to `[` (`sampling.py`,
as in the paper), or by writing the text anew (`prompting.py`, for models that tell no probabilities). Most of the
proposals will be of no use. That is intended: the tools are asked next (`execute.py`), and what really helps is then
decided by the model that is to be taught (`filter.py`), whoever has proposed it.
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
from hammerstone.toolformer.corpus_document import Document, Proposal
from hammerstone.toolformer.shards import Progress, run_stage
from hammerstone.types import JSON

__all__ = ["PAPER", "AnnotateSettings", "Proposer", "Sampling", "annotate"]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How calls of one tool are sampled: τ_s, k and m of the paper.

    A position is taken if the probability of `[` there is above `threshold` (τ_s) and it is one of the `positions` (k)
    likeliest of its document; `draws` (m) calls are drawn at each.
    """

    threshold: float = 0.05
    positions: int = 5
    draws: int = 5

    def __post_init__(self) -> None:
        if not 0 <= self.threshold < 1 or self.positions < 1 or self.draws < 1:
            raise SettingsError(
                f"no calls can be sampled with {self}", hint="give 0 ≤ threshold < 1, positions ≥ 1, draws ≥ 1"
            )


PAPER = {
    "QA": Sampling(),
    "Search": Sampling(),
    "Calculator": Sampling(threshold=0.0, positions=20, draws=10),
    "Calendar": Sampling(),
    "MT": Sampling(threshold=0.0, positions=20, draws=10),
}
"""Appendix A: "For the calculator and machine translation [...] we set τ_s = 0.0, k = 20 and m = 10"."""


@dataclass(frozen=True, kw_only=True)
class AnnotateSettings:
    """What the proposals depend on, besides the model and the tools.

    `tools` says for some tools, by name, how they are sampled; the others are sampled as in the paper, those that the
    paper does not have as most of its own. `call_tokens` is the most that a drawn call may have after its `[`.
    The paper does not say its temperature; 1 draws calls as the model's own probabilities have them.
    """

    tools: Mapping[str, Sampling] = field(default_factory=dict[str, Sampling])
    temperature: float = 1.0
    call_tokens: int = 48
    seed: int = 0

    def __post_init__(self) -> None:
        if self.temperature <= 0 or self.call_tokens < 1:
            raise SettingsError("calls cannot be drawn so", hint="give temperature > 0 and call_tokens ≥ 1")

    def sampling(self, api: str) -> Sampling:
        return self.tools.get(api) or PAPER.get(api) or Sampling()


class Proposer(Protocol):
    """A model that proposes calls. It need not be the one that will be taught."""

    @property
    def name(self) -> str: ...

    def prepare(self, api: Api, settings: AnnotateSettings) -> str:
        """The prompt for this tool. Raises `InputError` or `SettingsError` if it is of no use with these settings."""
        ...

    def propose(
        self, documents: Sequence[Document], api: Api, settings: AnnotateSettings
    ) -> tuple[list[list[Proposal]], Counter[str]]:
        """New proposals for each of the documents, and what was counted, under keys that name the tool."""
        ...


def annotate(
    source: Path,
    target: Path,
    proposer: Proposer,
    apis: Sequence[Api],
    *,
    settings: AnnotateSettings = AnnotateSettings(),  # noqa: B008 - frozen
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Counter[str]:
    """The stage: every document gets proposals for each of the tools that it is good for, one tool after the other.

    A text that holds calls of these tools already gets none, and is counted (`left out: calls of its own`). Dropped are
    duplicates (the same call at the same position), calls after which nothing comes, and for translation those whose
    input is still to come. Raises as `run_stage`; `InputError` for a prompt that does not fit into the model's context
    and `SettingsError` for no tools or two of one name, before anything is read.
    """
    _check(apis)
    prompts = {api.name: proposer.prepare(api, settings) for api in apis}

    def work(documents: Sequence[Document]) -> tuple[Sequence[Document], Counter[str]]:
        return _annotated(documents, proposer, apis, settings)

    manifest = _manifest(proposer, prompts, settings)
    return run_stage("annotate", source, target, work, settings=manifest, on_progress=on_progress)


def _check(apis: Sequence[Api]) -> None:
    names = [api.name for api in apis]
    if not names or len({*names}) < len(names):
        raise SettingsError("annotation needs tools, each with a name of its own", hint="name each tool once")


def _manifest(proposer: Proposer, prompts: Mapping[str, str], settings: AnnotateSettings) -> dict[str, JSON]:
    return {
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
    documents: Sequence[Document], proposer: Proposer, apis: Sequence[Api], settings: AnnotateSettings
) -> tuple[list[Document], Counter[str]]:
    """One shard."""
    names = [api.name for api in apis]
    made = {at: document for at, document in enumerate(documents) if not find_calls(document.text, names)}
    counts: Counter[str] = Counter({"left out: calls of its own": len(documents) - len(made)})
    for api in apis:
        asked = {at: document for at, document in made.items() if not document.apis or api.name in document.apis}
        proposals, counted = proposer.propose(list(asked.values()), api, settings)
        counts.update(counted)
        made |= {at: _with(document, new, counts) for (at, document), new in zip(asked.items(), proposals, strict=True)}
    return [made.get(at, document) for at, document in enumerate(documents)], +counts


def _with(document: Document, proposals: Sequence[Proposal], counts: Counter[str]) -> Document:
    """The document with those of the proposals that are worth running."""
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
    """Why a call cannot help where it stands; `None` if it may."""
    before, after = text[: proposal.position], text[proposal.position :]
    if not after.strip():
        return "nothing follows"  # no token that it could make likelier
    if proposal.api == "MT" and proposal.input in after and proposal.input not in before:
        return "input comes later"  # appendix A: the call would give away the text that it translates
    return None
