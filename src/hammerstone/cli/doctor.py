"""`hammerstone doctor`: what works on this machine."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated, cast

import typer

from hammerstone.cli.extras import needs_extra
from hammerstone.cli.home import open_home
from hammerstone.cli.options import Backend, Config, Home, Json, SandboxName
from hammerstone.cli.tables import show_table
from hammerstone.cli.terminal import print_json, print_line, progress, show_error, show_text
from hammerstone.formatting import counted

if TYPE_CHECKING:
    from hammerstone.sandbox import BackendReport
    from hammerstone.settings_file import LoadedSettings

__all__ = ["doctor"]


def doctor(
    home: Home = None,
    conformance: Annotated[
        bool, typer.Option("--conformance", help="Run every hostile program of the conformance suite here.")
    ] = False,
    gateway: Annotated[
        str | None, typer.Option("--gateway", help="Check a running gateway instead, by its URL.", metavar="URL")
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", envvar="HAMMERSTONE_KEY", help="The key that a client of the gateway sends."),
    ] = None,
    config: Config = None,
    sandbox: SandboxName = Backend.AUTO,
    json: Json = False,
) -> None:
    """Which sandboxes work here, if the home can be used, and which settings hold. Exit code 1 if no sandbox works.

    With --gateway: whether a running gateway answers, its parts work, the key is let in, the upstream answers, and a
    hit is possible. Exit code 1 if any of it fails.
    """
    import anyio

    if gateway is not None:
        _gateway(gateway, key, json)
        return
    if conformance:
        _conformance(sandbox, json)
        return
    from hammerstone.sandbox import survey
    from hammerstone.settings_file import load_settings

    loaded = load_settings(config)
    reports = anyio.run(survey)
    chosen = next((report.name for report in reports if report.available), None)
    store, works = _store(home)
    if json:
        settings = [{"key": key, "value": value, "from": origin} for key, value, origin in _settings(loaded)]
        print_json({"sandboxes": reports, "chosen": chosen, "home": store, "home_works": works, "settings": settings})
    else:
        _show(reports, chosen, store, works)
        _show_settings(loaded)
        if loaded.settings.serve.store == "none":
            show_text("The gateway stores no prompts and no answers (serve.store): nothing is learned.")
    if chosen is None or not works:
        raise typer.Exit(1)


def _store(home: str | None) -> tuple[str, bool]:
    from hammerstone.errors import StoreError

    try:
        with open_home(home, new=True) as store:
            counts = f"{counted(len(store.tasks()), 'task')}, {counted(len(store.live_tools()), 'live tool')}"
            bad = ", ".join(f"{one.task} version {one.version} ({one.why})" for one in store.unreadable_tools())
            return f"{store.where}: {counts}" + (f"; cannot be read: {bad}" if bad else ""), True
    except StoreError as error:
        return f"{error.message} (hint: {error.hint})", False


def _show(reports: tuple[BackendReport, ...], chosen: str | None, home: str, works: bool) -> None:
    rows = [(report.name, "yes" if report.available else "no", report.reason) for report in reports]
    show_table("Sandboxes", ("backend", "works", "why¶"), rows)
    for report in reports:
        if report.name == chosen:
            show_table(f"Chosen: {chosen}. It does not cover", ("¶",), [(f"- {one}",) for one in report.not_covered])
    show_text(f"Home: {home}")
    if not works:
        show_error("the home cannot be used")
    if chosen is None:
        hint = "Linux 6.12 or later: pip install sandlock; else: apt install bubblewrap"
        show_error("generated code cannot be run safely here, so hammerstone will not run it", hint)


def _settings(loaded: LoadedSettings) -> list[tuple[str, object, str]]:
    """Key, value as JSON and origin of each setting, without passwords in addresses."""
    from hammerstone.models import masked

    rows: list[tuple[str, object, str]] = []
    for key, value, origin in loaded.rows():
        plain = sorted(cast("frozenset[str]", value)) if isinstance(value, frozenset) else value
        rows.append((key, masked(plain) if isinstance(plain, str) else plain, origin))
    return rows


def _show_settings(loaded: LoadedSettings) -> None:
    for section, rows in groupby(_settings(loaded), key=lambda row: row[0].rpartition(".")[0]):
        cells = [(key.rpartition(".")[2], _written(value), origin) for key, value, origin in rows]
        show_table(f"[{section}]", ("setting", "value¶", "from"), cells)


def _written(value: object) -> str:
    """The value as in TOML; `-` if it is not set."""
    if isinstance(value, list):
        return ", ".join(cast("list[str]", value))
    return "-" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _gateway(url: str, key: str | None, json: bool) -> None:
    import anyio

    with needs_extra("checking a gateway", "doctor --gateway URL"):
        from hammerstone.server.checkup import check_gateway
    checks = anyio.run(check_gateway, url, key)
    if json:
        for check in checks:
            print_json(check)
    else:
        rows = [("ok" if one.ok else "FAILED", one.name, one.said) for one in checks]
        show_table("Gateway", ("", "check", "what was found¶"), rows)
    if not all(one.ok for one in checks):
        raise typer.Exit(1)


def _conformance(name: str, json: bool) -> None:
    import anyio

    from hammerstone.sandbox import open_sandbox
    from hammerstone.sandbox.conformance import PropertyFinding, run_conformance

    async def run() -> tuple[str, tuple[PropertyFinding, ...]]:
        async with open_sandbox(name) as sandbox:
            with progress(f"hostile programs against {sandbox.name}") as bar:

                def note(finding: PropertyFinding) -> None:
                    bar.update(bar.task_ids[0], advance=1, note=finding.name)

                return sandbox.name, await run_conformance(sandbox, on_result=note)

    backend, findings = anyio.run(run)
    if json:
        for finding in findings:
            print_json(finding)
    else:
        rows = [("held" if one.passed else "BROKEN", one.name, one.description, one.detail) for one in findings]
        show_table(f"Conformance of {backend}", ("", "program", "property¶", "what happened¶"), rows)
        print_line(f"{sum(one.passed for one in findings)} of {len(findings)} held on {backend}")
    if not all(one.passed for one in findings):
        raise typer.Exit(1)
