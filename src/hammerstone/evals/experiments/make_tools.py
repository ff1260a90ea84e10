"""Table 3: of k independent builds per task, how many end in a valid tool, and why the others do not.

By either recipe, and by each maker. Valid is stricter here than in the paper: the tool went live, and on fresh
instances that no maker saw it is never wrong and answers nine in ten, by its own parser or, without one, by a user
model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hammerstone.concurrency import map_concurrently
from hammerstone.errors import RecordingError
from hammerstone.evals.baselines.answer_methods import Method, ToolWithParser, ToolWithUser
from hammerstone.evals.harness.bench_run import BenchRun, CostReachedError, for_each, one_bill
from hammerstone.evals.harness.build_trials import BuildTrial, run_build_trial
from hammerstone.evals.harness.samples import Samples
from hammerstone.evals.report.experiment_result import Measurement, Result, Table
from hammerstone.requests import agree
from hammerstone.store import AccountedModel, Bill
from hammerstone.tools import Recipe
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
FRESH = "fresh instances"
STAGES = ("reply", "checks", "verify", "gate", "needs review", FRESH)
"""Where a try may end that gives no valid tool."""

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


@dataclass(frozen=True, kw_only=True)
class JudgedTrial:
    """A build that ended, and where: at one of `STAGES` for the reason in `detail`, or with a valid tool."""

    made: BuildTrial
    stage: str = ""
    detail: str = ""


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

    async def one(job: tuple[MakeTrials, int]) -> JudgedTrial | None:
        nonlocal done, partial
        row, number = job
        try:
            made = await run_build_trial(bench, row.samples, number, maker=row.maker, user=row.user, recipe=row.recipe)
            ended = await _judge(bench, row, made)
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
        return ended

    ends = await map_concurrently(one, jobs)
    by_row = [(row, [end for (of, _), end in zip(jobs, ends, strict=True) if of is row and end]) for row in rows]
    whole = [(row, ended) for row, ended in by_row if ended and not any(one is row for one in lacking)]
    return Result(
        experiment="make",
        title="Valid tools (LATM, table 3)",
        seed=bench.seed,
        models={Role.MAKER: bench.models[Role.MAKER].name, Role.USER: bench.models[Role.USER].name},
        figures=tuple(_measurement(row, ended) for row, ended in whole),
        tables=(_stages(whole),) if whole else (),
        notes=(
            f"Valid: live, never wrong on {bench.n} fresh instances, or {BY_USER} without a parser, and "
            f"{100 * ANSWERED:.0f} % of them answered.",
            "The paper's figures are from 5 trials of GPT-4, judged on 3 validation samples.",
            *_not_recorded([row for row in rows if any(one is row for one in lacking)]),
        ),
        partial=partial,
    )


async def _judge(bench: BenchRun, row: MakeTrials, made: BuildTrial) -> JudgedTrial:
    """Whether a tool went live, and is valid on fresh instances."""
    tool = made.tool
    if tool is None:
        return JudgedTrial(made=made, stage=made.stage, detail=made.reason)
    parses = Route.PARSER in tool.routes
    method: Method = ToolWithParser(bench.sandbox, tool) if parses else ToolWithUser(row.user, bench.sandbox, tool)
    asked = row.samples.asked if parses else row.samples.asked[:BY_USER]
    answers = await for_each(lambda one: method.answer(one.question, Bill()), asked)
    wrong = sum(
        isinstance(given, str) and not agree(given, one.answer) for given, one in zip(answers, asked, strict=True)
    )
    silent = sum(not isinstance(given, str) for given in answers)
    if not wrong and len(answers) - silent >= ANSWERED * len(answers):
        return JudgedTrial(made=made)
    what = f"{wrong} of {len(answers)} wrong" if wrong else f"{silent} of {len(answers)} not answered"
    return JudgedTrial(made=made, stage=FRESH, detail=f"{FRESH}: {what} by {method.name}")


def _measurement(row: MakeTrials, ended: Sequence[JudgedTrial]) -> Measurement:
    total = one_bill([one.made.bill for one in ended])
    paper = PAPER.get(row.samples.task)
    return Measurement(
        task=row.samples.task,
        method=f"build, recipe {row.recipe}",
        model=row.maker.name,
        n=len(ended),
        right=sum(not one.stage for one in ended),
        paper=paper * 20.0 if paper is not None else None,
        input_tokens=total.usage.input_tokens,
        output_tokens=total.usage.output_tokens,
        cost_usd=total.cost_usd,
        model_calls=total.calls,
        detail="; ".join([f"{total.calls} maker replies", *(one.detail for one in ended if one.detail)]),
    )


def _not_recorded(lacking: Sequence[MakeTrials]) -> list[str]:
    """A note for each maker and recipe that lack recorded replies, with the tasks of which they do."""
    tasks: dict[tuple[str, str], list[str]] = {}
    for row in lacking:
        tasks.setdefault((row.maker.name, row.recipe), []).append(row.samples.task)
    return [
        f"{', '.join(of)}, recipe {recipe}: not all that {maker} would be asked is recorded."
        for (maker, recipe), of in tasks.items()
    ]


def _stages(rows: Sequence[tuple[MakeTrials, Sequence[JudgedTrial]]]) -> Table:
    """Where the tries of each maker ended with each recipe, over all tasks."""
    counted: dict[tuple[str, str], Counter[str]] = {}
    for row, ended in rows:
        counted.setdefault((row.maker.name, row.recipe), Counter()).update(one.stage for one in ended)
    return Table(
        title="Where the tries ended",
        columns=("maker…", "recipe", "#tries", "#valid", *(f"#{stage}" for stage in STAGES)),
        rows=tuple(
            (*of, str(stages.total()), str(stages[""]), *(str(stages[stage]) for stage in STAGES))
            for of, stages in counted.items()
        ),
        caption="By their last attempt: the reply lacks code or arguments; the code breaks a rule; it is not right on "
        "the instances that the maker was shown, or accepts what it must refuse; it fails on the gate's held-out "
        "instances; it differs from a label; it went live and is not valid on fresh instances.",
    )
