"""Running experiments by name, on live or recorded models. The store lets an interrupted run resume."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hammerstone.errors import InputError, RecordingError
from hammerstone.evals.baselines.embeddings import Embedding, LexicalEmbedding
from hammerstone.evals.experiments.audit import run_audit
from hammerstone.evals.experiments.dispatch import check_tasks, run_dispatch
from hammerstone.evals.experiments.improve import check_families, run_improve
from hammerstone.evals.experiments.make_tools import run_make
from hammerstone.evals.experiments.near_miss import check_own, run_near_miss
from hammerstone.evals.experiments.one_call import run_one_call
from hammerstone.evals.experiments.reuse_cot import run_reuse_cot
from hammerstone.evals.experiments.stream import check_requests, run_stream
from hammerstone.evals.experiments.use_tools import METHODS, check_methods, run_use
from hammerstone.evals.harness.bench_run import BenchRun, ExtraModel
from hammerstone.evals.harness.samples import PAPER_TASKS, Samples, generated_samples, read_samples
from hammerstone.evals.report.experiment_result import Result
from hammerstone.evals.tasks import TASKS
from hammerstone.evals.traffic.one_task_stream import FAMILIES
from hammerstone.models import Model
from hammerstone.sandbox import open_sandbox
from hammerstone.settings import SandboxSettings, Settings
from hammerstone.store import open_store
from hammerstone.types import Role

__all__ = ["EXPERIMENTS", "NOT_RECORDED", "WITHOUT_MODELS", "BenchPlan", "run_experiments"]

NOT_RECORDED = "Its prompts have changed since completions were recorded. Run it with live models."


@dataclass(frozen=True, kw_only=True)
class BenchPlan:
    """The experiments to run, and how much of them. `tasks` are names, paths of files of instances, or `name=path`: the
    tool of one of hammerstone's own tasks, asked the instances of a file. Without any, an experiment has its own.
    """

    experiments: tuple[str, ...]
    tasks: tuple[str, ...]
    n: int
    seed: int = 0
    methods: tuple[str, ...] = METHODS
    trials: int = 5  # LATM, table 3
    sets: int = 5  # LATM, section 4.4: five sets
    set_size: int = 100  # of 100
    requests: int = 400  # of a stream
    max_cost: float | None = None
    settings: Settings = field(default_factory=Settings)


Experiment = Callable[[BenchRun, Sequence[Samples], BenchPlan], Awaitable[Result]]


async def _use(bench: BenchRun, tasks: Sequence[Samples], plan: BenchPlan) -> Result:
    return await run_use(bench, tasks, plan.methods)


async def _make(bench: BenchRun, tasks: Sequence[Samples], plan: BenchPlan) -> Result:
    return await run_make(bench, tasks, plan.trials)


async def _reuse_cot(bench: BenchRun, tasks: Sequence[Samples], plan: BenchPlan) -> Result:
    del plan
    return await run_reuse_cot(bench, tasks)


async def _dispatch(bench: BenchRun, tasks: Sequence[Samples], plan: BenchPlan) -> Result:
    """Half a set of each task is enough to draw a set from four of them without a question twice."""
    pool = [
        generated_samples(one.task, max(plan.n, plan.set_size // 2), plan.seed) if one.generated else one
        for one in tasks
    ]
    return await run_dispatch(bench, pool, sets=plan.sets, size=plan.set_size)


async def _one_call(bench: BenchRun, tasks: Sequence[Samples], plan: BenchPlan) -> Result:
    """Take 5 reworded questions and 2 look-alikes of each task for 20 samples: small models take long."""
    return await run_one_call(bench, tasks, reworded=max(1, plan.n // 4), alike=max(1, plan.n // 10))


async def _near_miss(bench: BenchRun, tasks: Sequence[Samples], plan: BenchPlan) -> Result:
    del plan
    return await run_near_miss(bench, tasks)


async def _stream(bench: BenchRun, tasks: Sequence[Samples], plan: BenchPlan) -> Result:
    return await run_stream(bench, [one.task for one in tasks], plan.requests)


async def _improve(bench: BenchRun, tasks: Sequence[Samples], plan: BenchPlan) -> Result:
    del tasks
    return await run_improve(bench, plan.tasks or FAMILIES, plan.requests)


async def _audit(bench: BenchRun, tasks: Sequence[Samples], plan: BenchPlan) -> Result:
    del tasks, plan
    return await run_audit(bench)


EXPERIMENTS: Mapping[str, Experiment] = {
    "use": _use,
    "make": _make,
    "reuse-cot": _reuse_cot,
    "dispatch": _dispatch,
    "one-call": _one_call,
    "near-miss": _near_miss,
    "stream": _stream,
    "improve": _improve,
    "audit": _audit,
}

WITHOUT_SAMPLES = ("improve", "audit")  # they draw all that they ask themselves
REPLAYED = SandboxSettings(answer_s=30)  # so that a slower machine does not ask for what was not recorded
WITHOUT_MODELS = ("audit",)
"""Experiments that need neither models nor recordings."""


async def run_experiments(
    plan: BenchPlan,
    models: Mapping[Role, Model],
    home: str | Path,
    *,
    extra: tuple[ExtraModel, ...] = (),
    embeddings: tuple[Embedding, ...] = (LexicalEmbedding(),),
    sandbox: str = "auto",
    recorded: str = "",
    notes: tuple[str, ...] = (),
    on_progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
    on_spent: Callable[[float | None], None] = lambda _dollars: None,
    on_result: Callable[[Result], None] = lambda _: None,
) -> tuple[Result, ...]:
    """The results in the order of the plan; one that was cut off is marked partial, and the others still run.

    `extra` models are measured beside those of the roles; `embeddings` are those of the semantic caches.
    `recorded` is the date of the completions, where they are replayed, and `notes` say more of the models; both are
    added to the results that models had a part in. Before anything is paid it raises `InputError` for an unknown
    experiment or method, tasks that an experiment cannot be run on, or a file that cannot be read or has too few
    instances, and `NotFoundError` for an unknown task. Later the errors of models, store and sandbox.
    """
    samples = any(name not in WITHOUT_SAMPLES for name in plan.experiments)
    tasks = [_samples(name, plan) for name in plan.tasks or PAPER_TASKS] if samples else []
    _check(plan, tasks)
    results: list[Result] = []
    with open_store(home) as store:
        async with open_sandbox(sandbox, settings=REPLAYED if recorded else plan.settings.sandbox) as confined:
            bench = BenchRun(
                store=store,
                sandbox=confined,
                models=models,
                extra=extra,
                embeddings=embeddings,
                n=plan.n,
                seed=plan.seed,
                max_cost=plan.max_cost,
                settings=plan.settings,
                on_progress=on_progress,
                on_spent=on_spent,
            )
            for name in plan.experiments:
                result = (
                    await _recorded_or_partial(name, bench, tasks, plan)
                    if recorded
                    else (await EXPERIMENTS[name](bench, tasks, plan))
                )
                if name not in WITHOUT_MODELS:
                    result = replace(result, recorded=recorded, notes=(*result.notes, *notes))
                results.append(result)
                on_result(results[-1])
    return tuple(results)


async def _recorded_or_partial(name: str, bench: BenchRun, tasks: Sequence[Samples], plan: BenchPlan) -> Result:
    """Run one experiment of several: if it is not recorded, or no longer, the others still run.

    Raises `RecordingError` where it is the only one.
    """
    try:
        return await EXPERIMENTS[name](bench, tasks, plan)
    except RecordingError:
        if len(plan.experiments) == 1:
            raise
        return Result(
            experiment=name,
            title=name,
            seed=plan.seed,
            models={},
            figures=(),
            partial=NOT_RECORDED,
        )


def _check(plan: BenchPlan, tasks: Sequence[Samples]) -> None:
    """Raises `InputError` for a plan that some experiment could not follow to its end."""
    for name in plan.experiments:
        if name not in EXPERIMENTS:
            raise InputError(f"unknown experiment {name!r}", hint=f"one of: all, {', '.join(EXPERIMENTS)}")
    names = [samples.task for samples in tasks]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"the task {name} is named {names.count(name)} times", hint="name each task once")
    if "use" in plan.experiments:
        check_methods(plan.methods)
    if "dispatch" in plan.experiments:
        check_tasks(tasks)
    if {"one-call", "near-miss", "stream"} & set(plan.experiments):
        check_own(tasks)
    if "improve" in plan.experiments:
        check_families(plan.tasks)
    if "stream" in plan.experiments:
        check_requests(plan.requests)


def _samples(name: str, plan: BenchPlan) -> Samples:
    own, _, path = name.partition("=")
    if path:
        return read_samples(path, plan.n, name=own)
    if name not in TASKS and ("/" in name or "." in name):
        return read_samples(name, plan.n)
    return generated_samples(name, plan.n, plan.seed)
