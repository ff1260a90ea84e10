"""What the demonstration has shown: who answered, at what cost, and what was reached."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hammerstone.cli.tables import show_table
from hammerstone.cli.terminal import print_json, print_line, shown, talk
from hammerstone.formatting import exact_dollars, percent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hammerstone.evals.demo_run import DemoRun
    from hammerstone.store import Answered

__all__ = ["print_run", "show_run"]


def show_run(demonstration: DemoRun, folder: Path, *, live: str) -> None:
    """Show the tables; `live` names the models that were asked, where none was a recording."""
    print_line("")
    _show_routes(demonstration, _origin(live))
    _show_tasks(demonstration)
    _show_calls(demonstration)
    _show_reached(demonstration)
    talk("")
    talk(f"The tools are in {folder}. Try them on your own file, without any model:")
    talk(f"  hammerstone solve FILE --home {folder}")
    talk(f"  hammerstone tools list --home {folder}")


def _origin(live: str) -> str:
    """Where the completions come from, and what their prices are."""
    from hammerstone.evals.illustrative_prices import RATES

    if live:
        return f"Completions of {live}. Where a price is unknown, an illustration stands in: {RATES}."
    return (
        "Recorded completions of a frontier chat model, the same model in every role. "
        f"Tokens are estimated from characters. Prices are illustrations: {RATES}."
    )


def _show_routes(demonstration: DemoRun, origin: str) -> None:
    answers = demonstration.answers
    rows = [_route_row(route, [one for one in answers if one.route == route]) for route in ("parser", "user", "solver")]
    build = (str(demonstration.build_calls), exact_dollars(demonstration.build_usd))
    rows.append((f"building {len(demonstration.live_at)} tools", "", "", "", *build))
    whole = _route_row("hammerstone, all of it", answers)
    rows.append((*whole[:4], str(demonstration.paid_calls), exact_dollars(demonstration.paid_usd)))
    baseline = demonstration.baseline
    if baseline is not None:
        count, right = baseline.requests, baseline.right
        cost = exact_dollars(baseline.cost_usd)
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
    from hammerstone.models import known_sum

    right = sum(bool(one.correct) for one in answers)
    cost = known_sum(one.cost_usd for one in answers)
    calls = sum(one.model_calls for one in answers)
    return name, str(len(answers)), str(right), percent(right, len(answers)), str(calls), exact_dollars(cost)


def _show_tasks(demonstration: DemoRun) -> None:
    from hammerstone.evals.traffic import DEMO_TASKS

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
    """Model calls per request, thirteen requests at a time."""
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
    from hammerstone.evals.traffic import DEMO_TASKS

    parser, later = demonstration.parser_share
    by_parser = sum(one.route == "parser" for one in demonstration.answers)
    reworded, one_offs = demonstration.of_kind("paraphrase"), demonstration.of_kind("one-off")
    rows = [
        ("tasks with a live tool that has a parser", f"{len(_with_parser(demonstration))} of {len(DEMO_TASKS)}"),
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


def print_run(demonstration: DemoRun, folder: Path) -> None:
    """Print JSON: a line for each request, then one for the whole run."""
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
