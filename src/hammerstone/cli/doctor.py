"""`hammerstone doctor`: what works on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.cli.home import open_home
from hammerstone.cli.options import Backend, Home, Json, SandboxName
from hammerstone.cli.terminal import print_json, print_line, progress, show_table, show_text, tell_error

if TYPE_CHECKING:
    from hammerstone.sandbox import BackendReport

__all__ = ["doctor"]


def doctor(
    home: Home = None,
    conformance: Annotated[
        bool, typer.Option("--conformance", help="Run every hostile program of the conformance suite here.")
    ] = False,
    sandbox: SandboxName = Backend.AUTO,
    json: Json = False,
) -> None:
    """Which sandboxes work here, and whether the home can be used. Exit code 1 if no sandbox works."""
    import anyio

    if conformance:
        _conformance(sandbox, json)
        return
    from hammerstone.sandbox import survey

    reports = anyio.run(survey)
    chosen = next((report.name for report in reports if report.available), None)
    store, works = _store(home)
    if json:
        print_json({"sandboxes": reports, "chosen": chosen, "home": store, "home_works": works})
    else:
        _show(reports, chosen, store, works)
    if chosen is None or not works:
        raise typer.Exit(1)


def _store(home: str | None) -> tuple[str, bool]:
    from hammerstone.errors import StoreError

    try:
        with open_home(home) as store:
            return f"{store.where}: {len(store.tasks())} tasks, {len(store.live_tools())} live tools", True
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
        tell_error("the home cannot be used")
    if chosen is None:
        hint = "Linux 6.12 or later: pip install sandlock; else: apt install bubblewrap"
        tell_error("generated code cannot be run safely here, so hammerstone will not run it", hint)


def _conformance(name: str, json: bool) -> None:
    import anyio

    from hammerstone.sandbox import open_sandbox
    from hammerstone.sandbox.conformance import Finding, run_conformance

    async def run() -> tuple[str, tuple[Finding, ...]]:
        async with open_sandbox(name) as sandbox:
            with progress(f"hostile programs against {sandbox.name}") as bar:

                def note(finding: Finding) -> None:
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
