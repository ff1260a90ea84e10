"""Tables 2 and 4: tool users against prompting alone, and the parser route, which needs no model."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from hammerstone.errors import InputError, RecordingError
from hammerstone.evals.baselines.answer_methods import (
    FEW,
    ChainOfThought,
    Direct,
    Method,
    ProgramOfThought,
    ToolWithParser,
    ToolWithUser,
    worked_examples,
)
from hammerstone.evals.harness.accuracy import measure_accuracy, totals
from hammerstone.evals.harness.bench_run import BenchRun, CostReachedError, one_bill
from hammerstone.evals.harness.build_trials import tool_for
from hammerstone.evals.harness.samples import Samples, samples_for
from hammerstone.evals.report.experiment_result import NO_MODEL, Headline, Measurement, Result, Series, Table
from hammerstone.evals.report.result_tables import cost_of
from hammerstone.store import AccountedModel, Bill
from hammerstone.tools import Tool
from hammerstone.types import Role, Route

__all__ = ["METHODS", "check_methods", "run_use"]

METHODS = ("direct", "cot", "user", "pot", "parser")  # in this order: pot may take as many tokens as user took

PAPER_COT = {"logical_deduction": 88.8, "tracking_shuffled_objects": 100.0, "dyck": 63.6, "word_sorting": 90.9}
PAPER_DIRECT = {"chinese_remainder": 0.0, "schedule_meeting": 55.6}
PAPER_USER = {
    "logical_deduction": 79.7,
    "tracking_shuffled_objects": 99.6,
    "dyck": 92.2,
    "word_sorting": 98.3,
    "chinese_remainder": 100.0,
    "schedule_meeting": 100.0,
}
"""LATM, table 2: GPT-4's few-shot baseline (chain of thought; direct for the last two), GPT-3.5 Turbo with tools."""

AS_SERVED = "tool, user, behind the gate"
PARSED = 240  # the parser route costs nothing, so it is asked as many as the paper's test sets hold


async def run_use(bench: BenchRun, tasks: Sequence[Samples], methods: Sequence[str] = METHODS) -> Result:
    """Each method on each task, with each of the bench's users, one after the other: a bound on the cost cuts off whole
    measurements.

    Raises `InputError` for an unknown method, and the errors of models, store and sandbox.
    """
    check_methods(methods)
    measurements: list[Measurement] = []
    builds: list[Bill] = []
    lacking: list[str] = []
    partial = ""
    try:
        for samples in tasks:
            tool, build = await tool_for(bench, samples) if {"user", "parser", "pot"} & set(methods) else (None, Bill())
            builds.append(build)
            lacking += _lacking(samples.task, tool, methods)
            async for measurement in _task(bench, samples, tool, build, methods, lacking):
                measurements.append(measurement)
    except CostReachedError as error:
        partial = error.message
    return Result(
        experiment="use",
        title="Tool users against prompting alone (LATM, tables 2 and 4)",
        seed=bench.seed,
        models={role: bench.models[role].name for role in (Role.MAKER, Role.USER)},
        figures=(*measurements, *totals(measurements)),
        headlines=_headlines(totals(measurements)),
        series=_cost_series(measurements, one_bill(builds), len(builds)),
        tables=_constant(bench, [one for one in tasks if one.task in {of.task for of in measurements}]),
        notes=(
            "The paper's figures are GPT-4's for chain of thought (first four tasks) and direct (last two), and "
            "GPT-3.5 Turbo's with the tool for both of a tool's routes: the paper has no parser route.",
            "The cost of a tool excludes its build. The plots of cost per request include it, and mark where the tool "
            "becomes cheaper than the same model's own chain of thought, if it does.",
            f"{FEW} solved examples stand in each few-shot prompt. The tools get questions in their task's own form, "
            "which the loop would give to their parsers: the user is measured here with the parsers switched off.",
            "Behind the gate: a tool is served with a model's arguments only where the model has answered its held-out "
            "questions, two or more, without a mistake and at least one of them. Where it has not, its questions count "
            "as not asked.",
            *lacking,
        ),
        partial=partial,
    )


