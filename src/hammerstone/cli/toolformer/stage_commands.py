"""The stages of a run: one command each, configured by one TOML file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hammerstone.cli.options import Backend, Home, Json, SandboxName
from hammerstone.cli.shown_progress import shown_progress, time_left
from hammerstone.cli.tables import show_table
from hammerstone.cli.terminal import brief, print_json, print_line, progress, talk
from hammerstone.cli.toolformer.scored_calls import show_explained, show_sweep
from hammerstone.cli.toolformer.shared import File, Ray, described_apis, needs_extra, read_run, running_apis

if TYPE_CHECKING:
    from hammerstone.toolformer.stage_progress import StageProgress

__all__ = ["annotate", "corpus", "dataset", "evaluate", "execute", "filter_", "finetune", "index"]

EXAMPLES = 2  # calls shown of each band, and texts that are left out


def corpus(config: File, home: Home = None, json: Json = False) -> None:
    """Select documents in which the tools may be useful, by the paper's rules."""
    with needs_extra():
        from hammerstone.toolformer.data.piece_selection import NearText
        from hammerstone.toolformer.runs import run_corpus

        read, near = read_run(config), list[NearText]()

        def keep_examples(one: NearText) -> None:
            if len(near) < EXAMPLES:
                near.append(one)

        counts = _staged("corpus", lambda show: run_corpus(read, described_apis(read, home), show, keep_examples))
        _show(counts, json)
        for one in near:
            talk(f"{brief(' '.join(one.text.split()))} (shares: {one.shared})", "near an evaluation question:")


def index(
    sources: Annotated[list[str], typer.Argument(help="Texts: files, folders, patterns, or names of datasets.")],
    into: Annotated[Path, typer.Option("--into", help="New folder for the index.")],
) -> None:
    """Index documents for the tool search:FOLDER."""
    with needs_extra():
        from hammerstone.toolformer.runs import index_documents

        with progress("indexing"):
            count = index_documents(sources, into)
        print_line(f"indexed {count:,} passages in {into}: add the tool as search:{into}")


def annotate(config: File, ray: Ray = None, home: Home = None, json: Json = False) -> None:
    """Propose calls with the annotating model; most of them are useless."""
    with needs_extra():
        from hammerstone.toolformer.runs import run_annotate, run_over_ray
        from hammerstone.toolformer.stage_openings import open_annotation

        read = read_run(config)
        describe_apis = partial(described_apis, read, home)

        def run(show: Callable[[StageProgress], None]) -> Counter[str]:
            if ray is not None:
                return run_over_ray("annotate", read, partial(open_annotation, read, describe_apis), ray, show)
            return run_annotate(read, describe_apis(), show)

        _show(_staged("annotate", run), json)


def execute(
    config: File, ray: Ray = None, home: Home = None, sandbox: SandboxName = Backend.AUTO, json: Json = False
) -> None:
    """Run the proposed calls; built tools run in the sandbox."""
    import anyio

    with needs_extra():
        from hammerstone.toolformer.annotate.execution import execution_work
        from hammerstone.toolformer.runs import execute_settings, run_execute, run_over_ray

        read = read_run(config)
        open_apis = partial(running_apis, read.tools, home, sandbox)
        open_work = partial(execution_work, open_apis, execute_settings(read))

        async def run_here(show: Callable[[StageProgress], None]) -> Counter[str]:
            async with open_apis() as apis:
                return await run_execute(read, apis, show)

        def run(show: Callable[[StageProgress], None]) -> Counter[str]:
            if ray is not None:
                return run_over_ray("execute", read, open_work, ray, show)
            return anyio.run(run_here, show)

        _show(_staged("execute", run), json)


