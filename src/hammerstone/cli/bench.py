"""`hammerstone bench`: the paper's experiments, and what its rivals would do on the same requests."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.cli.options import Backend, Json, Maker, SandboxName, User
from hammerstone.cli.terminal import money, percent, print_json, progress, show_table, talk

if TYPE_CHECKING:
    from hammerstone.evals.results import Figure, Result

__all__ = ["bench"]

PAPER_TASKS = "logical_deduction,tracking_shuffled_objects,dyck,word_sorting,chinese_remainder,schedule_meeting"


def bench(
    experiment: Annotated[str, typer.Argument(help="use, make, reuse-cot, dispatch, or all.")],
    tasks: Annotated[str, typer.Option("--tasks", help="Names or files, with commas between.")] = PAPER_TASKS,
    n: Annotated[int, typer.Option("-n", min=1, help="Samples per task.")] = 20,
    seed: Annotated[int, typer.Option("--seed", help="Draws the samples.")] = 0,
    methods: Annotated[str, typer.Option("--methods", help="For use: direct, cot, pot, user, parser.")] = (
        "direct,cot,user,parser"
    ),
    tries: Annotated[int, typer.Option("--tries", min=1, help="For make: makings per task.")] = 3,
    sets: Annotated[int, typer.Option("--sets", min=1, help="For dispatch: sets of 100.")] = 1,
    maker: Maker = None,
    user: User = None,
    recordings: Annotated[
        Path | None, typer.Option("--recordings", help="Where recorded completions are read, or with --record written.")
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="Record the completions of --maker and --user.")] = False,
    home: Annotated[
        str | None, typer.Option("--home", help="Keeps completions, so that a run that is broken off goes on there.")
    ] = None,
    max_cost: Annotated[float | None, typer.Option("--max-cost", help="Stop when this many dollars are spent.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Keep the results in this JSON file too.")] = None,
    sandbox: SandboxName = Backend.AUTO,
    json: Json = False,
) -> None:
    """Measure tools, makers and the dispatcher on tasks with known answers.

    Without --maker and --user, recorded completions of a strong model are replayed: no key, no network.
    """
    import anyio

    from hammerstone.evals.demo import demo_models
    from hammerstone.evals.results import write_results
    from hammerstone.evals.run import EXPERIMENTS, Plan, run_experiments
    from hammerstone.settings import recordings as shipped

    plan = Plan(
        experiments=tuple(EXPERIMENTS) if experiment == "all" else (experiment,),
        tasks=tuple(name.strip() for name in tasks.split(",")),
        n=n,
        seed=seed,
        methods=tuple(name.strip() for name in methods.split(",")),
        tries=tries,
        sets=sets,
        max_cost=max_cost,
    )
    models = demo_models(recordings or shipped("bench"), maker=maker, user=user, record=record)

    async def run(where: str) -> tuple[Result, ...]:
        with progress("benchmark") as bar:

            def note(what: str, done: int, total: int) -> None:
                bar.update(bar.task_ids[0], description=what, completed=done, total=total)

            return await run_experiments(
                plan,
                models,
                where,
                sandbox=sandbox,
                on_progress=note,
                on_result=lambda one: None if json else _show(one),
            )

    with tempfile.TemporaryDirectory() as folder:
        results = anyio.run(run, home or folder)
    if out is not None:
        write_results(results, out)
    if json:
        for result in results:
            print_json(result)
    if any(result.partial for result in results):
        raise typer.Exit(2)


def _show(result: Result) -> None:
    show_table(
        result.title,
        ("task", "method", "#right", "#n", "#%", "#95 % interval", "#paper", "#tokens each", "#cost each"),
        [_row(figure) for figure in result.figures],
        caption="\n".join([*result.notes, f"seed {result.seed}; {_models(result)}"]),
    )
    for figure in result.figures:
        if figure.detail:
            talk(f"[dim]{figure.task}, {figure.method}:[/] {figure.detail}")
    if result.partial:
        talk(f"[yellow]partial:[/] {result.partial}")


def _row(figure: Figure) -> tuple[str, ...]:
    low, high = figure.interval
    tokens = None if figure.input_tokens is None else figure.input_tokens + (figure.output_tokens or 0)
    return (
        figure.task,
        figure.method,
        str(figure.right),
        str(figure.n),
        percent(figure.right, figure.n).removesuffix(" %"),
        f"{100 * low:.1f} to {100 * high:.1f}",
        "-" if figure.paper is None else f"{figure.paper:.1f}",
        "unknown" if tokens is None else f"{tokens / max(1, figure.n):,.0f}",
        money(None if figure.cost_usd is None else figure.cost_usd / max(1, figure.n)),
    )


def _models(result: Result) -> str:
    return ", ".join(f"{role}: {name}" for role, name in result.models.items())
