"""Table 3: of k independent builds per task, how many end in a valid tool, and why the others do not.

By either recipe, and by each maker. Valid is stricter here than in the paper: the tool went live, and on fresh
instances that no maker saw it is never wrong and answers nine in ten, by its own parser or, without one, by a user
model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hammerstone.concurrency import map_concurrently
from hammerstone.errors import RecordingError
from hammerstone.evals.baselines.answer_methods import Method, ToolWithParser, ToolWithUser
from hammerstone.evals.harness.bench_run import BenchRun, CostReachedError, for_each, one_bill
from hammerstone.evals.harness.build_trials import BuildTrial, run_build_trial
from hammerstone.evals.harness.samples import Samples
from hammerstone.evals.report.experiment_result import Measurement, Result
from hammerstone.requests import agree
from hammerstone.store import AccountedModel, Bill
from hammerstone.tools import Recipe, Tool
from hammerstone.types import Role, Route

__all__ = ["PAPER", "run_make"]

PAPER = {
    "logical_deduction": 3,
    "tracking_shuffled_objects": 4,
    "dyck": 5,
    "word_sorting": 5,
    "chinese_remainder": 5,
    "schedule_meeting": 3,
}
"""Valid tools by GPT-4 in 5 trials (LATM, table 3)."""

ANSWERED = 0.9
RECIPES: tuple[Recipe, ...] = ("module", "latm")
BY_USER = 5  # fresh instances that a tool without a parser is judged on: each is a call of the user model


@dataclass(frozen=True, kw_only=True)
class MakeTrials:
    """The builds of a task by one maker with one recipe, which are counted together.

    Each maker is paired with a user: the bench's own maker with its own user, another maker with itself.
    """

    samples: Samples
    recipe: Recipe
    maker: AccountedModel
    user: AccountedModel


async def run_make(
    bench: BenchRun, tasks: Sequence[Samples], trials: int, *, recipes: Sequence[Recipe] = RECIPES
) -> Result:
    """`trials` builds of each task by each recipe and maker, side by side.

    A maker beside the bench's own may be recorded in a part of them: a note says which others it lacks.
    """
    makers = list(zip(bench.models_of(Role.MAKER, "maker"), bench.models_of(Role.USER, "maker"), strict=True))
    rows = [
        MakeTrials(samples=samples, recipe=recipe, maker=maker, user=user)
        for recipe in recipes
        for maker, user in makers
        for samples in tasks
    ]
    jobs = [(row, number) for row in rows for number in range(trials)]
    lacking: list[MakeTrials] = []
    done = 0
    partial = ""

    async def one(job: tuple[MakeTrials, int]) -> tuple[BuildTrial, str] | None:
        nonlocal done, partial
        row, number = job
        try:
            made = await run_build_trial(bench, row.samples, number, maker=row.maker, user=row.user, recipe=row.recipe)
            verdict = made.reason or await _judge(bench, row, made.tool)
        except CostReachedError as error:
            partial = error.message
            return None
        except RecordingError:
            if row.maker is bench.model(Role.MAKER):
                raise
            lacking.append(row)
            return None
        done += 1
        bench.on_progress("builds", done, len(jobs))
        return made, verdict

    ended = await map_concurrently(one, jobs)
    by_row = [(row, [end for (of, _), end in zip(jobs, ended, strict=True) if of is row and end]) for row in rows]
    whole = [(row, ends) for row, ends in by_row if ends and not any(one is row for one in lacking)]
    return Result(
        experiment="make",
        title="Valid tools (LATM, table 3)",
        seed=bench.seed,
        models={Role.MAKER: bench.models[Role.MAKER].name, Role.USER: bench.models[Role.USER].name},
        figures=tuple(_measurement(row, ends) for row, ends in whole),
        notes=(
            f"Valid: live, never wrong on {bench.n} fresh instances, or {BY_USER} without a parser, and "
            f"{100 * ANSWERED:.0f} % of them answered.",
            "The paper's figures are from 5 trials of GPT-4, judged on 3 validation samples.",
            *(
                f"{row.samples.task}, recipe {row.recipe}: not all that {row.maker.name} would be asked is recorded."
                for row in rows
                if any(one is row for one in lacking)
            ),
        ),
        partial=partial,
    )


async def _judge(bench: BenchRun, row: MakeTrials, tool: Tool | None) -> str:
    """Why a live tool is not valid; empty if it is."""
    if tool is None:
        return "no tool"
    parses = Route.PARSER in tool.routes
    method: Method = ToolWithParser(bench.sandbox, tool) if parses else ToolWithUser(row.user, bench.sandbox, tool)
    asked = row.samples.asked if parses else row.samples.asked[:BY_USER]
    answers = await for_each(lambda one: method.answer(one.question, Bill()), asked)
    wrong = sum(
        isinstance(given, str) and not agree(given, one.answer) for given, one in zip(answers, asked, strict=True)
    )
    silent = sum(not isinstance(given, str) for given in answers)
    if wrong:
        return f"fresh instances: {wrong} of {len(answers)} wrong by {method.name}"
    if len(answers) - silent < ANSWERED * len(answers):
        return f"fresh instances: {silent} of {len(answers)} not answered by {method.name}"
    return ""


def _measurement(row: MakeTrials, ended: Sequence[tuple[BuildTrial, str]]) -> Measurement:
    total = one_bill([made.bill for made, _ in ended])
    reasons = [verdict for _, verdict in ended if verdict]
    paper = PAPER.get(row.samples.task)
    return Measurement(
        task=row.samples.task,
        method=f"build, recipe {row.recipe}",
        model=row.maker.name,
        n=len(ended),
        right=sum(not verdict for _, verdict in ended),
        paper=paper * 20.0 if paper is not None else None,
        input_tokens=total.usage.input_tokens,
        output_tokens=total.usage.output_tokens,
        cost_usd=total.cost_usd,
        model_calls=total.calls,
        detail="; ".join([f"{total.calls} maker replies", *reasons]),
    )
