"""What the ledger shows, as frozen values. An unknown price or token count makes a sum `None`, never too low."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from hammerstone.store.records import Tally, ToolState
from hammerstone.types import Role, Route

__all__ = ["LedgerRow", "MeanCall", "RouteRow", "ToolRow", "ToolTally"]


@dataclass(frozen=True, kw_only=True)
class LedgerRow:
    """All calls of one role, model and task. `unpriced` counts those whose price is unknown."""

    role: Role
    model: str
    task: str | None
    calls: int
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    unpriced: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class RouteRow:
    """All requests that went one way. `route` is `None` for those without an answer.

    `known` counts the requests whose right answer the caller knew, `correct` those of them answered right, `refused`
    the requests that a cheaper route had looked at and not answered.
    """

    route: Route | None
    task: str | None
    tool: str | None
    requests: int
    known: int
    correct: int
    refused: int
    model_calls: int
    cost_usd: float | None
    unpriced: int


@dataclass(frozen=True, kw_only=True)
class ToolRow:
    """One version of a tool: the requests that it `served`, its comparisons, and how many answers were corrected.

    Corrections are not among its false hits: those are of a random sample, and a rate can be computed from them.
    """

    tool: str
    version: int
    state: ToolState
    served: int
    tally: Tally
    corrected: int


@dataclass(frozen=True, kw_only=True)
class ToolTally:
    """The comparisons of one version of a tool."""

    tool: str
    version: int
    state: ToolState
    tally: Tally


class MeanCall(NamedTuple):
    """The mean call of the solver: over all `calls`, or `None` where that is unknown for any of them."""

    calls: int
    input_tokens: float | None
    output_tokens: float | None
    cost_usd: float | None
