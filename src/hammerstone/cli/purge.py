"""`hammerstone purge`: prompts and answers go, figures stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.cli.home import by_hand, open_homes
from hammerstone.cli.options import Home, Json
from hammerstone.cli.tables import show_table
from hammerstone.cli.terminal import confirm, print_json, print_line
from hammerstone.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hammerstone.admin.purging import Purge, PurgedTenant
    from hammerstone.store import Stores

__all__ = ["purge"]

COLUMNS = ("requests", "instances", "queued", "calls", "comparisons", "builds", "tools", "others")


def purge(
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="What is older than this: 12h, 30d, 4w.")
    ] = None,
    tenant: Annotated[
        str | None,
        typer.Option("--tenant", help="Of this tenant. Default: with --task and --request the default one, else all."),
    ] = None,
    task: Annotated[str | None, typer.Option("--task", metavar="NAME", help="Of this task.")] = None,
    request: Annotated[str | None, typer.Option("--request", metavar="ID", help="Of the request of this id.")] = None,
    tools: Annotated[
        bool, typer.Option("--tools", help="Remove tools, too: they hold the questions that they were checked on.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be removed, and remove nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Remove the text of requests and answers: by age, of a tenant, a task or a request. Counts and costs stay.

    Instances, the labeler's queue and stored replies of models go with it. Tools stay and serve, unless --tools is
    given. A running gateway goes on meanwhile.
    """
    from hammerstone.admin.purging import Purge, before
    from hammerstone.store import Selection

    if older_than is None and tenant is None and task is None and request is None:
        raise InputError("say what to remove", hint="--older-than 30d, --tenant NAME, --task NAME or --request ID")
    selection = Selection(before=None if older_than is None else before(older_than), task=task, request_id=request)
    with open_homes(home, by_hand("purge_text", ", ".join(filter(None, (older_than, task, request))))) as stores:
        tenants = _tenants(stores, tenant, all_of_them=task is None and request is None)
        would_go = _run(stores, tenants, Purge(selection=selection, tools=tools, dry_run=True))
        if dry_run or not any(any(_counts(one)) for one in would_go):
            _show(would_go, "would go", json=json)
            return
        if not yes:
            _show(would_go, "would go", json=False, stderr=json)
            confirm("Remove this?", "nothing was removed")
        _show(_run(stores, tenants, Purge(selection=selection, tools=tools)), "removed", json=json)


def _tenants(stores: Stores, tenant: str | None, *, all_of_them: bool) -> Sequence[str]:
    if tenant is not None:
        stores.known(tenant)
        return (tenant,)
    return stores.tenants() if all_of_them else ("",)


def _run(stores: Stores, tenants: Sequence[str], what: Purge) -> list[PurgedTenant]:
    from hammerstone.admin.purging import purge as purge_tenants

    return list(purge_tenants(stores, tenants, what))


def _counts(one: PurgedTenant) -> list[int]:
    return [getattr(one.purged, name) for name in COLUMNS]


def _show(found: Sequence[PurgedTenant], what: str, *, json: bool, stderr: bool = False) -> None:
    from dataclasses import asdict

    if json:
        for one in found:
            print_json({"tenant": one.tenant, "what": what, **asdict(one.purged)})
        return
    counts = [(one.tenant or "default", *map(str, _counts(one))) for one in found if any(_counts(one))]
    if counts:
        title = "Removed" if what == "removed" else "Would be removed"
        show_table(
            title,
            ("tenant…", *(f"#{name}" for name in COLUMNS)),
            counts,
            caption="calls: stored replies of models. others: attempts of builds, changes of state, first requests of "
            "tasks, digests of questions.",
            stderr=stderr,
        )
    else:
        print_line("nothing to remove")
