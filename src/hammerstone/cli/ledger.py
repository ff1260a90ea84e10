"""`hammerstone ledger`: what was paid, for what, and what it would have cost otherwise."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from hammerstone.cli.home import open_home
from hammerstone.cli.options import Home, Json, Tenant
from hammerstone.cli.terminal import money, percent, print_json, print_line, show_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hammerstone.store import LedgerRow, RouteRow
    from hammerstone.store.summaries import MeanCall

__all__ = ["ledger"]


def ledger(home: Home = None, tenant: Tenant = "", json: Json = False) -> None:
    """Calls, tokens and cost by role, model and task; requests by route; false hits by tool; the baseline.

    The baseline is all requests to the solver's model.
    """
    from hammerstone.cli.false_hits import document, rates, show_tools

    with open_home(home, tenant) as store:
        calls, routes, mean, tools = store.ledger(), store.routes(), store.mean_solver_call(), store.tool_rows()
        kept = store.kept()
    if json:
        from dataclasses import asdict

        from hammerstone.life.figures import together

        print_json(
            {
                "calls": [asdict(row) for row in calls],
                "routes": [asdict(row) for row in routes],
                "tools": [
                    {"tool": row.tool, "version": row.version, "state": row.state, **document(row)} for row in tools
                ],
                "all_tools": rates(together(row.tally for row in tools)),
                "baseline": _baseline(calls, routes, mean),
                "kept": kept,
            }
        )
        return
    _show_calls(calls)
    _show_routes(routes)
    show_tools(tools)
    _show_baseline(calls, routes, mean)
    for what, words in (("nothing", "no text is kept"), ("masked", "the text is kept masked")):
        if number := sum(count for name, count in kept.items() if name == what):
            print_line(f"Requests of which {words}: {number}")


def _show_calls(calls: Sequence[LedgerRow]) -> None:
    rows: list[tuple[str, ...]] = []
    for (role, model), group in groupby(calls, key=lambda row: (row.role, row.model)):
        tasks = list(group)
        rows.append(_call_row(f"{role}, {model}", tasks))
        rows += [_call_row(f"  {row.task}", [row]) for row in tasks if row.task]
    show_table(
        "Paid calls",
        ("by…", "#calls", "#in", "#out", "#cost", "#seconds"),
        rows,
        caption=f"in, out: tokens{_recorded(calls)}",
    )


def _recorded(calls: Sequence[LedgerRow]) -> str:
    """What a price means where nothing was paid: the demo's are illustrations."""
    if not any(row.model.startswith("recorded:") for row in calls):
        return ""
    return "; calls of a recorded: model were not paid here: their prices are those of the recording, or illustrations"


def _call_row(by: str, rows: Sequence[LedgerRow]) -> tuple[str, ...]:
    return (
        by,
        str(sum(row.calls for row in rows)),
        _count(_sum(row.input_tokens for row in rows)),
        _count(_sum(row.output_tokens for row in rows)),
        money(_sum(row.cost_usd for row in rows)),
        f"{sum(row.seconds for row in rows):.1f}",
    )


def _show_routes(routes: Sequence[RouteRow]) -> None:
    rows: list[tuple[str, ...]] = []
    for route, group in groupby(routes, key=lambda row: row.route):
        tasks = list(group)
        rows.append(_route_row(route or "not answered", tasks))
        rows += [_route_row(f"  {row.task}", [row]) for row in tasks if row.task]
    columns = ("by…", "#requests", "#right", "#refused", "#calls", "#cost")
    caption = "refused: cheaper routes were tried before and did not answer"
    show_table("Requests", columns, rows, caption=caption)


def _route_row(by: str, rows: Sequence[RouteRow]) -> tuple[str, ...]:
    return (
        by,
        str(sum(row.requests for row in rows)),
        percent(sum(row.correct for row in rows), sum(row.known for row in rows)),
        str(sum(row.refused for row in rows)),
        str(sum(row.model_calls for row in rows)),
        money(_sum(row.cost_usd for row in rows)),
    )


def _show_baseline(calls: Sequence[LedgerRow], routes: Sequence[RouteRow], mean: MeanCall) -> None:
    told = _baseline(calls, routes, mean)
    requests, baseline = told["requests"], money(told["baseline_usd"])
    print_line(f"Paid, builds included:                  {money(told['cost_usd'])} in {told['calls']} calls")
    print_line(f"Baseline, all to the solver's model:     {baseline} in {requests} calls")
    if mean.calls:
        print_line(f"(an estimate: the baseline is {requests} times the mean of the solver's {mean.calls} calls)")


def _baseline(calls: Sequence[LedgerRow], routes: Sequence[RouteRow], mean: MeanCall) -> dict[str, float | None]:
    requests = sum(row.requests for row in routes)
    return {
        "requests": requests,
        "calls": sum(row.calls for row in calls),
        "cost_usd": _sum(row.cost_usd for row in calls),
        "baseline_usd": None if mean.cost_usd is None else mean.cost_usd * requests,
    }


def _sum(values: Iterable[float | None]) -> float | None:
    """The sum; unknown if any part is."""
    known = list(values)
    return None if None in known else sum(value or 0 for value in known)


def _count(tokens: float | None) -> str:
    return "unknown" if tokens is None else f"{tokens:,}"
