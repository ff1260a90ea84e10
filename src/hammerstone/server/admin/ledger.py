"""The ledger: totals, and request by request."""

from __future__ import annotations

from hammerstone.admin.ledger import Ledger, totals
from hammerstone.server.admin.actions import MOST, Action, AdminRequest, ListPage, page
from hammerstone.store import LedgerEntry, WantedAnswers
from hammerstone.types import Route

__all__ = ["ACTIONS"]


def show_ledger(asked: AdminRequest) -> Ledger:
    """Calls, tokens and cost by role, model and task; requests by route; false hits by tool; the baseline."""
    return totals(asked.store)


def list_requests(
    asked: AdminRequest,
    *,
    request_id: str | None = None,
    task: str | None = None,
    tool: str | None = None,
    route: Route | None = None,
    since: str | None = None,
    until: str | None = None,
    limit: int = 100,
    after: int | None = None,
) -> ListPage[LedgerEntry]:
    """Requests with their answers, newest first.

    Of an id, a task, a tool or a route; from the moment `since` on and before `until` (ISO 8601, UTC). What was
    answered by the gateway's upstream has the route `solver`.
    """
    wanted = WantedAnswers(
        request_id=request_id, task=task, tool=tool, route=route, since=since, until=until, before_number=after
    )
    return page(asked.store.answers(wanted, MOST + 1), limit, lambda one: one.number)


def list_tenants(asked: AdminRequest) -> list[str]:
    """The tenants that this key looks after; the default one is the empty text."""
    return list(asked.stores.tenants()) if asked.scope is None else [asked.scope]


ACTIONS = (
    Action("GET", "/tenants", list_tenants),
    Action("GET", "/ledger", show_ledger),
    Action("GET", "/requests", list_requests),
)
