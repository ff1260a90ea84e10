"""One call for tool and arguments together, against two calls, and against naming the tool without a model.

The questions are reworded, so that no parser takes them, or look like a task's and ask for something else, so that they
must be refused. All three methods end in the same check of the arguments and the same tools.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hammerstone.errors import RecordingError
from hammerstone.evals.baselines.answer_methods import NoAnswer, why_none
from hammerstone.evals.baselines.tool_naming import NEW_TASK, DispatchedUser, NearestUser
from hammerstone.evals.harness.bench_run import BenchRun, CostReachedError, for_each, one_bill
from hammerstone.evals.harness.build_trials import tool_for
from hammerstone.evals.harness.live_tools import catalog_of
from hammerstone.evals.harness.samples import Samples, generated_samples
from hammerstone.evals.report.experiment_result import Headline, Measurement, Result, Table
from hammerstone.evals.report.result_tables import UNKNOWN, number
from hammerstone.evals.tasks import near_misses, task
from hammerstone.requests import agree
from hammerstone.routes import (
    TOOLS_SHOWN,
    Answer,
    AnswerRoute,
    Asked,
    Catalog,
    OneCallRoute,
    ParserRoute,
    Refusal,
    UserRoute,
)
from hammerstone.store import AccountedModel, Bill
from hammerstone.tools import Tool
from hammerstone.types import Instance, Role, Route

__all__ = ["LOOK_ALIKES", "METHODS", "PART", "REWORDED", "run_one_call"]

PART = "one-call"  # the file of recordings of a model that is measured beside those of the roles
METHODS = ("dispatcher, then user", "one call", "nearest tool, then user")
REWORDED, LOOK_ALIKES = "reworded questions", "false hits on look-alikes"


@dataclass(frozen=True, kw_only=True)
class MethodOutcome:
    """A method's outcome on a question. `named` says that the tool it called is that of the question's task."""

    given: str | NoAnswer
    right: bool
    named: bool
    bill: Bill


@dataclass(frozen=True, kw_only=True)
class Measured:
    """All outcomes of one method with one model, on `REWORDED` questions or on `LOOK_ALIKES`."""

    method: str
    model: str
    what: str
    outcomes: Sequence[MethodOutcome]

    @property
    def answered(self) -> list[MethodOutcome]:
        return [one for one in self.outcomes if isinstance(one.given, str)]

    @property
    def bill(self) -> Bill:
        return one_bill([one.bill for one in self.outcomes])


async def run_one_call(bench: BenchRun, tasks: Sequence[Samples], *, reworded: int = 5, alike: int = 2) -> Result:
    """Ask so many reworded questions and look-alikes of each task, by each method with each of the bench's users.

    Raises the errors of models, store and sandbox, `RecordingError` only where no model is recorded.
    """
    measured: list[Measured] = []
    notes: list[str] = []
    partial = ""
    try:
        tools = {samples.task: (await tool_for(bench, samples))[0] for samples in tasks}
        catalog = await catalog_of(_for_anyone(tools))
        live = [one.task for one in catalog.tools]
        questions = {
            REWORDED: _reworded(live, reworded, bench.seed),
            LOOK_ALIKES: _look_alikes(live, alike, bench.seed),
        }
        notes += await _notes(bench, catalog, questions, tools)
        if live:
            async for one in _measure(bench, catalog, questions, notes):
                measured.append(one)
    except CostReachedError as error:
        partial = error.message
    return Result(
        experiment="one-call",
        title="One call for tool and arguments, or two",
        seed=bench.seed,
        models={Role.MAKER: bench.models[Role.MAKER].name},
        figures=tuple(_figure(one) for what in (REWORDED, LOOK_ALIKES) for one in measured if one.what == what),
        tables=(_spent(measured),),
        headlines=_headlines([_figure(one) for one in measured]),
        notes=tuple(notes),
        partial=partial,
    )


def _for_anyone(tools: Mapping[str, Tool | None]) -> list[Tool]:
    """The tools with a user route, open to any model's arguments: how good those are is what is measured."""
    return [replace(one, users=()) for one in tools.values() if one is not None and Route.USER in one.routes]


def _reworded(names: Sequence[str], n: int, seed: int) -> list[tuple[str, Instance]]:
    drawn: list[tuple[str, Instance]] = []
    for name in names:
        rng = random.Random(f"{name} reworded {seed}")  # noqa: S311 - samples, not secrets
        drawn += [(name, task(name).paraphrase(one, rng)) for one in generated_samples(name, n, seed).asked]
    return drawn


def _look_alikes(names: Sequence[str], n: int, seed: int) -> list[tuple[str, Instance]]:
    return [(name, one) for name in names for one in near_misses(name, n, seed)]


