"""`hammerstone tools`: what has been built, and what state it is in."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.cli.home import by_hand, open_home, open_homes
from hammerstone.cli.options import Backend, Config, Home, Json, SandboxName, Tenant
from hammerstone.cli.source import show_source
from hammerstone.cli.tables import show_facts, show_table
from hammerstone.cli.terminal import confirm, print_json, print_line, talk
from hammerstone.formatting import day_and_time, exact_dollars

if TYPE_CHECKING:
    from hammerstone.admin.tools import ShownTool
    from hammerstone.builder import Admission
    from hammerstone.store import Store, StoredTool

__all__ = ["app"]

app = typer.Typer(
    help="List, show, export and import tools; approve, quarantine, roll back, disable and remove them.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(help="The tool's name, which is its task's.")]
Version = Annotated[int | None, typer.Option("--version", min=1, help="One version; default: the latest.")]


@app.command("list")
def list_tools(
    home: Home = None,
    tenant: Tenant = "",
    versions: Annotated[bool, typer.Option("--all", help="List earlier versions too.")] = False,
    json: Json = False,
) -> None:
    """The tools, with their routes and how often each was used."""
    from hammerstone.admin.tools import listed

    with open_home(home, tenant) as store:
        tools = listed(store, all_versions=versions)
        gated = [tool for tool in store.tools(all_versions=True) if tool.state == "gated"]
        unreadable = store.unreadable_tools()
    if json:
        for tool in tools:
            print_json(tool)
        for one in unreadable:
            print_json({"name": one.task, "version": one.version, "state": "unreadable", "reason": one.why})
        return
    rows = [(tool.name, str(tool.version), tool.state, ", ".join(tool.routes), str(tool.answers)) for tool in tools]
    show_table("Tools", ("tool", "#version", "state", "routes", "#answers"), rows)
    for tool in gated:
        waits = f"version {tool.version} of {tool.task} waits for approval"
        talk(f"{waits}: hammerstone tools approve {tool.task} --version {tool.version}", "hint:")
    for one in unreadable:
        talk(f"{one.task}, version {one.version}: {one.why}", "unreadable:")
        talk(f"hammerstone tools remove {one.task}", "hint:")
    if not tools and not unreadable:
        talk("`hammerstone demo` shows how tools are built", "hint:")


@app.command()
def show(name: Name, version: Version = None, home: Home = None, tenant: Tenant = "", json: Json = False) -> None:
    """A tool's source, demonstrations, checks and provenance; how often it was wrong, and its states with reasons."""
    from hammerstone.admin.tools import find_tool, shown

    with open_home(home, tenant) as store:
        tool = shown(store, name, version)
        stored = find_tool(store, name, tool.version)
    print_json(tool) if json else _show(stored, tool)


@app.command()
def export(
    name: Name,
    folder: Annotated[Path, typer.Argument(help="Where the package folder is written.")] = Path(),
    version: Version = None,
    home: Home = None,
    tenant: Tenant = "",
    json: Json = False,
) -> None:
    """Write a tool as an importable module, with a test file that needs no hammerstone."""
    from hammerstone.admin.tools import find_tool
    from hammerstone.tools import export_tool

    with open_home(home, tenant) as store:
        stored = find_tool(store, name, version)
        written = str(export_tool(stored.tool, stored.version, folder))
    print_json(_summary(stored) | {"folder": written}) if json else print_line(f"written: {written}")


@app.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="An exported folder, or its tool.json.")],
    config: Config = None,
    home: Home = None,
    tenant: Tenant = "",
    sandbox: SandboxName = Backend.AUTO,
    json: Json = False,
) -> None:
    """Check an exported tool as a build is checked. What passes is live; anything else waits for you, disabled."""
    import anyio

    from hammerstone.builder import admit
    from hammerstone.sandbox import open_sandbox
    from hammerstone.settings_file import load_settings
    from hammerstone.tools import import_tool

    settings = load_settings(config).settings
    tool = import_tool(path, imports=settings.build.imports)

    async def run(store: Store) -> Admission:
        async with open_sandbox(sandbox, settings=settings.sandbox) as confined:
            return await admit(store, confined, tool, settings.build)

    with open_home(home, tenant, by_hand("import_tool", tool.name), new=True) as store:
        admission = anyio.run(run, store)
    _show_admission(admission, len(tool.checks), json)
    if set(tool.routes) - set(admission.stored.tool.routes):
        talk("its user route was left out: it cannot be tried without a model; `hammerstone make` builds one", "hint:")


@app.command()
def disable(name: Name, home: Home = None, tenant: Tenant = "", json: Json = False) -> None:
    """Take a tool out of service, and keep it. No other is built in its place."""
    _set_state(name, home, tenant, "disable_tool", "disabled", json=json)


@app.command()
def enable(name: Name, version: Version = None, home: Home = None, tenant: Tenant = "", json: Json = False) -> None:
    """Put a disabled tool, or an earlier version, into service."""
    _set_state(name, home, tenant, "enable_tool", "live", version, json=json)


@app.command()
def approve(
    name: Name,
    version: Version = None,
    config: Config = None,
    home: Home = None,
    tenant: Tenant = "",
    json: Json = False,
) -> None:
    """Let a tool that passed the gate and waits for approval come into shadow, or into service."""
    from hammerstone.life import approved_state
    from hammerstone.settings_file import load_settings

    state = approved_state(load_settings(config).settings.life)
    with open_home(home, tenant, by_hand("approve_tool", name)) as store:
        _show_state(store.approve(name, version, state), json=json)


