"""The false-hit test: look-alike questions with another right answer, after each cache has seen the task.

The caches know the right answers of a task's instances; hammerstone has the tools built from some of them. Then come
fresh questions in the task's own form (hits are wanted) and near-misses (a hit with the old meaning is wrong).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from hammerstone.errors import InputError
from hammerstone.evals.baselines.caches import SemanticCache, VerbatimCache
from hammerstone.evals.baselines.embeddings import Embedding
from hammerstone.evals.harness.bench_run import BenchRun, CostReachedError
from hammerstone.evals.harness.build_trials import tool_for
from hammerstone.evals.harness.live_tools import catalog_of
from hammerstone.evals.harness.samples import Samples, generated_samples
from hammerstone.evals.report.experiment_result import NO_MODEL, Measurement, Result
from hammerstone.evals.tasks import TASKS, near_misses
from hammerstone.requests import agree
from hammerstone.routes import AnswerRoute, Asked, ParserRoute, text_of
from hammerstone.tools import Tool
from hammerstone.types import Instance, Role

__all__ = ["THRESHOLDS", "check_own", "run_near_miss"]

THRESHOLDS = (0.8, 0.9, 0.95)  # what semantic caches are usually set to
STORED = 100  # questions per task that the caches have seen
EQUAL_HITS = "at hammerstone's hit rate"
NEVER = 1.01  # no cosine is that high


@dataclass(frozen=True, kw_only=True)
class HitCount:
    """One lookup's counts on some questions."""

    asked: int
    hits: int
    wrong: int


@dataclass(frozen=True, kw_only=True)
class HitCounts:
    """One lookup's counts on questions in the task's own form, and on near-misses."""

    method: str
    own: HitCount
    near: HitCount


class Lookup(Protocol):
    """A source of immediate answers: a cache, or the tools."""

    @property
    def name(self) -> str: ...

    async def look(self, question: str) -> str | None: ...


class ToolLookup:
    """hammerstone's parser route over all the tools: it returns an answer only with the proof."""

    name = "hammerstone, parser route"

    def __init__(self, route: AnswerRoute) -> None:
        self._route = route

    async def look(self, question: str) -> str | None:
        return text_of(await self._route.attempt(Asked.of(question)))


async def run_near_miss(bench: BenchRun, tasks: Sequence[Samples]) -> Result:
    """`bench.n` near-misses and as many own-form questions per task, for each lookup.

    Raises `InputError` for tasks that are read from files, and the errors of models, store and sandbox.
    """
    check_own(tasks)
    tools: dict[str, Tool | None] = {}
    partial = ""
    try:
        for samples in tasks:
            tools[samples.task], _ = await tool_for(bench, samples)
    except CostReachedError as error:
        partial = error.message
    catalog = await catalog_of(tool for tool in tools.values() if tool is not None)
    # without a dispatcher, two tools that both take a question are no hit
    lookup = ToolLookup(ParserRoute(catalog, bench.sandbox, None))
    tried = [samples.task for samples in tasks if samples.task in tools]
    counts: list[tuple[str, HitCounts]] = []
    for number, name in enumerate(tried, 1):
        counts += [(name, one) for one in await _task(bench, name, lookup)]
        bench.on_progress("near-misses", number, len(tried))
    return Result(
        experiment="near-miss",
        title="False hits on look-alike questions",
        seed=bench.seed,
        models={Role.MAKER: bench.models[Role.MAKER].name},
        figures=(*(_measurement(name, one) for name, one in counts), *_over_all([one for _, one in counts])),
        notes=(
            "Right counts the near-misses without a false hit: n minus right is the number of false hits.",
            f"The caches hold {STORED} answered questions of the task.",
            f"'{EQUAL_HITS}' is a semantic cache whose threshold gives as many own-form hits as hammerstone has.",
            *(f"{name}: no build gave a tool." for name, tool in tools.items() if tool is None),
        ),
        partial=partial,
    )


def check_own(tasks: Sequence[Samples]) -> None:
    """Check the tasks. Raises `InputError` for one from a file: nobody knows its near-misses and paraphrases."""
    for samples in tasks:
        if not samples.generated:
            raise InputError(
                f"look-alikes exist only for hammerstone's own tasks, and {samples.task} is read from a file",
                hint=f"leave it out of --tasks, or run another experiment; its own tasks are {', '.join(TASKS)}",
            )


async def _task(bench: BenchRun, name: str, tools: ToolLookup) -> list[HitCounts]:
    seen = generated_samples(name, STORED + bench.n, bench.seed).asked
    stored, fresh = seen[bench.n :], seen[: bench.n]
    alike = near_misses(name, bench.n, bench.seed)
    caches = [VerbatimCache(), *(SemanticCache(of, one) for of in bench.embeddings for one in THRESHOLDS)]
    for cache in caches:
        for one in stored:
            await cache.store(one.question, one.answer)
    ours = await _counts(tools, fresh, alike)
    caches += [await _with_hits(of, stored, fresh, ours.own.hits) for of in bench.embeddings]
    return [ours, *[await _counts(cache, fresh, alike) for cache in caches]]


async def _with_hits(
    embedding: Embedding, stored: Sequence[Instance], fresh: Sequence[Instance], hits: int
) -> SemanticCache:
    """The semantic cache whose threshold lets through as many of the fresh questions as hammerstone answers."""
    cache = SemanticCache(embedding, NEVER, name=EQUAL_HITS)
    for one in stored:
        await cache.store(one.question, one.answer)
    found = [await cache.nearest(one.question) for one in fresh]
    scores = sorted((best[0] for best in found if best is not None), reverse=True)
    if hits and scores:
        cache.threshold = scores[min(hits, len(scores)) - 1]
    return cache


async def _counts(lookup: Lookup, fresh: Sequence[Instance], alike: Sequence[Instance]) -> HitCounts:
    return HitCounts(method=lookup.name, own=await _count(lookup, fresh), near=await _count(lookup, alike))


async def _count(lookup: Lookup, questions: Sequence[Instance]) -> HitCount:
    given = [await lookup.look(one.question) for one in questions]
    wrong = sum(
        answer is not None and not agree(answer, one.answer) for answer, one in zip(given, questions, strict=True)
    )
    return HitCount(asked=len(questions), hits=sum(answer is not None for answer in given), wrong=wrong)


def _measurement(task: str, counts: HitCounts) -> Measurement:
    own, near = counts.own, counts.near
    return Measurement(
        task=task,
        method=counts.method,
        model=NO_MODEL,
        n=near.asked,
        right=near.asked - near.wrong,
        model_calls=0,
        detail=f"own form: {own.hits} of {own.asked} hit, {own.wrong} of them wrong; near-misses: {near.hits} hit",
    )


def _over_all(counts: Sequence[HitCounts]) -> list[Measurement]:
    methods = dict.fromkeys(one.method for one in counts)
    return [_measurement("all", _sum(method, [one for one in counts if one.method == method])) for method in methods]


def _sum(method: str, counts: Sequence[HitCounts]) -> HitCounts:
    def total(parts: Sequence[HitCount]) -> HitCount:
        return HitCount(
            asked=sum(one.asked for one in parts),
            hits=sum(one.hits for one in parts),
            wrong=sum(one.wrong for one in parts),
        )

    return HitCounts(method=method, own=total([one.own for one in counts]), near=total([one.near for one in counts]))