async def _notes(
    bench: BenchRun,
    catalog: Catalog,
    questions: Mapping[str, Sequence[tuple[str, Instance]]],
    tools: Mapping[str, Tool | None],
) -> list[str]:
    every = [one for drawn in questions.values() for _, one in drawn]
    route = ParserRoute(catalog, bench.sandbox, None)
    results = await for_each(lambda one: route.attempt(Asked.of(one.question)), every)
    parsed = sum(isinstance(one, Answer) for one in results)
    live = {one.task for one in catalog.tools}
    return [
        f"{len(live)} tools are live; a call for both shows the model the {TOOLS_SHOWN} nearest of them by n-grams.",
        "The gate is not applied: a model writes arguments for every tool, though the gate may keep it out.",
        f"Parsers, which the loop asks before any of these methods, take {parsed} of the {len(every)} questions.",
        "A look-alike asks for what no tool does: each one that is answered counts as a false hit, even where the "
        "answer happens to be right.",
        "Seconds are those that the calls took when they were made; the tools take none worth counting.",
        *(f"{name} is left out: no build gave a tool with a user route." for name in tools if name not in live),
    ]


async def _measure(
    bench: BenchRun,
    catalog: Catalog,
    questions: Mapping[str, Sequence[tuple[str, Instance]]],
    notes: list[str],
) -> AsyncIterator[Measured]:
    """Measure model by model; a note says which are not recorded."""
    missing: list[RecordingError] = []
    users, dispatchers = bench.models_of(Role.USER, PART), bench.models_of(Role.DISPATCHER, PART)
    for user, dispatcher in zip(users, dispatchers, strict=True):
        try:
            for method, route in _routes(bench, catalog, user, dispatcher).items():
                for what, drawn in questions.items():
                    outcomes = await _ask(bench, route, drawn, f"{user.name}: {method}")
                    yield Measured(method=method, model=user.name, what=what, outcomes=outcomes)
        except RecordingError as error:
            missing.append(error)
            notes.append(f"{user.name} is not recorded on all of these questions.")
    if len(missing) == len(users):
        raise missing[0]


def _routes(
    bench: BenchRun, catalog: Catalog, user: AccountedModel, dispatcher: AccountedModel
) -> dict[str, AnswerRoute]:
    arguments = UserRoute(catalog, bench.sandbox, user)
    routes = (
        DispatchedUser(catalog, dispatcher, arguments),
        OneCallRoute(catalog, bench.sandbox, user),
        NearestUser(catalog, arguments),
    )
    return dict(zip(METHODS, routes, strict=True))


async def _ask(
    bench: BenchRun, route: AnswerRoute, questions: Sequence[tuple[str, Instance]], what: str
) -> list[MethodOutcome]:
    done = 0

    async def one(posed: tuple[str, Instance]) -> MethodOutcome:
        nonlocal done
        name, instance = posed
        asked = Asked.of(instance.question)
        result = await route.attempt(asked)
        done += 1
        bench.on_progress(what, done, len(questions))
        given = result.text if isinstance(result, Answer) else _why_none(result)
        right = isinstance(given, str) and agree(given, instance.answer)
        return MethodOutcome(given=given, right=right, named=asked.task == name, bill=asked.bill)

    return await for_each(one, questions)


def _why_none(refusal: Refusal) -> NoAnswer:
    return NoAnswer.NO_TOOL if refusal.parsed.refusal == NEW_TASK else why_none(refusal)


def _figure(measured: Measured) -> Measurement:
    n, bill, answered = len(measured.outcomes), measured.bill, len(measured.answered)
    right = sum(one.right for one in measured.answered)
    named = sum(one.named for one in measured.outcomes)
    silent = Counter(one.given for one in measured.outcomes if isinstance(one.given, NoAnswer))
    reworded = measured.what == REWORDED
    return Measurement(
        task=measured.what,
        method=measured.method,
        model=measured.model,
        n=n,
        right=right if reworded else n - answered,
        wrong=answered - right if reworded else None,
        lacking={why.value: silent[why] for why in NoAnswer if why in silent},
        input_tokens=bill.usage.input_tokens,
        output_tokens=bill.usage.output_tokens,
        cost_usd=bill.cost_usd,
        seconds=bill.seconds or None,
        model_calls=bill.calls,
        detail=f"right tool named for {named}" if reworded else "",
    )


def _headlines(figures: Sequence[Measurement]) -> tuple[Headline, ...]:
    """One call against two, by the first model that was asked."""
    two, one = (
        next((of for of in figures if of.method == method and of.task == REWORDED), None) for method in METHODS[:2]
    )
    if one is None or two is None:
        return ()
    return (Headline.of(one, f"{REWORDED} right in one call, by {one.model}; in two, {two.right} of {two.n}"),)


def _spent(measured: Sequence[Measured]) -> Table:
    """The cost of each method with each model, over reworded questions and look-alikes."""
    rows: list[tuple[str, ...]] = []
    for method, model in dict.fromkeys((one.method, one.model) for one in measured):
        bills = [one.bill for of in measured if (of.method, of.model) == (method, model) for one in of.outcomes]
        total = one_bill(bills)
        spent = (total.calls, total.usage.input_tokens, total.usage.output_tokens, total.seconds or None)
        each = [UNKNOWN if one is None else number(one / len(bills)) for one in spent]
        rows.append((model, method, str(len(bills)), *each))
    return Table(
        title="Calls, tokens and seconds for a question",
        columns=("model…", "method", "#n", "#calls", "#tokens in", "#tokens out", "#seconds"),
        rows=tuple(rows),
    )
