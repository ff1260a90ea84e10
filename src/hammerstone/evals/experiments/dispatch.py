"""The dispatcher's two measurements (LATM, section 4.4): the right existing tool, and the right request for a new one.

Each for the model, for the tools' own parsers, and for both together, as the loop has them.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from hammerstone.errors import InputError
from hammerstone.evals.harness.bench_run import BenchRun, CostReachedError, for_each, one_bill
from hammerstone.evals.harness.build_trials import tool_for
from hammerstone.evals.harness.live_tools import catalog_of
from hammerstone.evals.harness.samples import Samples
from hammerstone.evals.report.experiment_result import NO_MODEL, Confusion, Headline, Measurement, Result
from hammerstone.formatting import counted
from hammerstone.routes import Answer, Asked, Catalog, KnownTask, NewTask, ParserRoute, choose_task, dispatch
from hammerstone.store import AccountedModel, Bill, Task
from hammerstone.types import Role

__all__ = ["check_tasks", "run_dispatch"]

PAPER_EXISTING, PAPER_NEW = 95.0, 96.0  # GPT-3.5 Turbo: 95 ± 2 and 96 ± 3 per cent
NEW, UNREAD = "(new)", "(unread)"
ALONE = "dispatcher model"
EXISTING_TOOL, NEW_OR_EXISTING = "an existing tool", "a new tool or an existing one"
KNOWN_OF_SIX, TESTED = 4, 2  # four known tasks; tested with two of them and with the two that are not known


@dataclass(frozen=True, kw_only=True)
class DispatchCase:
    """One question with the tasks that are known when it arrives. `task` is known or not."""

    question: str
    task: str
    known: tuple[str, ...]

    @property
    def right(self) -> str:
        return self.task if self.task in self.known else NEW


@dataclass(frozen=True, kw_only=True)
class DispatchVerdicts:
    """Each method's verdict on a case. `taken` are the tasks whose parsers reproduce the question.

    `chosen` is the one that the model takes for the most specific where several do. `bill` is the cost of the model's
    own verdict, `asked` what both methods together have paid it.
    """

    model: str
    taken: tuple[str, ...]
    chosen: str | None
    bill: Bill
    asked: Bill

    @property
    def parsers(self) -> str:
        """Parsers alone cannot decide which of several tasks is meant."""
        return NEW if not self.taken else self.taken[0] if len(self.taken) == 1 else UNREAD

    @property
    def both(self) -> str:
        """The task by parsers and model together, as in the loop."""
        return self.parsers if len(self.taken) == 1 else self.chosen or self.model


Judged: TypeAlias = tuple[DispatchCase, DispatchVerdicts]


async def run_dispatch(bench: BenchRun, tasks: Sequence[Samples], *, sets: int = 5, size: int = 100) -> Result:
    """`sets` of `size` questions for each of the two measurements.

    Raises `InputError` for fewer tasks than the paper has, and the errors of models, store and sandbox.
    """
    check_tasks(tasks)
    partial = ""
    existing = [case for number in range(sets) for case in _existing(tasks, size, bench.seed + number)]
    new = [case for number in range(sets) for case in _new(tasks, size, bench.seed + number)]
    models = bench.models_of(Role.DISPATCHER, "dispatcher")
    figures: list[Measurement] = []
    first: list[Judged] = []
    try:
        tools = [(await tool_for(bench, samples))[0] for samples in tasks]
        catalog = await catalog_of(tool for tool in tools if tool is not None)
        for what, cases, paper in ((EXISTING_TOOL, existing, PAPER_EXISTING), (NEW_OR_EXISTING, new, PAPER_NEW)):
            for model in models:
                judged = await _judge(bench, cases, tasks, catalog, model, what)
                figures += _measurements(what, judged, model.name, paper, parsers=model is models[0])
                first += judged if model is models[0] else []
    except CostReachedError as error:
        partial = error.message
    return Result(
        experiment="dispatch",
        title="The dispatcher (LATM, section 4.4)",
        seed=bench.seed,
        models={role: bench.models[role].name for role in (Role.DISPATCHER, Role.MAKER)},
        figures=tuple(figures),
        headlines=_headlines(figures, models[min(1, len(models) - 1)].name),
        confusion=_confusion(first),
        notes=(
            f"{counted(sets, 'set')} of {size} questions for each of the two measurements (the paper: five sets). The "
            "model is shown names and descriptions of the known tasks.",
            "The parsers alone are right about an unknown task when none of them accepts its question.",
            f"The confusion matrix is that of {models[0].name}, over both measurements.",
        ),
        partial=partial,
    )


def check_tasks(tasks: Sequence[Samples]) -> None:
    """Check the number of tasks. Raises `InputError` if it is too small to know some of them and not others."""
    needed = KNOWN_OF_SIX + TESTED
    if len(tasks) < needed:
        raise InputError(
            f"the dispatch experiment needs {needed} or more tasks, not {len(tasks)}",
            hint="name more with --tasks, or run another experiment",
        )


def _existing(tasks: Sequence[Samples], size: int, seed: int) -> list[DispatchCase]:
    rng = random.Random(f"existing {seed}")  # noqa: S311 - samples, not secrets
    known = tuple(samples.task for samples in tasks)
    pool = [(samples.task, one.question) for samples in tasks for one in samples.asked]
    return [DispatchCase(question=asked, task=task, known=known) for task, asked in _draw(rng, pool, size)]


def _new(tasks: Sequence[Samples], size: int, seed: int) -> list[DispatchCase]:
    rng = random.Random(f"new {seed}")  # noqa: S311 - samples, not secrets
    names = [samples.task for samples in tasks]
    known = sorted(rng.sample(names, KNOWN_OF_SIX), key=names.index)
    tested = {*rng.sample(known, TESTED), *rng.sample([name for name in names if name not in known], TESTED)}
    pool = [(samples.task, one.question) for samples in tasks if samples.task in tested for one in samples.asked]
    return [DispatchCase(question=asked, task=task, known=tuple(known)) for task, asked in _draw(rng, pool, size)]


def _draw(rng: random.Random, pool: list[tuple[str, str]], size: int) -> list[tuple[str, str]]:
    """Draw from the pool: without replacement if it is large enough, else with."""
    return rng.sample(pool, size) if len(pool) >= size else rng.choices(pool, k=size)


async def _judge(
    bench: BenchRun,
    cases: Sequence[DispatchCase],
    tasks: Sequence[Samples],
    catalog: Catalog,
    model: AccountedModel,
    what: str,
) -> list[Judged]:
    described = {samples.task: samples.description for samples in tasks}
    done = 0

    async def one(case: DispatchCase) -> Judged:
        nonlocal done
        verdicts = await _verdicts(bench, case, described, catalog, model)
        done += 1
        bench.on_progress(f"dispatch, {what}: {model.name}", done, len(cases))
        return case, verdicts

    return await for_each(one, cases)


async def _verdicts(
    bench: BenchRun, case: DispatchCase, described: Mapping[str, str], catalog: Catalog, model: AccountedModel
) -> DispatchVerdicts:
    bill, asked = Bill(), Bill()
    tasks = [Task(id=0, name=known, description=described[known]) for known in case.known]
    verdict = await dispatch(model, tasks, case.question, bill)
    said = verdict.name if isinstance(verdict, KnownTask) else NEW if isinstance(verdict, NewTask) else UNREAD
    taken = await _parsers(bench, case, catalog)
    several = [task for task in tasks if task.name in taken] if len(taken) > 1 else []
    chosen = await choose_task(model, several, case.question, asked) if several else None
    if len(taken) != 1 and chosen is None:
        asked.add(bill)
    return DispatchVerdicts(model=said, taken=taken, chosen=chosen, bill=bill, asked=asked)


async def _parsers(bench: BenchRun, case: DispatchCase, catalog: Catalog) -> tuple[str, ...]:
    """The known tasks whose parsers reproduce the question."""
    route, asked = ParserRoute(catalog, bench.sandbox, None), Asked.of(case.question)
    tools = [tool for tool in catalog.parsers(asked) if tool.task in case.known]
    taken = {tool.task for tool in tools if isinstance(await route.ask(tool, asked), Answer)}
    return tuple(name for name in case.known if name in taken)


def _measurements(what: str, judged: Sequence[Judged], model: str, paper: float, *, parsers: bool) -> list[Measurement]:
    """Three methods, each with what it paid the model, or two without the `parsers` alone."""
    every = [said for _, said in judged]
    left = [said for said in every if said.asked.calls]
    methods = (
        (ALONE, [said.model for said in every], [said.bill for said in every]),
        ("parsers", [said.parsers for said in every], list[Bill]()),
        ("parsers, then model", [said.both for said in every], [said.asked for said in every]),
    )
    measurements: list[Measurement] = []
    for method, given, bills in methods:
        if method == "parsers" and not parsers:
            continue
        bill = one_bill(bills)
        measurements.append(
            Measurement(
                task=what,
                method=method,
                model=NO_MODEL if method == "parsers" else model,
                n=len(judged),
                right=sum(one == case.right for one, (case, _) in zip(given, judged, strict=True)),
                paper=None if method == "parsers" else paper,
                input_tokens=bill.usage.input_tokens,
                output_tokens=bill.usage.output_tokens,
                cost_usd=bill.cost_usd,
                seconds=bill.seconds or None,
                model_calls=bill.calls,
                detail=f"the model is asked about {len(left)} of {len(judged)} questions"
                if method == "parsers, then model"
                else "",
            )
        )
    return measurements


def _headlines(figures: Sequence[Measurement], model: str) -> tuple[Headline, ...]:
    """What a model reaches when it is asked every question: a small one, if there is one."""
    alone = [one for one in figures if one.method == ALONE and one.model == model]
    return tuple(Headline.of(one, f"{one.task}: {model} alone, without the parsers") for one in alone)


def _confusion(judged: Sequence[Judged]) -> Confusion | None:
    if not judged:
        return None
    counts = Counter((case.right, said.model) for case, said in judged)
    rows = tuple(sorted({row for row, _ in counts}, key=lambda name: (name.startswith("("), name)))
    columns = tuple(sorted({*rows, *(column for _, column in counts)}, key=lambda name: (name.startswith("("), name)))
    return Confusion(
        rows=rows, columns=columns, counts=tuple(tuple(counts[row, column] for column in columns) for row in rows)
    )
