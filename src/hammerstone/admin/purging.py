"""Removing prompts and answers of a home: what is older than some days, a tenant's, a task's, a request's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hammerstone.admin.tasks import find_task
from hammerstone.errors import InputError, NotFoundError
from hammerstone.store import Purged, Selection, WantedAnswers, timestamp

if TYPE_CHECKING:
    from hammerstone.store import Store, Stores

__all__ = ["Purge", "PurgedTenant", "before", "purge"]

HOURS = {"h": 1, "d": 24, "w": 7 * 24}
MOST_HOURS = 24 * 366 * 1000


@dataclass(frozen=True, kw_only=True)
class Purge:
    """What to remove, with `tools` the tools too. With `whole`, the space is given back, while writers wait."""

    selection: Selection
    tools: bool = False
    dry_run: bool = False
    whole: bool = True


@dataclass(frozen=True, kw_only=True)
class PurgedTenant:
    """What was removed of one tenant, or would be."""

    tenant: str
    purged: Purged


def before(age: str) -> str:
    """The moment an age ago: `30d`, `12h`, `4w`. Raises `InputError`."""
    found = re.fullmatch(r"(\d{1,7})([hdw])", age.strip().lower(), re.ASCII)
    hours = int(found[1]) * HOURS[found[2]] if found is not None else MOST_HOURS + 1
    if hours > MOST_HOURS:
        raise InputError(f"{age[:40]!r} is no age", hint="a number of hours, days or weeks: 12h, 30d, 4w")
    return timestamp(seconds_ahead=-3600 * hours)


def purge(stores: Stores, tenants: Sequence[str], what: Purge) -> Iterator[PurgedTenant]:
    """Purge one tenant after the other. Raises `StoreError`, and `NotFoundError` for a task that never was, and for a
    request that is not there or was purged.
    """
    for tenant in tenants:
        store = stores.of(tenant)
        purged = store.purge(what.selection, tools=what.tools, dry_run=what.dry_run)
        if purged == Purged():
            _check_known(store, what.selection)
        if not what.dry_run:
            store.give_back(whole=what.whole)
        yield PurgedTenant(tenant=tenant, purged=purged)


def _check_known(store: Store, selection: Selection) -> None:
    task, request = selection.task, selection.request_id
    if task is not None and not store.answers(WantedAnswers(task=task), 1):
        find_task(store, task)
    if request is not None and not store.answers(WantedAnswers(request_id=request), 1):
        hint = "its id is in the header x-hammerstone-request-id; a request that is purged has none any more"
        raise NotFoundError(f"there is no request {request}", hint=hint)