@app.command()
def quarantine(
    name: Name,
    reason: Annotated[str, typer.Option("--reason", help="What is wrong with it.")],
    version: Version = None,
    home: Home = None,
    tenant: Tenant = "",
    json: Json = False,
) -> None:
    """Take a tool out of service because it is wrong."""
    with open_home(home, tenant, by_hand("quarantine_tool", f"{name}: {reason}")) as store:
        _show_state(store.quarantine(name, version, reason), json=json)


@app.command()
def rollback(
    name: Name,
    version: Annotated[
        int | None, typer.Option("--version", min=1, help="Default: the one that was live before.")
    ] = None,
    home: Home = None,
    tenant: Tenant = "",
    json: Json = False,
) -> None:
    """Put the version that was live before into service again, in place of the present one."""
    with open_home(home, tenant, by_hand("roll_back_tool", name)) as store:
        _show_state(store.roll_back(name, version), json=json)


@app.command()
def publish(
    name: Name,
    to: Annotated[
        list[str], typer.Option("--to", metavar="TENANT", help="Who gets it; may be given again. all: every tenant.")
    ],
    version: Version = None,
    home: Home = None,
    tenant: Tenant = "",
    json: Json = False,
) -> None:
    """Give a tool to other tenants, where it comes into shadow as a version of their own.

    Its program crosses, and no question: neither its checks nor its demonstrations, nor any instance.
    """
    from hammerstone.admin.publishing import publish as publish_tool

    with open_homes(home, by_hand("publish_tool", name)) as stores:
        stores.known(tenant)
        published = publish_tool(stores, tenant, name, version, to)
    for one in published:
        if json:
            print_json(one)
        elif one.problem:
            talk(f"{one.tenant or 'default'}: {one.problem}", "error:")
        else:
            print_line(f"{one.tenant or 'default'}: version {one.version} of {one.name} is {one.state}")
    if any(one.problem for one in published):
        raise typer.Exit(2)


@app.command()
def remove(
    name: Name,
    home: Home = None,
    tenant: Tenant = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Delete all versions of a tool. Its task's instances stay, and a new tool may be built from them."""
    from hammerstone.admin.tools import find_tool

    with open_home(home, tenant, by_hand("remove_tool", name)) as store:
        if name not in {one.task for one in store.unreadable_tools()}:
            find_tool(store, name)
        if not yes:
            confirm(f"Delete all versions of {name}?", "nothing was deleted")
        store.remove_tool(name)
    print_json({"name": name, "state": "removed"}) if json else print_line(f"{name}: removed")


def _set_state(
    name: str, home: str | None, tenant: str, act: str, state: str, version: int | None = None, *, json: bool
) -> None:
    from hammerstone.store import ToolState

    with open_home(home, tenant, by_hand(act, name)) as store:
        _show_state(store.set_tool_state(name, version, ToolState(state)), json=json)


def _show_state(stored: StoredTool, *, json: bool) -> None:
    said = f"{stored.task}: version {stored.version} is {stored.state}"
    print_json(_summary(stored)) if json else print_line(said)


def _show_admission(admission: Admission, checks: int, json: bool) -> None:
    stored, reasons = admission.stored, admission.reasons
    if json:
        print_json(_summary(stored) | {"checks": checks, "reasons": reasons})
    else:
        passed = f"live ({checks} checks passed again)" if not reasons else f"{stored.state}: it did not pass the gate"
        print_line(f"{stored.task}: version {stored.version} is {passed}")
    if reasons:
        for reason in reasons:
            talk(reason, "reason:")
        version = f"{stored.task} --version {stored.version}"
        talk(f"read it: hammerstone tools show {version}; if it is right: hammerstone tools enable {version}", "hint:")
        raise typer.Exit(1)


def _summary(tool: StoredTool) -> dict[str, object]:
    from hammerstone.admin.tools import summary

    return asdict(summary(tool))


def _show(stored: StoredTool, shown: ShownTool) -> None:
    from hammerstone.cli.false_hits import compared

    tool, made = stored.tool, stored.tool.provenance
    facts = (
        ("tool", f"{stored.task}, version {stored.version}, {stored.state}"),
        ("description", tool.description),
        ("routes", ", ".join(tool.routes) + (f" (with {', '.join(tool.users)})" if tool.users else "")),
        ("digest", tool.digest),
        ("made", f"{made.made} by {made.maker}, recipe {made.recipe}, prompts {made.prompts}"),
        ("instances", f"{made.shown} shown, {made.verified} verified, {made.held_out} held out"),
        ("replies of the maker", f"{made.attempts}, {exact_dollars(made.cost_usd)}"),
        ("checks", f"{len(tool.checks)} questions with the answers it gave"),
        ("served", f"{shown.served} answers, of which {shown.corrected} were corrected"),
        ("compared", compared(stored.tally)),
    )
    show_facts(facts)
    print_line("")
    rows = [(day_and_time(one.when), one.after, one.who, one.reason) for one in shown.changes]
    show_table("States", ("UTC", "state", "by", "reason¶"), rows)
    show_source(tool.source)
