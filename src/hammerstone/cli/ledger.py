"""`hammerstone ledger`: what was paid, for what, and what it would have cost otherwise."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from hammerstone.cli.home import open_home
from hammerstone.cli.options import Home, Json, Tenant
from hammerstone.cli.tables import show_table
from hammerstone.cli.terminal import print_json, print_line
from hammerstone.formatting import counted, exact_dollars, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hammerstone.admin.ledger import Baseline
    from hammerstone.store import LedgerRow, MeanCall, RouteRow

__all__ = ["ledger"]


def ledger(home: Home = None, tenant: Tenant = "", json: Json = False) -> None:
    """Calls, tokens and cost by role, model and task; requests by route; false hits by tool; the baseline.

    The baseline is all requests to the solver's model.
    """
    from hammerstone.admin.ledger import totals
    from hammerstone.cli.false_hits import show_tools
    from hammerstone.store import Kept

    with open_home(home, tenant) as store:
        found, tools, mean = totals(store), store.tool_rows(), store.mean_solver_call()
    if json:
        print_json(found)
        return
    _show_calls(found.calls)
    _show_routes(found.routes)
    show_tools(tools)
    _show_baseline(found.baseline, mean)
    for what, words in ((Kept.NOTHING, "no text is kept"), (Kept.MASKED, "the text is kept masked")):
        if number := found.kept[what]:
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
    from hammerstone.models import known_sum

    return (
        by,
        str(sum(row.calls for row in rows)),
        _count(known_sum(row.input_tokens for row in rows)),
        _count(known_sum(row.output_tokens for row in rows)),
        exact_dollars(known_sum(row.cost_usd for row in rows)),
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
    from hammerstone.models import known_sum

    return (
        by,
        str(sum(row.requests for row in rows)),
        percent(sum(row.correct for row in rows), sum(row.known for row in rows)),
        str(sum(row.refused for row in rows)),
        str(sum(row.model_calls for row in rows)),
        exact_dollars(known_sum(row.cost_usd for row in rows)),
    )


def _show_baseline(baseline: Baseline, mean: MeanCall) -> None:
    paid, asked = counted(baseline.calls, "call"), counted(baseline.requests, "call")
    print_line(f"Paid, builds included:                  {exact_dollars(baseline.cost_usd)} in {paid}")
    print_line(f"Baseline, all to the solver's model:    {exact_dollars(baseline.baseline_usd)} in {asked}")
    if mean.calls:
        calls = counted(mean.calls, "call")
        print_line(f"(an estimate: the baseline is {baseline.requests} times the mean of the solver's {calls})")


def _count(tokens: float | None) -> str:
    return "unknown" if tokens is None else f"{tokens:,}"
