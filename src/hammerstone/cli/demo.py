"""`hammerstone demo`: the whole loop on a mixed stream, offline, from real recorded completions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.cli.options import Backend, Config, Json, LiveMaker, LiveUser, SandboxName
from hammerstone.cli.terminal import (
    console,
    money,
    percent,
    print_json,
    print_line,
    progress,
    show_table,
    shown,
    talk,
)
from hammerstone.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.live import Live
    from rich.text import Text

    from hammerstone.evals.demo_run import DemoRun
    from hammerstone.store.records import Answered

__all__ = ["demo"]

RATES = "per million tokens in and\nout, $5 and $25 for the strong roles, $0.25 and $2 for the cheap ones."
RECORDED = (
    "Recorded completions of a frontier chat model, the same model in every role.\n"
    f"Tokens are estimated from characters; prices are illustrations: {RATES}"
)
LIVE = f"Completions of {{}}.\nWhere a price is unknown, an illustration stands in: {RATES}"
LEGEND = (
    "[bold]One letter per request.[/] [red]S[/]: the strong model answered. [yellow]U[/]: a cheap model wrote the "
    "tool's arguments. [green]P[/]: the tool's own parser did, without a model.\n"
    "[bold cyan]|[/]: the tool went live. Lower case: a reworded question. [reverse]Reversed[/]: a wrong answer.\n"
)
MARK = {"parser": ("P", "green"), "user": ("U", "yellow"), "solver": ("S", "red"), None: ("!", "magenta")}


def demo(
    home: Annotated[
        Path | None,
        typer.Option(
            "--home",
            help="New folder for the demo's store. Default: hammerstone/demo in your user data folder, emptied first.",
        ),
    ] = None,
    maker: LiveMaker = None,
    user: LiveUser = None,
    recordings: Annotated[
        Path | None,
        typer.Option("--recordings", help="Folder of recorded completions: read, or written with --record."),
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="Record the completions of --maker and --user.")] = False,
    config: Config = None,
    sandbox: SandboxName = Backend.AUTO,
    json: Json = False,
    serve: Annotated[
        bool, typer.Option("--serve", help="Send the requests through a gateway, and leave it running.")
    ] = False,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65_535, help="With --serve: port to listen on. 0 takes a free one.")
    ] = 8000,
) -> None:
    """Watch tools being built and used: 130 requests from six mixed tasks, some reworded, some of no task.

    Runs offline on recorded completions of a strong language model; with --maker and --user on live ones.
    """
    if serve:
        if maker or user or record or json or config:
            raise InputError(
                "--serve replays the recordings and prints no JSON",
                hint="leave out --maker, --user, --record, --config and --json; "
                "`hammerstone serve` has live models behind it",
            )
        from hammerstone.cli.demo_serve import demo_serve

        demo_serve(_fresh(home), recordings, sandbox, port)
        return
    import anyio

    from hammerstone.environment import recordings as shipped
    from hammerstone.evals.demo_run import run_demo
    from hammerstone.evals.role_models import open_role_models
    from hammerstone.settings import Roles
    from hammerstone.settings_file import load_settings

    roles = load_settings(config).settings.roles if maker or user or config else Roles()
    folder = _fresh(home)
    models = open_role_models(recordings or shipped("demo"), maker=maker, user=user, record=record, roles=roles)

    async def run() -> DemoRun:
        with progress("all to the strong model, for comparison", total=None) as bar:
            strips = Strips()

            def on_baseline(done: int, total: int) -> None:
                bar.update(bar.task_ids[0], completed=done, total=total)
                if done == total:
                    bar.stop()
                    strips.start()

            try:
                return await run_demo(
                    folder,
                    models,
                    roles=roles,
                    sandbox=sandbox,
                    on_answer=strips.update,
                    on_baseline=on_baseline,
                )
            finally:
                strips.stop()

    demonstration = anyio.run(run)
    if json:
        _print_json(demonstration, folder)
    else:
        _report(demonstration, folder, live=" and ".join(filter(None, (maker, user))))


class Strips:
    """A line for each task, a letter for each request as it is answered."""

    def __init__(self) -> None:
        self._live: Live | None = None

    def start(self) -> None:
        from rich.live import Live
        from rich.text import Text

        talk(Text.from_markup(LEGEND))
        self._live = Live(console=console(stderr=True), refresh_per_second=12)
        self._live.start()

    def update(self, demonstration: DemoRun) -> None:
        if self._live is not None:
            self._live.update(_strips(demonstration))

    def stop(self) -> None:
        if self._live is not None:
            self._live.stop()


def _strips(demonstration: DemoRun) -> Text:
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


def _report(demonstration: DemoRun, folder: Path, *, live: str) -> None:
    print_line("")
    _show_routes(demonstration, LIVE.format(live) if live else RECORDED)
    _show_tasks(demonstration)
    _show_calls(demonstration)
    _show_reached(demonstration)
    talk("")
    talk(f"The tools are in {folder}. Try them on your own file, without any model:")
    talk(f"  hammerstone solve FILE --home {folder}")
    talk(f"  hammerstone tools list --home {folder}")


def _show_routes(demonstration: DemoRun, origin: str) -> None:
    answers = demonstration.answers
    rows = [_route_row(route, [one for one in answers if one.route == route]) for route in ("parser", "user", "solver")]
    build = (str(demonstration.build_calls), money(demonstration.build_usd))
    rows.append((f"building {len(demonstration.live_at)} tools", "", "", "", *build))
    whole = _route_row("hammerstone, all of it", answers)
    rows.append((*whole[:4], str(demonstration.paid_calls), money(demonstration.paid_usd)))
    baseline = demonstration.baseline
    if baseline is not None:
        count, right = baseline.requests, baseline.right
        cost = money(baseline.cost_usd)
        rows.append(("all to the strong model", str(count), str(right), percent(right, count), str(count), cost))
    show_table(
        "By route",
        ("route", "#requests", "#right", "#accuracy", "#model calls", "#cost"),
        rows,
        caption=shown(f"{origin}{_break_even(demonstration)}", "dim", lines=True),
    )


def _break_even(demonstration: DemoRun) -> str:
    """What the tools have cost, in requests to the strong model."""
    baseline, build = demonstration.baseline, demonstration.build_usd
    if baseline is None or not baseline.cost_usd or build is None:
        return ""
    requests = build / (baseline.cost_usd / baseline.requests)
    return f"\nBuilding the tools is a one-time cost equal to about {requests:.0f} requests to the strong model."


def _route_row(name: str, answers: Sequence[Answered]) -> tuple[str, ...]:
    right = sum(bool(one.correct) for one in answers)
    costs = [one.cost_usd for one in answers]
    cost = None if None in costs else sum(cost or 0.0 for cost in costs)
    calls = sum(one.model_calls for one in answers)
    return name, str(len(answers)), str(right), percent(right, len(answers)), str(calls), money(cost)


def _show_tasks(demonstration: DemoRun) -> None:
    from hammerstone.evals.traffic.demo_stream import DEMO_TASKS

    rows: list[tuple[str, ...]] = []
    for task in DEMO_TASKS:
        later = demonstration.after_live(task)
        parser = sum(one.route == "parser" for one in later)
        reworded = Counter(
            str(answered.route)
            for item, answered in demonstration.pairs()
            if item.task == task and item.kind == "paraphrase"
        )
        by = ", ".join(f"{count} {route}" for route, count in reworded.items())
        right = str(sum(bool(one.correct) for one in later))
        rows.append((demonstration.tool_of(task) or f"none for {task}", f"{parser} of {len(later)}", right, by))
    columns = ("tool, as the dispatcher named it", "#own form, by parser", "#right", "reworded, by")
    show_table("After a task's tool went live", columns, rows)


def _show_calls(demonstration: DemoRun) -> None:
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


def _show_reached(demonstration: DemoRun) -> None:
    parser, later = demonstration.parser_share
    by_parser = sum(one.route == "parser" for one in demonstration.answers)
    reworded, one_offs = demonstration.of_kind("paraphrase"), demonstration.of_kind("one-off")
    rows = [
        ("tasks with a live tool that has a parser", f"{len(_with_parser(demonstration))} of 6"),
        ("own form, tool live: answered by parser", f"{parser} of {later} ({percent(parser, later)})"),
        ("wrong answers by parser", f"{demonstration.wrong_by_parser} of {by_parser}"),
        ("reworded: by user or solver", f"{sum(a.route in ('user', 'solver') for a in reworded)} of {len(reworded)}"),
        ("one-offs: by solver", f"{sum(a.route == 'solver' for a in one_offs)} of {len(one_offs)}"),
    ]
    show_table("What was reached", ("", ""), rows)


def _with_parser(demonstration: DemoRun) -> set[str]:
    return {
        build.task for build in demonstration.builds if build.tool is not None and "parser" in build.tool.routes
    } & set(demonstration.live_at)


def _print_json(demonstration: DemoRun, folder: Path) -> None:
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
    """A new folder; without a wish of the caller's, the next of the demo's own: no other is touched."""
    from platformdirs import user_data_path

    if home is not None:
        if _holds_something(home):
            raise InputError(f"{home} is not empty", hint="the demo starts from nothing: name a new folder")
        return home
    own = user_data_path("hammerstone") / "demo"
    return next(each for each in _numbered(own) if not _holds_something(each))


def _numbered(folder: Path) -> Iterator[Path]:
    yield folder
    yield from (folder.with_name(f"{folder.name}-{number}") for number in count(2))


def _holds_something(home: Path) -> bool:
    """Raises `InputError` for what cannot be a folder to write to."""
    try:
        return home.exists() and any(home.iterdir())
    except OSError as error:
        hint = "name a new folder with --home"
        raise InputError(f"{home} cannot be the demo's home: {error.strerror}", hint=hint) from None
