"""Who changed what."""

from __future__ import annotations

from starlette.responses import Response

from hammerstone.server.pages.visit import Page, Visit
from hammerstone.store import KeyRole

__all__ = ["PAGES"]

ROWS = 100


def show(visit: Visit) -> Response:
    """The newest first."""
    acts = visit.store.acts(ROWS + 1, visit.number("before"))
    return visit.show("log.html", acts=acts[:ROWS], more=acts[ROWS - 1].id if len(acts) > ROWS else None)


PAGES = (Page("GET", "/log", show, KeyRole.ADMIN),)
