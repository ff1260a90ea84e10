"""Selects calls whose result saves at least τ_f nats (section 2, "Filtering API Calls").

The score stage only measures, and drops no call for its losses. Calls are selected later, where the dataset is built
(`data/dataset.py`), so another threshold needs no new pass of the model.
"""

from __future__ import annotations

from hammerstone.toolformer.corpus_document import Proposal

__all__ = ["TAU_F", "is_selected", "tau_f"]

TAU_F = {"QA": 1.0, "Search": 1.0, "Calculator": 0.5, "Calendar": 1.0, "MT": 0.5}
"""The paper's thresholds, in nats (appendix A)."""

OTHER_TAU_F = 1.0


def tau_f(api: str) -> float:
    """The threshold of a tool: the paper's; for any other tool, the paper's usual one."""
    return TAU_F.get(api, OTHER_TAU_F)


def is_selected(proposal: Proposal, threshold: float) -> bool:
    """L⁻ - L⁺ ≥ τ_f. A call without losses, or with non-finite ones, is not selected."""
    return proposal.losses is not None and proposal.losses.gain >= threshold
