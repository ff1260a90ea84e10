"""`hammerstone ledger`: what was paid, for what, and what it would have cost otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.cli.home import open_home
from hammerstone.cli.options import Home, Json
from hammerstone.cli.terminal import money, percent, print_json, print_line, show_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hammerstone.latm.store import LedgerRow, RouteRow
    from hammerstone.latm.store.figures import MeanCall

__all__ = ["ledger"]


def ledger(home: Home = None, json: Json = False) -> None:
    """Calls, tokens and cost by role, model and task; requests by route; the baseline is all to the solver's model."""
    with open_home(home) as store:
        calls, routes, mean = store.ledger(), store.routes(), store.mean_solver_call()
    if json:
        from dataclasses import asdict

        print_json(
            {
                "calls": [asdict(row) for row in calls],
                "routes": [asdict(row) for row in routes],
                "baseline": _baseline(calls, routes, mean),
            }
        )
        return
    _show_calls(calls)
    _show_routes(routes)
    _show_baseline(calls, routes, mean)


def _show_calls(calls: Sequence[LedgerRow]) -> None:
    rows = [
        (
            row.role,
            row.model,
            row.task or "-",
            str(row.calls),
            _count(row.input_tokens),
            _count(row.output_tokens),
            money(row.cost_usd),
            f"{row.seconds:.1f}",
        )
        for row in calls
    ]
    columns = ("role", "model", "task", "#calls", "#tokens in", "#tokens out", "#cost", "#seconds")
    show_table("Paid calls", columns, rows)


def _show_routes(routes: Sequence[RouteRow]) -> None:
    rows = [
        (
            row.route or "none",
            row.task or "-",
            str(row.requests),
            percent(row.correct, row.known),
            str(row.refused),
            str(row.model_calls),
            money(row.cost_usd),
        )
        for row in routes
    ]
    show_table("Requests", ("route", "task", "#requests", "#accuracy", "#refused before", "#calls", "#cost"), rows)


def _show_baseline(calls: Sequence[LedgerRow], routes: Sequence[RouteRow], mean: MeanCall) -> None:
    told = _baseline(calls, routes, mean)
    print_line(
        f"Paid: {told['calls']} calls, {money(told['cost_usd'])}, makings included. "
        f"Baseline, all {told['requests']} requests to the solver's model at its mean over {mean.calls} calls: "
        f"{told['requests']} calls, {money(told['baseline_usd'])}."
    )


def _baseline(calls: Sequence[LedgerRow], routes: Sequence[RouteRow], mean: MeanCall) -> dict[str, float | None]:
    requests = sum(row.requests for row in routes)
    costs = [row.cost_usd for row in calls]
    return {
        "requests": requests,
        "calls": sum(row.calls for row in calls),
        "cost_usd": None if None in costs else sum(cost or 0.0 for cost in costs),
        "baseline_usd": None if mean.cost_usd is None else mean.cost_usd * requests,
    }


def _count(tokens: int | None) -> str:
    return "unknown" if tokens is None else f"{tokens:,}"
