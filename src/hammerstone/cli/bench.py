"""`hammerstone bench`: the paper's experiments, and baselines on the same requests."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from hammerstone.cli.bench_outputs import check_outputs, write_outputs
from hammerstone.cli.options import Backend, Config, Json, LiveMaker, SandboxName, dollars
from hammerstone.cli.shown_progress import shown_progress
from hammerstone.cli.terminal import print_json, talk
from hammerstone.errors import RecordingError
from hammerstone.formatting import exact_dollars

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hammerstone.evals.baselines import Embedding
    from hammerstone.evals.harness import ExtraModel
    from hammerstone.evals.report import Result
    from hammerstone.models import Model
    from hammerstone.settings import Roles
    from hammerstone.types import Role

__all__ = ["bench"]

EXPERIMENT_NAMES = "use, make, reuse-cot, dispatch, one-call, near-miss, stream, improve, audit"
LONG = "improve"  # takes ten minutes: it runs only by its own name
HOW_TO_RECORD = (
    "to record it, run the same command with live models: --maker MODEL --user MODEL --recordings {} --record"
)


Experiment = Annotated[str, typer.Argument(help=f"{EXPERIMENT_NAMES}; or all, which leaves out improve.")]
Tasks = Annotated[
    str,
    typer.Option(
        "--tasks",
        help="Comma-separated task names, files, or NAME=FILE (that task's tool on a file). Default: the paper's "
        "six tasks; for improve, all families that there are.",
    ),
]
SampleCount = Annotated[
    int, typer.Option("-n", min=1, help="Samples per task; for one-call a quarter of it reworded, a tenth look-alikes.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Random seed.")]
Methods = Annotated[
    str, typer.Option("--methods", help="For use: comma-separated, any of direct, cot, user, pot, parser.")
]
Trials = Annotated[int, typer.Option("--trials", min=1, help="For make: builds per task and recipe.")]
Sets = Annotated[int, typer.Option("--sets", min=1, help="For dispatch: number of sets of 100 questions.")]
RequestCount = Annotated[int, typer.Option("--requests", min=1, help="For stream and improve: number of requests.")]
LiveUsers = Annotated[
    list[str] | None,
    typer.Option(
        "--user",
        help="Live cheap model (default: the maker). Repeatable: use, reuse-cot and one-call measure each.",
        rich_help_panel="Models",
    ),
]
EmbeddingName = Annotated[
    str | None,
    typer.Option(
        "--embedding",
        help="Embedding of further semantic caches, such as openai:text-embedding-3-small.",
        rich_help_panel="Models",
    ),
]
Recordings = Annotated[
    Path | None, typer.Option("--recordings", help="Folder of recorded completions: read, or written with --record.")
]
RecordsLive = Annotated[bool, typer.Option("--record", help="Record the completions of --maker and --user.")]
CallsFolder = Annotated[
    str | None,
    typer.Option(
        "--home",
        help="Folder where completions of live models are kept, so that an interrupted run resumes (default: bench "
        "in the user's data folder).",
    ),
]
MaxCost = Annotated[
    float | None,
    typer.Option("--max-cost", min=0, callback=dollars, help="Stop once this run has spent this many US dollars."),
]
Out = Annotated[Path | None, typer.Option("--out", help="Also write the results to this JSON file.")]
Report = Annotated[
    Path | None, typer.Option("--report", help="Write the results as one HTML page with plots to this file.")
]
Markdown = Annotated[Path | None, typer.Option("--markdown", help="Write the results as tables to this Markdown file.")]


def bench(
    experiment: Experiment,
    tasks: Tasks = "",
    n: SampleCount = 20,
    seed: Seed = 0,
    methods: Methods = "direct,cot,user,parser",
    trials: Trials = 5,
    sets: Sets = 1,
    requests: RequestCount = 400,
    maker: LiveMaker = None,
    user: LiveUsers = None,
    embedding: EmbeddingName = None,
    recordings: Recordings = None,
    record: RecordsLive = False,
    home: CallsFolder = None,
    max_cost: MaxCost = None,
    out: Out = None,
    report: Report = None,
    markdown: Markdown = None,
    config: Config = None,
    sandbox: SandboxName = Backend.AUTO,
    json: Json = False,
) -> None:
    """Measure tools, makers and the dispatcher on tasks with known answers.

    Without --maker and --user, recorded completions of a strong model are replayed: no key, no network.
    """
    from hammerstone.environment import recordings as shipped
    from hammerstone.evals.illustrative_prices import ESTIMATES_NOTE, RECORDED_NOTE
    from hammerstone.evals.role_models import open_small_models
    from hammerstone.evals.run_experiments import (
        EXPERIMENTS,
        NOT_RECORDED,
        WITHOUT_MODELS,
        BenchPlan,
        run_experiments,
    )
    from hammerstone.settings import Settings
    from hammerstone.settings_file import load_settings

    folder, live = recordings or shipped("bench"), maker is not None or bool(user)
    settings = load_settings(config).settings if live or config else Settings()  # a replay asks what was recorded
    plan = BenchPlan(
        experiments=tuple(one for one in EXPERIMENTS if one != LONG) if experiment == "all" else (experiment,),
        tasks=_names(tasks),
        n=n,
        seed=seed,
        methods=_names(methods),
        trials=trials,
        sets=sets,
        requests=requests,
        max_cost=max_cost,
        settings=settings,
    )
    check_outputs(out, report, markdown)
    if {*plan.experiments} <= {*WITHOUT_MODELS}:
        models = _RoleModels(of_role={})
    else:
        models = _open(folder, maker, user or (), record=record, roles=settings.roles)
        if not live and recordings is None:
            models = models._replace(extra=open_small_models(shipped("real")))
    run = partial(
        run_experiments,
        plan,
        models.of_role,
        extra=models.extra,
        embeddings=_embeddings(embedding, shipped("real"), live=live),
        sandbox=sandbox,
        recorded=models.recorded,
        notes=(ESTIMATES_NOTE if live or recordings else RECORDED_NOTE,),
    )
    with _store(home, temporary=record or not live) as where, _with_recording_hint(folder):
        results = _run(partial(run, home=where), out=out, json=json)
    write_outputs(results, report, markdown, command=f"hammerstone bench {experiment}")
    if max_cost is not None and any(result.partial not in {"", NOT_RECORDED} for result in results):
        talk("run the same command again with a higher --max-cost: what is paid is not paid again", "hint:")
        raise typer.Exit(2)


def _embeddings(name: str | None, recordings: Path, *, live: bool) -> tuple[Embedding, ...]:
    """Character n-grams, and beside them the one that is named, or where all is replayed those that are recorded."""
    from hammerstone.evals.baselines import LexicalEmbedding, ProviderEmbedding, recorded_embeddings

    if name:
        return LexicalEmbedding(), ProviderEmbedding(name)
    return LexicalEmbedding(), *(() if live else recorded_embeddings(recordings))


class _RoleModels(NamedTuple):
    """The models, live or replayed; `recorded` says when those that are replayed were recorded."""

    of_role: Mapping[Role, Model]
    extra: tuple[ExtraModel, ...] = ()
    recorded: str = ""


def _open(folder: Path, maker: str | None, users: Sequence[str], *, record: bool, roles: Roles) -> _RoleModels:
    """Raises as `open_role_models`, and `RecordingError` where there is nothing to replay."""
    from hammerstone.evals.role_models import open_extra_users, open_role_models

    live = maker is not None or bool(users)
    if not live and not folder.is_dir():
        raise RecordingError(f"no recordings folder {folder}", hint=HOW_TO_RECORD.format(folder))
    user = users[0] if users else None
    return _RoleModels(
        of_role=open_role_models(folder, maker=maker, user=user, record=record, roles=roles),
        extra=open_extra_users(folder, users[1:], live=live, record=record, roles=roles),
        recorded="" if live else _dates(folder),
    )


def _run(
    run_experiments: Callable[..., Awaitable[tuple[Result, ...]]], *, out: Path | None, json: bool
) -> list[Result]:
    """Each result is shown and kept as soon as its experiment ends: a later one may fail."""
    import anyio

    from hammerstone.cli.results import show_result
    from hammerstone.evals.report import write_results

    results: list[Result] = []

    def keep(result: Result) -> None:
        results.append(result)
        if out is not None:
            write_results(tuple(results), out)
        print_json(result) if json else show_result(result)

    async def run() -> None:
        spent = ""
        with shown_progress("benchmark", "steps") as show:

            def show_step(what: str, done: int, total: int) -> None:
                show(done, total, spent, what=what)

            def show_spent(dollars: float | None) -> None:
                nonlocal spent
                spent = exact_dollars(dollars)

            await run_experiments(on_progress=show_step, on_spent=show_spent, on_result=keep)

    anyio.run(run)
    return results


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _dates(folder: Path) -> str:
    """The days on which the completions were recorded: one, or the first and the last."""
    from hammerstone.models import read_records

    days = sorted({record.recorded for record in read_records(folder).values()})
    return " to ".join(dict.fromkeys((days[0], days[-1]))) if days else ""


@contextmanager
def _store(home: str | None, *, temporary: bool) -> Generator[str]:
    """The folder for completions: a temporary one if they are replayed, or recorded in files."""
    from platformdirs import user_data_path

    if home is None and temporary:
        with tempfile.TemporaryDirectory() as folder:
            yield folder
    else:
        yield home or str(user_data_path("hammerstone") / "bench")


@contextmanager
def _with_recording_hint(folder: Path) -> Generator[None]:
    """Replace the hint of a recording, which names the files and the option of `solve`."""
    try:
        yield
    except RecordingError as error:
        hint = re.sub(r"^to record it, .*", lambda _: HOW_TO_RECORD.format(folder), error.hint, flags=re.DOTALL)
        raise RecordingError(error.message, hint=hint, details=error.details) from error
