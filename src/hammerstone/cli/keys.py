"""`hammerstone keys`: who may use the gateway, and how much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.cli.home import by_hand, open_homes
from hammerstone.cli.options import Home, Json
from hammerstone.cli.tables import show_table
from hammerstone.cli.terminal import print_json, print_line, talk
from hammerstone.errors import InputError
from hammerstone.formatting import day_and_time, exact_dollars

if TYPE_CHECKING:
    from hammerstone.admin.keys import ShownKey

__all__ = ["app"]

app = typer.Typer(help="Create, list and revoke the keys of the gateway.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The key's name.")]


@app.command("create")
def create_key(
    name: Name,
    home: Home = None,
    tenant: Annotated[str, typer.Option("--tenant", help="Whose requests it makes. Default: the default tenant.")] = "",
    admin: Annotated[bool, typer.Option("--admin", help="Let it use the routes of the administration.")] = False,
    role: Annotated[
        str,
        typer.Option(
            "--role", help="What it may do: client, viewer, labeler or admin. --admin is short for --role admin."
        ),
    ] = "client",
    budget_usd: Annotated[
        float | None, typer.Option("--budget-usd", min=0, help="US dollars that its upstream calls may cost.")
    ] = None,
    per: Annotated[str, typer.Option("--per", help="What the budget is for: day or month (UTC).")] = "month",
    requests_per_minute: Annotated[
        int | None, typer.Option("--requests-per-minute", min=1, help="Requests that it may make within a minute.")
    ] = None,
    tokens_per_minute: Annotated[
        int | None, typer.Option("--tokens-per-minute", min=1, help="Upstream tokens that it may use within a minute.")
    ] = None,
) -> None:
    """Create a key and print it, this once: only its digest is stored.

    From the first key on, the gateway asks every request for one.
    """
    from hammerstone.admin.keys import listed
    from hammerstone.store import KeyLimits, KeyRole, Per

    if per not in {one.value for one in Per}:
        raise InputError(f"a budget is per day or per month, not per {per}", hint="--per day, or --per month")
    if role not in {one.value for one in KeyRole}:
        raise InputError(f"there is no role {role}", hint=f"--role {', '.join(one.value for one in KeyRole)}")
    limits = KeyLimits(
        budget_usd=budget_usd,
        budget_per=Per(per),
        requests_per_minute=requests_per_minute,
        tokens_per_minute=tokens_per_minute,
    )
    with open_homes(home, by_hand("create_key", name), new=True) as stores:
        is_first = not listed(stores.keys)
        made = stores.keys.create(name, tenant=tenant, role=KeyRole.ADMIN if admin else KeyRole(role), limits=limits)
    talk("keep it safe: it is not shown again")
    if is_first:
        named = "api_key_env of [serve] names the variable that holds the upstream's key"
        talk(f"clients now send this key to the gateway, not the upstream's: {named}", "hint:")
    print_line(made.secret)


@app.command("list")
def list_keys(home: Home = None, json: Json = False) -> None:
    """The keys, their limits, and what each has used of its budget."""
    from hammerstone.admin.keys import listed

    with open_homes(home) as stores:
        keys = listed(stores.keys)
    if json:
        for key in keys:
            print_json(key)
        return
    show_table("Keys", ("name…", "begins with", "tenant…", "used¶", "limits¶", "last used", "state"), map(_row, keys))
    if not keys:
        talk("`hammerstone keys create NAME` creates one; until then the gateway answers this machine alone", "hint:")


@app.command("revoke")
def revoke_key(name: Name, home: Home = None) -> None:
    """Revoke a key. Every running gateway refuses it within a second."""
    with open_homes(home, by_hand("revoke_key", name)) as stores:
        key = stores.keys.revoke(name)
    print_line(f"{key.name} is revoked")


def _row(key: ShownKey) -> tuple[str, ...]:
    budget = "" if key.budget_usd is None else f" of {exact_dollars(key.budget_usd)} per {key.budget_per}"
    limits = {"requests": key.requests_per_minute, "tokens": key.tokens_per_minute}
    return (
        key.name,
        key.prefix,
        key.tenant or "default",
        f"{exact_dollars(key.used_usd)}{budget}",
        ", ".join(f"{number:,} {what} per minute" for what, number in limits.items() if number) or "none",
        day_and_time(key.last_used) if key.last_used else "never",
        ", ".join([*([key.role] if key.role != "client" else []), "revoked" if key.revoked else "active"]),
    )