def check_methods(methods: Sequence[str]) -> None:
    """Check the methods. Raises `InputError` for an unknown one."""
    for name in methods:
        if name not in METHODS:
            raise InputError(f"unknown method {name!r}", hint=f"the methods are {', '.join(METHODS)}")


def _lacking(task: str, tool: Tool | None, methods: Sequence[str]) -> list[str]:
    """Notes on a tool's routes without a measurement for this task: a reader who compares totals must know."""
    routes = [route for route in (Route.USER, Route.PARSER) if route in methods]
    return [
        f"{task} has no measurement of the tool's {route} route: "
        + ("no build gave a tool." if tool is None else "that route did not pass the gate.")
        for route in routes
        if tool is None or route not in tool.routes
    ]


async def _task(
    bench: BenchRun,
    samples: Samples,
    tool: Tool | None,
    build: Bill,
    methods: Sequence[str],
    lacking: list[str],
) -> AsyncIterator[Measurement]:
    """Yield each measurement when it is finished, so that those before the bound on the cost stay."""
    first, *beside = bench.models_of(Role.USER)
    async for measurement in _by_user(bench, samples, tool, build, methods, first):
        yield measurement
    for user in beside:
        try:
            async for measurement in _by_user(bench, samples, tool, build, methods, user):
                yield measurement
        except RecordingError:
            lacking.append(f"{samples.task}: not all that {user.name} would be asked is recorded.")
    if "parser" in methods and tool is not None and Route.PARSER in tool.routes:
        every = len(samples.asked) + len(samples.more)
        many = samples_for(samples, max(PARSED, bench.n) if samples.generated else every, bench.seed)
        route = ToolWithParser(bench.sandbox, tool)
        yield await measure_accuracy(bench, many, route, NO_MODEL, paper=_paper("parser", samples.task))


async def _by_user(
    bench: BenchRun,
    samples: Samples,
    tool: Tool | None,
    build: Bill,
    methods: Sequence[str],
    user: AccountedModel,
) -> AsyncIterator[Measurement]:
    """Measure the methods that ask this model; behind its own gate, too, if the tool has passed that of another."""
    measurements: list[Measurement] = []
    own = samples_for(samples, bench.n_of(user), bench.seed)
    for name in _asked_of(bench, user, methods):
        method = await _method(bench, own, tool, user, name, _budget(build, measurements, len(own.asked)))
        if method is not None:
            paper = _paper(name, own.task)
            measurements.append(await measure_accuracy(bench, own, method, user.name, paper=paper))
            yield measurements[-1]
    if user is bench.model(Role.USER):
        return
    for one in measurements:
        if one.method == ToolWithUser.name:
            gated, _ = await tool_for(bench, samples, user=user)
            yield _as_served(one, passed=gated is not None and Route.USER in gated.routes)


def _as_served(measurement: Measurement, *, passed: bool) -> Measurement:
    """The user route's measurement behind the gate, which a model passes or not: if it did not, it is never asked."""
    served = replace(measurement, method=AS_SERVED, paper=None)
    if passed:
        return served
    nothing = replace(served, right=0, wrong=0, lacking={"not asked, since the gate was not passed": measurement.n})
    return replace(nothing, input_tokens=0, output_tokens=0, cost_usd=0.0, seconds=None, model_calls=0)


def _asked_of(bench: BenchRun, user: AccountedModel, methods: Sequence[str]) -> list[str]:
    """The methods that ask a model and are measured with this one."""
    asking = [name for name in METHODS if name in methods and name != "parser"]
    return [name for name in asking if user in bench.models_of(Role.USER, name)]


def _paper(method: str, task: str) -> float | None:
    measurements = {"cot": PAPER_COT, "direct": PAPER_DIRECT, "user": PAPER_USER, "parser": PAPER_USER}
    return measurements.get(method, {}).get(task)


