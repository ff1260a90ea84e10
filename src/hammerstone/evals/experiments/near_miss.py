"""The wrong-hit test: look-alike questions with another right answer, after each cache has seen the task.

The caches know the right answers of a task's instances; hammerstone has the tools made from some of them. Then come
fresh questions in the task's own form (hits are wanted) and near-misses (a hit with the old meaning is wrong).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hammerstone.evals.bench import Bench, CostReachedError, Samples, generated_samples
from hammerstone.evals.caches import Cache, Embedding, ExactCache, LexicalEmbedding, SemanticCache
from hammerstone.evals.results import Figure, Result
from hammerstone.evals.tasks import near_misses
from hammerstone.evals.tries import tool_for
from hammerstone.latm import parser
from hammerstone.latm.maker.verify import agree
from hammerstone.latm.shortlist import holds_wording
from hammerstone.latm.tool import Tool
from hammerstone.types import Instance, Role, Route

__all__ = ["THRESHOLDS", "run_near_miss"]

THRESHOLDS = (0.8, 0.9, 0.95)  # what semantic caches are usually set to
STORED = 100  # questions per task that the caches have seen
EQUAL_HITS = "at hammerstone's hit rate"


@dataclass(frozen=True, kw_only=True)
class Count:
    """What one way did with some questions."""

    asked: int
    hits: int
    wrong: int


class Tools:
    """hammerstone's parser route over all the tools: it returns an answer only with the proof."""

    name = "hammerstone, parser route"

    def __init__(self, bench: Bench, tools: Sequence[Tool]) -> None:
        self._bench = bench
        self._tools = [tool for tool in tools if Route.PARSER in tool.routes]

    async def look(self, question: str) -> str | None:
        """Two tools that both take a question are a matter for the dispatcher: no hit."""
        given = [
            answer
            for tool in self._tools
            if holds_wording(question, tool.wording)
            and (answer := (await parser.answer(self._bench.sandbox, tool.source, question))[1]) is not None
        ]
        return given[0] if len(given) == 1 else None

    async def store(self, question: str, answer: str) -> None:
        """A tool is made once; it stores how to answer, not answers."""


async def run_near_miss(bench: Bench, tasks: Sequence[Samples], embedding: Embedding | None = None) -> Result:
    """`bench.n` near-misses and as many own-form questions per task, for each way."""
    embedding = embedding or LexicalEmbedding()
    tools: list[Tool] = []
    partial = ""
    try:
        for samples in tasks:
            tool, _ = await tool_for(bench, samples)
            tools += [tool] if tool is not None else []
    except CostReachedError as error:
        partial = error.message
    figures: list[Figure] = []
    for number, samples in enumerate(tasks, 1):
        figures += await _task(bench, samples, Tools(bench, tools), embedding)
        bench.on_progress("near-misses", number, len(tasks))
    return Result(
        experiment="near-miss",
        title="Wrong hits on look-alike questions",
        seed=bench.seed,
        models={Role.MAKER: bench.models[Role.MAKER].name},
        figures=(*figures, *_over_all(figures)),
        notes=(
            "Right counts the near-misses without a wrong hit: n minus right is the number of wrong hits.",
            f"The caches have {STORED} answered questions of the task; their embedding: {embedding.name}.",
            f"'{EQUAL_HITS}' is the semantic cache with the threshold at which it hits as many own-form questions.",
        ),
        partial=partial,
    )


async def _task(bench: Bench, samples: Samples, tools: Tools, embedding: Embedding) -> list[Figure]:
    seen = generated_samples(samples.task, STORED + bench.n, bench.seed).asked
    stored, fresh = seen[bench.n :], seen[: bench.n]
    alike = near_misses(samples.task, bench.n, bench.seed)
    ours = await _count(tools, fresh)
    ways: list[Cache] = [tools, ExactCache(), *(SemanticCache(embedding, one) for one in THRESHOLDS)]
    for way in ways:
        for one in stored:
            await way.store(one.question, one.answer)
    equal = await _with_hits(embedding, stored, fresh, ours.hits)
    return [await _figure(samples.task, way, fresh, alike) for way in (*ways, equal)]


async def _with_hits(
    embedding: Embedding, stored: Sequence[Instance], fresh: Sequence[Instance], hits: int
) -> SemanticCache:
    """The semantic cache whose threshold lets through as many of the fresh questions as hammerstone answers."""
    probe = SemanticCache(embedding, 0.0)
    for one in stored:
        await probe.store(one.question, one.answer)
    found = [await probe.nearest(one.question) for one in fresh]
    scores = sorted((best[0] for best in found if best is not None), reverse=True)
    threshold = scores[min(hits, len(scores)) - 1] if scores and hits else 1.01
    cache = SemanticCache(embedding, threshold)
    cache.name = f"semantic cache, {EQUAL_HITS}"
    for one in stored:
        await cache.store(one.question, one.answer)
    return cache


async def _count(way: Cache | Tools, questions: Sequence[Instance]) -> Count:
    given = [await way.look(one.question) for one in questions]
    wrong = sum(
        answer is not None and not agree(answer, one.answer) for answer, one in zip(given, questions, strict=True)
    )
    return Count(asked=len(questions), hits=sum(answer is not None for answer in given), wrong=wrong)


async def _figure(task: str, way: Cache | Tools, fresh: Sequence[Instance], alike: Sequence[Instance]) -> Figure:
    own, near = await _count(way, fresh), await _count(way, alike)
    return Figure(
        task=task,
        method=way.name,
        model="none",
        n=near.asked,
        right=near.asked - near.wrong,
        model_calls=0,
        detail=f"own form: {own.hits} of {own.asked} hit, {own.wrong} of them wrong; near-misses: {near.hits} hit",
    )


def _over_all(figures: Sequence[Figure]) -> list[Figure]:
    return [
        Figure(
            task="all",
            method=method,
            model="none",
            n=sum(one.n for one in figures if one.method == method),
            right=sum(one.right for one in figures if one.method == method),
            model_calls=0,
        )
        for method in dict.fromkeys(one.method for one in figures)
    ]
