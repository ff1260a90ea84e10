"""`hammerstone solve`: answer a file of requests by the cheapest route that is sure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.cli.options import (
    Answers,
    Backend,
    BaseURL,
    Config,
    Dispatcher,
    Home,
    Json,
    Maker,
    Recipe,
    Record,
    SandboxName,
    Solver,
    User,
)
from hammerstone.cli.requests import MOST_SHOWN, RequestFile
from hammerstone.cli.tables import show_table
from hammerstone.cli.terminal import brief, print_json, print_line, progress, talk
from hammerstone.formatting import exact_dollars, percent

if TYPE_CHECKING:
    from hammerstone.store import Answered, Build
    from hammerstone.types import Request

__all__ = ["solve"]


def solve(
    file: Annotated[
        str, typer.Argument(help="JSON lines, chats, a BIG-bench file, CSV or plain text; `-` is standard input.")
    ],
    answers: Answers = None,
    home: Home = None,
    maker: Maker = None,
    user: User = None,
    dispatcher: Dispatcher = None,
    solver: Solver = None,
    base_url: BaseURL = None,
    record: Record = None,
    recipe: Annotated[Recipe | None, typer.Option("--recipe", help="How tools are built. Default: auto.")] = None,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", min=1, help="Concurrent requests. Default: 8.")
    ] = None,
    config: Config = None,
    sandbox: SandboxName = Backend.AUTO,
    json: Json = False,
) -> None:
    """Answer requests: from tools where a tool is sure, by models where not. Tools are built on the way.

    Without --maker and --user only live tools answer; what they refuse is listed. Exit code 1 if a request failed or
    was not answered, 2 if a line cannot be read.
    """
    import anyio

    from hammerstone.opening import open_host
    from hammerstone.settings_file import load_settings

    loaded = load_settings(
        config,
        {
            "roles.maker.model": maker,
            "roles.user.model": user,
            "roles.dispatcher.model": dispatcher,
            "roles.solver.model": solver,
            "build.recipe": recipe and recipe.value,
            "loop.concurrency": concurrency,
        },
    )
    tally, requests = SolveTally(), RequestFile(file, answers)

    async def run() -> None:
        opening = open_host(
            home,
            base_url=base_url,
            record=record,
            settings=loaded.settings,
            sandbox=sandbox,
            on_build=say_build,
        )
        with progress("solving") as bar:
            async with opening as host:
                await host.catch_up()
                async for answered in host.stream(_read(requests)):
                    tally.add(answered)
                    _print(answered, json)
                    bar.update(bar.task_ids[0], advance=1, note=tally.note)
                bar.update(bar.task_ids[0], description="waiting for builds to end")

    anyio.run(run)
    tally.show()
    if requests.unusable or tally.unanswered:
        raise typer.Exit(2 if requests.unusable else 1)


@dataclass(kw_only=True)
class RouteTally:
    """The requests that one route has answered. `cost_usd` is `None` once a price is unknown."""

    requests: int = 0
    known: int = 0
    right: int = 0
    calls: int = 0
    cost_usd: float | None = 0.0

    def add(self, answered: Answered) -> None:
        from hammerstone.models import known_sum

        self.requests += 1
        self.known += answered.correct is not None
        self.right += bool(answered.correct)
        self.calls += answered.model_calls
        self.cost_usd = known_sum((self.cost_usd, answered.cost_usd))

    def row(self, route: str) -> tuple[str, ...]:
        right = f"{self.right} of {self.known}" if self.known else "-"
        cells = right, percent(self.right, self.known), str(self.calls), exact_dollars(self.cost_usd)
        return route, str(self.requests), *cells


@dataclass(kw_only=True)
class SolveTally:
    """What a run has seen so far."""

    routes: defaultdict[str, RouteTally] = field(default_factory=lambda: defaultdict(RouteTally))
    unanswered: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # ids by reason

    def add(self, answered: Answered) -> None:
        unanswered = answered.answer is None and answered.route != "labeler"
        route = "failed" if unanswered and answered.route else answered.route or "none"
        self.routes[route].add(answered)
        if unanswered:
            self.unanswered[_reason(answered)].append(answered.id)

    @property
    def note(self) -> str:
        return "  ".join(f"{route} {tally.requests}" for route, tally in self.routes.items())

    def show(self) -> None:
        """The table by route, and what nobody answered."""
        by_requests = sorted(self.routes.items(), key=lambda one: -one[1].requests)
        talk("")
        show_table(
            "By route",
            ("route", "#requests", "#right", "#accuracy", "#model calls", "#cost"),
            [tally.row(route) for route, tally in by_requests],
            stderr=True,
        )
        self._show_unanswered()

    def _show_unanswered(self) -> None:
        """The commonest reasons, each with its requests' number."""
        reasons = sorted(self.unanswered.items(), key=lambda one: -len(one[1]))
        for why, (first, *others) in reasons[:MOST_SHOWN]:
            which = f"{len(others) + 1:,} requests (first: {first})" if others else f"request {first}"
            talk(f"{which}: {brief(why)}", "not answered:")
        rest = sum(len(requests) for _, requests in reasons[MOST_SHOWN:])
        if rest:
            talk(f"{rest:,} more, for other reasons; --json lists them all", "not answered:")


def _reason(answered: Answered) -> str:
    """Why a request has no answer: where a model was asked, what went wrong with it too."""
    reasons = (*answered.refusals, answered.error or "") if answered.route else answered.refusals
    return "; ".join(filter(None, reasons)) or answered.error or ""


async def _read(file: RequestFile) -> AsyncGenerator[Request]:
    """The requests, read in a thread: standard input may wait for the person."""
    from anyio import to_thread

    requests = iter(file)
    while (request := await to_thread.run_sync(lambda: next(requests, None), abandon_on_cancel=True)) is not None:
        yield request


def _print(answered: Answered, json: bool) -> None:
    if json:
        print_json(line(answered))
    else:
        answer = answered.answer if answered.answer is not None else f"({answered.error or 'waits for a labeler'})"
        print_line(answered.id, answered.route or "-", answer)


def line(answered: Answered) -> dict[str, object]:
    """One request as `--json` prints it; `correct` only when the answer was known."""
    shown: dict[str, object] = {
        "id": answered.id,
        "answer": answered.answer,
        "route": answered.route,
        "tool": answered.tool,
        "version": answered.version,
        "model_calls": answered.model_calls,
        "cost_usd": answered.cost_usd,
        "ms": round(answered.ms, 3),
        "error": answered.error,
    }
    if answered.correct is not None:
        shown["correct"] = answered.correct
    if answered.refusals:
        shown["refusals"] = answered.refusals
    return shown


def say_build(task: str, build: Build | None) -> None:
    """Show that a tool is being built, or what came of it."""
    if build is None:
        talk(f"a tool for {task}", "building")
    elif build.tool is not None and build.state == "live":
        talk(f"the tool {task}, routes {', '.join(build.tool.routes)}", "live:")
    else:
        talk(f"{task}: {brief(build.reason)}", f"{build.state}:")
