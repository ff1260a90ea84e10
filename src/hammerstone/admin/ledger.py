"""What it all cost, how requests were answered, and how often tools were wrong: the totals of a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from hammerstone.admin.tools import FalseHitSummary, ToolFigures, figures, rates
from hammerstone.life import together
from hammerstone.models import known_sum
from hammerstone.store import Kept, LedgerRow, MeanCall, RouteRow, Store

__all__ = ["Baseline", "Ledger", "ToolLedger", "totals"]


@dataclass(frozen=True, kw_only=True)
class ToolLedger(ToolFigures):
    """One version of a tool."""

    tool: str
    version: int
    state: str


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What was paid, and what the solver's model would have cost for all requests: the mean of its calls, times as many
    as there were requests. Unknown prices make a sum `None`."""

    requests: int
    calls: int
    cost_usd: float | None
    baseline_usd: float | None


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """`kept` counts the requests of which all text is stored, what a mask left of it, or none."""

    calls: tuple[LedgerRow, ...]
    routes: tuple[RouteRow, ...]
    tools: tuple[ToolLedger, ...]
    all_tools: FalseHitSummary
    baseline: Baseline
    kept: dict[Kept, int]


def totals(store: Store) -> Ledger:
    """Raises `StoreError`."""
    calls, routes, tools = store.ledger(), store.routes(), store.tool_rows()
    return Ledger(
        calls=calls,
        routes=routes,
        tools=tuple(
            ToolLedger(tool=row.tool, version=row.version, state=row.state, **asdict(figures(row))) for row in tools
        ),
        all_tools=rates(together(row.tally for row in tools)),
        baseline=_baseline(calls, routes, store.mean_solver_call()),
        kept=store.kept(),
    )


def _baseline(calls: Sequence[LedgerRow], routes: Sequence[RouteRow], mean: MeanCall) -> Baseline:
    requests = sum(row.requests for row in routes)
    return Baseline(
        requests=requests,
        calls=sum(row.calls for row in calls),
        cost_usd=known_sum(row.cost_usd for row in calls),
        baseline_usd=None if mean.cost_usd is None else mean.cost_usd * requests,
    )
