"""`hammerstone solve`: answer a file of requests by the cheapest route that is sure."""

from __future__ import annotations

from collections import Counter
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
class SolveTally:
    """What a run has seen so far."""

    routes: Counter[str] = field(default_factory=Counter[str])
    correct: Counter[str] = field(default_factory=Counter[str])
    known: Counter[str] = field(default_factory=Counter[str])
    calls: Counter[str] = field(default_factory=Counter[str])
    cost: dict[str, float | None] = field(default_factory=dict[str, float | None])
    unanswered: dict[str, list[str]] = field(default_factory=dict[str, list[str]])  # ids by reason

    def add(self, answered: Answered) -> None:
        unanswered = answered.answer is None and answered.route != "labeler"
        route = "failed" if unanswered and answered.route else answered.route or "none"
        self.routes[route] += 1
        self.calls[route] += answered.model_calls
        self.known[route] += answered.correct is not None
        self.correct[route] += bool(answered.correct)
        cost = self.cost.get(route, 0.0)
        self.cost[route] = None if cost is None or answered.cost_usd is None else cost + answered.cost_usd
        if unanswered:
            self.unanswered.setdefault(_reason(answered), []).append(answered.id)

    @property
    def note(self) -> str:
        return "  ".join(f"{route} {count}" for route, count in self.routes.items())

    def show(self) -> None:
        """The table by route, and what nobody answered."""
        rows = [
            (
                route,
                str(count),
                f"{self.correct[route]} of {self.known[route]}" if self.known[route] else "-",
                percent(self.correct[route], self.known[route]),
                str(self.calls[route]),
                exact_dollars(self.cost[route]),
            )
            for route, count in self.routes.most_common()
        ]
        talk("")
        show_table(
            "By route", ("route", "#requests", "#right", "#accuracy", "#model calls", "#cost"), rows, stderr=True
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
