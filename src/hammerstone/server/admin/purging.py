"""Removing the text of requests and answers."""

from __future__ import annotations

from dataclasses import dataclass

from hammerstone.admin.purging import Purge, PurgedTenant, before, purge
from hammerstone.errors import InputError
from hammerstone.server.admin.actions import Action, AdminRequest, Body
from hammerstone.store import Selection

__all__ = ["ACTIONS"]


class WhatGoes(Body):
    """All that is named must hold; `everything` is all of the tenant. Unless `dry_run` is false, nothing is removed."""

    older_than: str | None = None
    task: str | None = None
    request_id: str | None = None
    everything: bool = False
    tools: bool = False
    dry_run: bool = True


@dataclass(frozen=True, kw_only=True)
class PurgedText(PurgedTenant):
    """After a dry run nothing has been removed, and `purged` counts what would be."""

    dry_run: bool


def purge_text(asked: AdminRequest, *, body: WhatGoes) -> PurgedText:
    """Remove the text of a tenant's requests and answers, by age (`30d`), task or request. Counts and costs stay.

    In SQLite the space is kept for what comes; `hammerstone purge` gives it back.
    """
    named = (body.older_than, body.task, body.request_id)
    if body.everything == any(one is not None for one in named):
        raise InputError("say what is to go", hint="older_than, task or request_id; or everything: true")
    moment = None if body.older_than is None else before(body.older_than)
    selection = Selection(before=moment, task=body.task, request_id=body.request_id)
    what = Purge(selection=selection, tools=body.tools, dry_run=body.dry_run, whole=False)
    _ = asked.store  # there is one
    (one,) = purge(asked.stores, [asked.tenant], what)
    return PurgedText(tenant=one.tenant, purged=one.purged, dry_run=body.dry_run)


ACTIONS = (Action("POST", "/purge", purge_text),)
