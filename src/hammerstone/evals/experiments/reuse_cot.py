"""Table 5: a strong model's chain of thought handed to the user, against the tool."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from hammerstone.errors import RecordingError
from hammerstone.evals.baselines.answer_methods import ChainOfThought, ToolWithUser, worked_examples
from hammerstone.evals.harness.accuracy import measure_accuracy, totals
from hammerstone.evals.harness.bench_run import BenchRun, CostReachedError
from hammerstone.evals.harness.build_trials import tool_for
from hammerstone.evals.harness.samples import Samples, samples_for
from hammerstone.evals.report.experiment_result import Headline, Measurement, Result
from hammerstone.store import AccountedModel, Bill
from hammerstone.types import Role, Route

__all__ = ["run_reuse_cot"]

REUSED = "strong model's chain of thought"
PAPER_REUSED = {"logical_deduction": 36.8, "tracking_shuffled_objects": 63.2}
PAPER_TOOL = {"logical_deduction": 79.7, "tracking_shuffled_objects": 99.6}
"""LATM, table 5: GPT-3.5 Turbo with GPT-4's chain of thought, and with its tool."""


async def run_reuse_cot(bench: BenchRun, tasks: Sequence[Samples]) -> Result:
    """Both methods use the strong model once and the user model from then on."""
    measurements: list[Measurement] = []
    lacking: list[str] = []
    partial = ""
    try:
        for samples in tasks:
            async for measurement in _task(bench, samples, lacking):
                measurements.append(measurement)
    except CostReachedError as error:
        partial = error.message
    with_tool = {one.task for one in measurements if one.method == ToolWithUser.name}
    without = [samples.task for samples in tasks if samples.task not in with_tool and not partial]
    return Result(
        experiment="reuse-cot",
        title="A strong model's chain of thought against its tool (LATM, table 5)",
        seed=bench.seed,
        models={role: bench.models[role].name for role in (Role.SOLVER, Role.MAKER, Role.USER)},
        figures=(*measurements, *totals(measurements)),
        headlines=_headlines(totals(measurements)),
        notes=(
            "The paper's user is GPT-3.5 Turbo, its strong model GPT-4.",
            *(f"{name}: no build gave a tool with a user route." for name in without),
            *lacking,
        ),
        partial=partial,
    )


async def _task(bench: BenchRun, samples: Samples, lacking: list[str]) -> AsyncIterator[Measurement]:
    """Yield each measurement when it is finished, so that those before the bound on the cost stay."""
    worked = await worked_examples(bench.model(Role.SOLVER), samples.shown, Bill())
    first, *beside = bench.models_of(Role.USER, "reuse-cot")
    async for measurement in _by_user(bench, samples, worked, first):
        yield measurement
    for user in beside:
        try:
            async for measurement in _by_user(bench, samples, worked, user):
                yield measurement
        except RecordingError:
            lacking.append(f"{samples.task}: not all that {user.name} would be asked is recorded.")


async def _by_user(
    bench: BenchRun, samples: Samples, worked: Sequence[tuple[str, str]], user: AccountedModel
) -> AsyncIterator[Measurement]:
    own = samples_for(samples, bench.n_of(user), bench.seed)
    reused = ChainOfThought(user, worked, name=REUSED)
    yield await measure_accuracy(bench, own, reused, user.name, paper=PAPER_REUSED.get(own.task))
    if user not in bench.models_of(Role.USER, "reuse-cot", "user"):
        return
    tool, _ = await tool_for(bench, samples)
    if tool is not None and Route.USER in tool.routes:
        route = ToolWithUser(user, bench.sandbox, tool)
        yield await measure_accuracy(bench, own, route, user.name, paper=PAPER_TOOL.get(own.task))


def _headlines(all_tasks: Sequence[Measurement]) -> tuple[Headline, ...]:
    """Both methods with a small model, if there is one."""
    reused = [one for one in all_tasks if one.method == REUSED]
    for one in reused[1:2] or reused[:1]:
        by_tool = [other for other in all_tasks if other.method == ToolWithUser.name and other.model == one.model]
        with_tools = [f"; with the tools, {other.right:,} of {other.n:,}" for other in by_tool]
        return (
            Headline.of(one, "".join([f"right by {one.model} with the strong model's chain of thought", *with_tools])),
        )
    return ()
