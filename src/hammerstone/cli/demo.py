"""`hammerstone demo`: the whole loop on a mixed stream, offline, from real recorded completions."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.cli.options import Json, Maker, SandboxName, User
from hammerstone.cli.terminal import money, percent, print_json, print_line, progress, show_table, talk
from hammerstone.errors import InputError

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

    from hammerstone.evals.demo import Demonstration

__all__ = ["demo"]

MARK = {"parser": ("P", "green"), "user": ("U", "yellow"), "solver": ("S", "red"), None: ("!", "magenta")}


def demo(
    home: Annotated[Path | None, typer.Option("--home", help="A new folder for the demo's store.")] = None,
    maker: Maker = None,
    user: User = None,
    recordings: Annotated[
        Path | None, typer.Option("--recordings", help="Where recorded completions are read, or with --record written.")
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="Record the completions of --maker and --user.")] = False,
    sandbox: SandboxName = "auto",
    json: Json = False,
) -> None:
    """Watch tools being made and used: 130 requests, six tasks mixed, some reworded, some of no task.

    Runs offline on recorded completions of a strong language model; with --maker and --user on live ones.
    """
    import anyio

    from hammerstone.evals.demo import demo_models, run_demo
    from hammerstone.settings import recordings as shipped

    folder = _fresh(home)
    models = demo_models(recordings or shipped("demo"), maker=maker, user=user, record=record)

    async def run() -> Demonstration:
        with progress("all to the strong model, for comparison", total=None) as bar:
            strips = Strips()

            def on_baseline(done: int, total: int) -> None:
                bar.update(bar.task_ids[0], completed=done, total=total)
                if done == total:
                    bar.stop()
                    strips.start()

            try:
                return await run_demo(folder, models, sandbox=sandbox, on_answer=strips.update, on_baseline=on_baseline)
            finally:
                strips.stop()

    demonstration = anyio.run(run)
    if json:
        _print_json(demonstration, folder)
    else:
        _report(demonstration, folder)


class Strips:
    """A line for each task, a letter for each request as it is answered."""

    def __init__(self) -> None:
        self._live: Live | None = None

    def start(self) -> None:
        from rich.console import Console
        from rich.live import Live

        talk(
            "[bold]One letter a request:[/] [red]S[/] the strong model answered, [yellow]U[/] a cheap model wrote the "
            "tool's arguments, [green]P[/] the tool's own parser did: no model at all.\n"
            "[bold cyan]|[/] the tool went live. A [reverse]wrong answer[/] is shown reversed.\n"
        )
        self._live = Live(console=Console(stderr=True), refresh_per_second=12)
        self._live.start()

    def update(self, demonstration: Demonstration) -> None:
        if self._live is not None:
            self._live.update(_strips(demonstration))

    def stop(self) -> None:
        if self._live is not None:
            self._live.stop()


def _strips(demonstration: Demonstration) -> Text:
    from rich.text import Text

    lines = {item.task: Text(f"{item.task or 'one-offs':<28}") for item in sorted(demonstration.items, key=_by_task)}
    live = {index: name for name, index in demonstration.live_at.items()}
    for index, (item, answered) in enumerate(demonstration.pairs()):
        letter, colour = MARK[answered.route]
        letter = letter.lower() if item.kind == "paraphrase" else letter
        lines[item.task].append(letter, f"{colour} reverse" if answered.correct is False else colour)
        if index in live:
            lines[item.task].append("|", "bold cyan")
    calls = sum(answered.model_calls for answered in demonstration.answers)
    foot = Text(f"\n{len(demonstration.answers)} of {len(demonstration.items)} requests, {calls} model calls", "dim")
    return Text("\n").join([*lines.values(), foot])


def _by_task(item: object) -> str:
    return getattr(item, "task", None) or "~"  # one-offs last


def _report(demonstration: Demonstration, folder: Path) -> None:
    print_line("")
    _show_routes(demonstration)
    _show_tasks(demonstration)
    _show_calls(demonstration)
    _show_reached(demonstration)
    talk(
        f"\nThe tools are in {folder}. Try them on a file of your own, without any model:\n"
        f"  hammerstone solve FILE --home {folder}\n  hammerstone tools list --home {folder}"
    )


def _show_routes(demonstration: Demonstration) -> None:
    rows: list[tuple[str, ...]] = []
    for route in ("parser", "user", "solver"):
        answers = [one for one in demonstration.answers if one.route == route]
        right = sum(bool(one.correct) for one in answers)
        costs = [one.cost_usd or 0.0 for one in answers]
        calls = sum(one.model_calls for one in answers)
        rows.append((route, str(len(answers)), f"{right}", percent(right, len(answers)), str(calls), money(sum(costs))))
    made = demonstration.makings
    attempts = [making.tool.provenance for making in made if making.tool is not None]
    cost = sum(one.cost_usd or 0.0 for one in attempts)
    rows.append(("making", f"({len(made)} tools)", "", "", str(sum(one.attempts for one in attempts)), money(cost)))
    baseline = demonstration.baseline
    if baseline is not None:
        right = str(baseline.right)
        share = percent(baseline.right, baseline.requests)
        count = str(baseline.requests)
        rows.append(("all to the strong model", count, right, share, count, money(baseline.cost_usd)))
    show_table(
        "By route",
        ("route", "#requests", "#right", "#accuracy", "#model calls", "#cost"),
        rows,
        caption="Recorded completions of a frontier chat model, the same model in every role. Tokens are estimated from "
        "characters and prices are illustrations ($5/$25 a million for strong roles, $0.25/$2 for cheap ones).",
    )


def _show_tasks(demonstration: Demonstration) -> None:
    from hammerstone.evals.stream import DEMO_TASKS

    rows: list[tuple[str, ...]] = []
    for task in DEMO_TASKS:
        name = demonstration.tool_of(task)
        later = demonstration.after_live(task)
        parser = sum(one.route == "parser" for one in later)
        reworded = Counter(
            str(answered.route)
            for item, answered in demonstration.pairs()
            if item.task == task and item.kind == "paraphrase"
        )
        rows.append(
            (
                task,
                name or "no tool",
                f"{parser} of {len(later)}",
                f"{sum(bool(one.correct) for one in later)}",
                ", ".join(f"{count} {route}" for route, count in reworded.items()),
            )
        )
    columns = ("task", "tool", "#own form by parser", "#right", "reworded, by")
    show_table("After a task's tool went live", columns, rows)


def _show_calls(demonstration: Demonstration) -> None:
    """Model calls per request, ten requests at a time."""
    width = 13
    blocks = [demonstration.answers[start : start + width] for start in range(0, len(demonstration.answers), width)]
    rows: list[tuple[str, ...]] = []
    for number, block in enumerate(blocks):
        calls = sum(one.model_calls for one in block) / len(block)
        strong = sum(one.route == "solver" for one in block)
        bar = "█" * round(calls * 10)
        rows.append((f"{number * width + 1}-{number * width + len(block)}", f"{calls:.2f}", f"{strong}", bar))
    show_table(
        "Model calls per request, as the stream goes on", ("requests", "#calls each", "#to the strong model", ""), rows
    )


def _show_reached(demonstration: Demonstration) -> None:
    parser, later = demonstration.parser_share
    paraphrases = demonstration.of_kind("paraphrase")
    one_offs = demonstration.of_kind("one-off")
    rows = [
        ("tasks with a live tool that has a parser", f"{len(_with_parser(demonstration))} of 6"),
        (
            "requests in a task's own form, after its tool was live, by parser",
            f"{parser} of {later} ({percent(parser, later)})",
        ),
        (
            "wrong answers by parser",
            f"{demonstration.wrong_by_parser} of {sum(a.route == 'parser' for a in demonstration.answers)}",
        ),
        (
            "reworded requests by user or solver",
            f"{sum(a.route in ('user', 'solver') for a in paraphrases)} of {len(paraphrases)}",
        ),
        ("one-offs by solver", f"{sum(a.route == 'solver' for a in one_offs)} of {len(one_offs)}"),
    ]
    show_table("What was reached", ("", "#"), rows)


def _with_parser(demonstration: Demonstration) -> set[str]:
    return {
        making.task for making in demonstration.makings if making.tool is not None and "parser" in making.tool.routes
    } & set(demonstration.live_at)


def _print_json(demonstration: Demonstration, folder: Path) -> None:
    from hammerstone.cli.solve import line

    for answered in demonstration.answers:
        print_json(line(answered))
    parser, later = demonstration.parser_share
    print_json(
        {
            "home": str(folder),
            "own_form_after_live": later,
            "by_parser": parser,
            "wrong_by_parser": demonstration.wrong_by_parser,
            "live_with_parser": sorted(_with_parser(demonstration)),
            "baseline": demonstration.baseline,
        }
    )


def _fresh(home: Path | None) -> Path:
    """A new folder; without a wish of the caller's, the demo's own, emptied of the last run."""
    from platformdirs import user_data_path

    if home is not None:
        if home.exists() and any(home.iterdir()):
            raise InputError(f"{home} is not empty", hint="the demo starts from nothing: name a new folder")
        return home
    own = user_data_path("hammerstone") / "demo"
    shutil.rmtree(own, ignore_errors=True)
    return own