async def _method(
    bench: BenchRun, samples: Samples, tool: Tool | None, user: AccountedModel, name: str, budget: int | None
) -> Method | None:
    """The method of this name; `None` where it needs a tool and there is none, or one without that route."""
    match name:
        case "direct":
            return Direct(user, samples.shown)
        case "cot":
            return ChainOfThought(user, await worked_examples(user, samples.shown, Bill()))
        case "pot":
            return ProgramOfThought(user, bench.sandbox, samples.shown, max_tokens=budget)
        case "user" if tool is not None and Route.USER in tool.routes:
            return ToolWithUser(user, bench.sandbox, tool)
        case _:
            return None


def _budget(build: Bill, measurements: Sequence[Measurement], n: int) -> int | None:
    """Output tokens per request by the tool's user route, its build spread over `n`; `None` where unknown."""
    user = next((one.output_tokens for one in measurements if one.method == ToolWithUser.name), 0)
    tokens = build.usage.output_tokens
    return -(-(tokens + user) // n) if tokens is not None and user is not None and n else None


def _constant(bench: BenchRun, tasks: Sequence[Samples]) -> tuple[Table, ...]:
    """What the best single answer would reach: where there are few answers, a model may do no better than repeat it."""
    n = max(bench.n_of(user) for user in bench.models_of(Role.USER))
    rows: list[tuple[str, ...]] = []
    for samples in tasks:
        asked = [one.answer for one in samples_for(samples, n, bench.seed).asked]
        answer, right = Counter(asked).most_common(1)[0]
        rows.append((samples.task, answer, f"{right}/{len(asked)}"))
    return (Table(title="The same answer to every question", columns=("task", "answer…", "#right"), rows=tuple(rows)),)


def _headlines(all_tasks: Sequence[Measurement]) -> tuple[Headline, ...]:
    """A small model with the tools against the same model without, if there is one; and the parsers."""
    by_tool = [one for one in all_tasks if one.method == ToolWithUser.name]
    words = {Direct.name: "directly", ChainOfThought.OWN: "by its own chain of thought"}
    found: list[Headline] = []
    for one in by_tool[1:2] or by_tool[:1]:
        same = [other for other in all_tasks if (other.model, other.n) == (one.model, one.n) and other.method in words]
        prompted = [f"{other.right:,} {words[other.method]}" for other in same]
        found.append(Headline.of(one, "; ".join([f"right by {one.model} with the tools", *prompted])))
    parsed = [one for one in all_tasks if one.method == ToolWithParser.name]
    return (*found, *(Headline.of(one, "right by the tools' parsers, without a model") for one in parsed))


def _cost_series(measurements: Sequence[Measurement], build: Bill, tasks: int) -> tuple[Series, ...]:
    """Dollars per request for each user model, the build of one tool divided over the requests of its task.

    A tool's break-even is where it has become cheaper than the chain of thought of the same model, if that answers
    anything right: there is nothing to save where nobody would ask it.
    """
    if build.cost_usd is None or not tasks:
        return ()
    made = build.cost_usd / tasks
    every = [one for one in totals(measurements) if one.cost_usd is not None and one.n and one.method != AS_SERVED]
    series: list[Series] = []
    for model in dict.fromkeys(one.model for one in every if one.model != NO_MODEL):
        own = [one for one in every if one.model == model or one.method == ToolWithParser.name]
        thought = next((_each(one) for one in own if one.method == ChainOfThought.OWN and one.right), None)
        series += [_cost_line(model, one, made, thought) for one in own]
    return tuple(series)


def _cost_line(model: str, one: Measurement, made: float, thought: float | None) -> Series:
    fixed, cost = made if one.method.startswith("tool") else 0.0, _each(one)
    even = made / (thought - cost) if fixed and thought is not None and thought > cost else None
    counts = (1, 2, 3, 5, 7, 10, 14, 20, 30, 50, 70, 100, 140, 200, 300, 500, 700, 1000)
    dollars = tuple(fixed / count + cost for count in counts)
    return Series(plot=cost_of(model), name=one.method, x=tuple(map(float, counts)), y=dollars, mark=even)


def _each(measurement: Measurement) -> float:
    return (measurement.cost_usd or 0.0) / measurement.n