def filter_(
    config: File,
    explain: Annotated[int, typer.Option("--explain", min=0, help="Number of calls of each tool to show.")] = 0,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Show what each threshold keeps, with examples from each band.")
    ] = False,
    ray: Ray = None,
    json: Json = False,
) -> None:
    """Score how much each result helps the model that will be fine-tuned."""
    with needs_extra():
        from hammerstone.toolformer.runs import run_filter, run_over_ray, run_sweep
        from hammerstone.toolformer.score.explanation import count_kept
        from hammerstone.toolformer.score.explanation import explain as explained
        from hammerstone.toolformer.stage_openings import open_filter

        read = read_run(config)

        def run(show: Callable[[StageProgress], None]) -> Counter[str]:
            if ray is not None:
                return run_over_ray("filter", read, partial(open_filter, read), ray, show)
            return run_filter(read, show)

        counts = _staged("filter", run)
        if explain:
            show_explained(explained(read.stage("filter"), explain, read.dataset.tau_f), json)
            return
        if sweep:
            show_sweep(run_sweep(read, EXAMPLES), json)
            return
        _show(counts, json)
        if not json:
            kept = count_kept(read.stage("filter"), (0.5, 1.0, 2.0))
            rows = [(one.api, str(one.measured), *(str(one.kept[tau]) for tau in (0.5, 1.0, 2.0))) for one in kept]
            show_table("Calls kept, by threshold", ("tool", "#measured", "#0.5", "#1.0", "#2.0"), rows)


def dataset(config: File, json: Json = False) -> None:
    """Write the texts with the calls that help, a control without calls, and the same as chat messages."""
    with needs_extra():
        from hammerstone.toolformer.runs import run_dataset

        _show(run_dataset(read_run(config)), json)


def finetune(
    config: File,
    control: Annotated[bool, typer.Option("--control", help="Train on the same texts without calls.")] = False,
    json: Json = False,
) -> None:
    """Fine-tune the model; an interrupted run resumes from its last checkpoint."""
    with needs_extra():
        from hammerstone.toolformer.runs import run_finetune
        from hammerstone.toolformer.train.finetune_settings import TrainingStep

        read = read_run(config)
        what = "control" if control else "finetune"
        with shown_progress(what, "steps", total=read.finetune.steps) as show:

            def step_done(step: TrainingStep) -> None:
                loss = "" if step.loss is None else f"loss {step.loss:.3f}"
                show(step.step, step.steps, f"{loss}{time_left(step.seconds_left)}")

            report = run_finetune(read, what, step_done)
        if json:
            print_json(report)
            return
        best = report.perplexities[report.best_step]
        print_line(f"{what}: best at step {report.best_step}, with a held-out perplexity of {best:.4f}")
        print_line(f"the model is in {read.stage(what) / 'model'}")


def evaluate(
    config: File,
    report: Annotated[Path | None, typer.Option("--report", help="Write a page with plots to this HTML file.")] = None,
    home: Home = None,
    sandbox: SandboxName = Backend.AUTO,
    json: Json = False,
) -> None:
    """Compare base, control, fine-tuned with calls disabled, and fine-tuned; and values of k."""
    import anyio

    with needs_extra():
        from hammerstone.cli.results import show_result
        from hammerstone.evals.toolformer_result import evaluation_result
        from hammerstone.toolformer.comparison import Evaluation, run_evaluate

        read = read_run(config)
        if report is not None:
            from hammerstone.evals.report import check_report_path

            check_report_path(report)

        async def run() -> Evaluation:
            async with running_apis(read.tools, home, sandbox) as apis:
                with shown_progress("evaluating", "rows") as show:
                    return await run_evaluate(
                        read, apis, lambda made: show(made.done, made.total, what=f"{made.benchmark}: {made.model}")
                    )

        result = evaluation_result(anyio.run(run), seed=read.evaluate.seed)
        print_json(result) if json else show_result(result)
        if report is not None:
            from hammerstone.evals.report import write_report

            write_report([result], report, title="hammerstone toolformer")
            talk(f"the report is in {report}")


def _staged(name: str, run: Callable[[Callable[[StageProgress], None]], Counter[str]]) -> Counter[str]:
    """Run a stage and show its progress: documents done, documents per second, and an estimate of the time left."""
    with shown_progress(name, "documents") as show:
        return run(
            lambda made: show(made.done, made.total, f"{made.per_second:.3g} documents/s{time_left(made.seconds_left)}")
        )


def _show(counts: Counter[str], json: bool) -> None:
    if json:
        print_json(dict(sorted(counts.items())))
        return
    show_table("", ("counted", "#number"), [(name, f"{count:,}") for name, count in sorted(counts.items())])
