"""False hits on look-alike questions: by tools that are strict and lax, and by caches that cannot know better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from hammerstone.errors import InputError
from hammerstone.evals.baselines.embeddings import Vector
from hammerstone.evals.experiments.near_miss import EQUAL_HITS, STORED, THRESHOLDS, ToolLookup, run_near_miss
from hammerstone.evals.harness.live_tools import catalog_of
from hammerstone.evals.harness.samples import Samples, generated_samples
from hammerstone.evals.report.experiment_result import Measurement, Result
from hammerstone.evals.tasks import near_misses
from hammerstone.routes import ParserRoute
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store
from hammerstone.tools.tool import Tool
from hammerstone.types import Role, Route

from ...samples.sums import tool
from ..toys import PRICE, Alike, maker, new_bench, priced, roles, samples

pytestmark = pytest.mark.anyio

NAME = "word_sorting"
STRICT = r'''
import re

def solve(words: list[str]) -> str:
    """The words in alphabetical order, with single spaces."""
    return " ".join(sorted(words))

def parse(question: str) -> dict | None:
    match = re.fullmatch(r"Sort the following words alphabetically: List: ([a-z'&]+(?: [a-z'&]+)*)", question)
    return {"words": match[1].split(" ")} if match else None

def unparse(words: list[str]) -> str:
    return f"Sort the following words alphabetically: List: {' '.join(words)}"
'''
# It reproduces three of the five look-alikes and sorts them all the same way: their wording is read, and not heeded.
LAX = r'''
import re

def solve(words: list[str], manner: str) -> str:
    """The words in alphabetical order, with single spaces."""
    return " ".join(sorted(words))

def parse(question: str) -> dict | None:
    manners = "|, each of them once| and spell each backwards| by their last letter"
    match = re.fullmatch(rf"Sort the following words alphabetically({manners}): List: ([a-z'& ]+)", question)
    return {"words": match[2].split(" "), "manner": match[1]} if match else None

def unparse(words: list[str], manner: str) -> str:
    return f"Sort the following words alphabetically{manner}: List: {' '.join(words)}"
'''
# Refuses the longest lists: few enough for the tool to go live.
PICKY = STRICT.replace("if match else None", "if match and match[1].count(' ') < 16 else None")
OURS, EXACT, GRAMS = "hammerstone, parser route", "exact cache", "character 4-grams"
TASKS = [generated_samples(NAME, 5, 0)]


def semantic(embedding: str) -> list[str]:
    """The semantic cache's name at each threshold."""
    return [f"semantic cache of {embedding}, {one:g}" for one in THRESHOLDS]


def equal(embedding: str) -> str:
    return f"semantic cache of {embedding}, {EQUAL_HITS}"


class Apart:
    """One that sees nothing in common."""

    name = "all apart"

    def __init__(self) -> None:
        self._seen = 0

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        self._seen += 1
        return [{f"{self._seen}": 1.0} for _ in texts]


async def run(store: Store, sandbox: Sandbox, code: str = STRICT, n: int = 5, **options) -> Result:
    models = roles(maker=maker({NAME: code}), user=priced(lambda _: "null", "user"))
    return await run_near_miss(new_bench(store, sandbox, models, n=n, **options), TASKS)


def of_task(result: Result, task: str = NAME) -> dict[str, Measurement]:
    return {one.method: one for one in result.figures if one.task == task}


async def test_a_strict_tool_has_no_false_hit_and_answers_its_own_form(store: Store, sandbox: Sandbox) -> None:
    result = await run(store, sandbox)
    figures = of_task(result)
    assert list(figures) == [OURS, EXACT, *semantic(GRAMS), equal(GRAMS)]
    assert (figures[OURS].right, figures[OURS].n) == (5, 5)
    assert figures[OURS].detail == "own form: 5 of 5 hit, 0 of them wrong; near-misses: 0 hit"
    assert {one.model_calls for one in figures.values()} == {0}
    assert (result.experiment, result.partial, result.models) == ("near-miss", "", {"maker": "maker"})


async def test_a_lax_tool_is_counted_wrong_for_each_look_alike_that_it_answers(store: Store, sandbox: Sandbox) -> None:
    """The maker's checks let it pass: no word of the shown questions goes unread. Three kinds of five are wrong."""
    figures = of_task(await run(store, sandbox, LAX))
    assert (figures[OURS].right, figures[OURS].n) == (2, 5)
    assert figures[OURS].detail == "own form: 5 of 5 hit, 0 of them wrong; near-misses: 3 hit"
    assert figures[EXACT].right == 5


async def test_an_exact_cache_is_never_wrong_and_never_hits_a_fresh_question(store: Store, sandbox: Sandbox) -> None:
    one = of_task(await run(store, sandbox))[EXACT]
    assert (one.right, one.n) == (5, 5)
    assert one.detail == "own form: 0 of 5 hit, 0 of them wrong; near-misses: 0 hit"


async def test_a_cache_that_sees_no_difference_is_wrong_on_everything(store: Store, sandbox: Sandbox) -> None:
    result = await run(store, sandbox, embeddings=(Alike(),))
    for name in (*semantic("all alike"), equal("all alike")):
        assert of_task(result)[name].right == 0
        assert of_task(result)[name].detail == "own form: 5 of 5 hit, 5 of them wrong; near-misses: 5 hit"
    assert f"The caches hold {STORED} answered questions of the task." in result.notes


async def test_a_cache_that_sees_nothing_in_common_is_never_wrong_at_its_usual_thresholds(
    store: Store, sandbox: Sandbox
) -> None:
    figures = of_task(await run(store, sandbox, embeddings=(Apart(),)))
    for name in semantic("all apart"):
        assert figures[name].detail == "own form: 0 of 5 hit, 0 of them wrong; near-misses: 0 hit"
    assert figures[equal("all apart")].right == 0  # to hit as often as the tool it must let everything through


async def test_each_embedding_has_caches_of_its_own(store: Store, sandbox: Sandbox) -> None:
    figures = of_task(await run(store, sandbox, embeddings=(Alike(), Apart())))
    both = ("all alike", "all apart")
    assert list(figures) == [OURS, EXACT, *(name for one in both for name in semantic(one)), *map(equal, both)]


async def test_a_semantic_cache_is_wrong_at_the_threshold_at_which_it_hits_as_often(
    store: Store, sandbox: Sandbox
) -> None:
    figures = of_task(await run(store, sandbox, n=10))
    assert figures[equal(GRAMS)].detail.startswith("own form: 10 of 10 hit, 10 of them wrong; near-misses: ")
    assert figures[equal(GRAMS)].right < 10 == figures[OURS].right


async def test_the_equal_hit_rate_is_that_of_the_tool_not_of_all_questions(store: Store, sandbox: Sandbox) -> None:
    """A tool that refuses long lists: as many own-form questions are let through by the cache, and no more."""
    figures = of_task(await run(store, sandbox, PICKY, n=12))
    ours, theirs = (figures[name].detail.split(" hit")[0] for name in (OURS, equal(GRAMS)))
    assert ours == theirs
    assert ours not in ("own form: 0 of 12", "own form: 12 of 12")


async def test_without_a_tool_nothing_is_hit_at_the_equal_rate_either(store: Store, sandbox: Sandbox) -> None:
    result = await run(store, sandbox, "x = (", embeddings=(Alike(),))
    for name in (OURS, equal("all alike")):
        assert of_task(result)[name].detail == "own form: 0 of 5 hit, 0 of them wrong; near-misses: 0 hit"
    assert f"{NAME}: no build gave a tool." in result.notes


async def test_the_caches_have_seen_neither_the_fresh_questions_nor_the_near_misses(
    store: Store, sandbox: Sandbox
) -> None:
    class Noting(Alike):
        def __init__(self) -> None:
            self.texts: list[str] = []

        async def embed(self, texts: Sequence[str]) -> list[Vector]:
            self.texts += texts
            return await super().embed(texts)

    noting = Noting()
    await run(store, sandbox, embeddings=(noting,))
    fresh = [one.question for one in TASKS[0].asked]
    alike = [one.question for one in near_misses(NAME, 5, 0)]
    drawn = [one.question for one in generated_samples(NAME, STORED + 5, 0).asked]
    assert set(noting.texts) == {*fresh, *alike, *drawn[5:]}
    assert len(drawn[5:]) == STORED
    assert noting.texts[: 3 * STORED] == drawn[5:] * 3  # first the caches are filled


async def test_the_sums_over_all_tasks_hold_hits_and_wrong_ones(store: Store, sandbox: Sandbox) -> None:
    code = STRICT.replace("sorted(words)", "sorted(words, reverse=True)")  # wrong for its own maker: no tool
    models = roles(maker=maker({NAME: LAX, "dyck": code}), user=priced(lambda _: "null", "user"))
    tasks = [*TASKS, generated_samples("dyck", 5, 0)]
    result = await run_near_miss(new_bench(store, sandbox, models, n=5, embeddings=(Alike(),)), tasks)
    one = of_task(result, "all")[OURS]
    assert (one.right, one.n) == (7, 10)
    assert one.detail == "own form: 5 of 10 hit, 0 of them wrong; near-misses: 3 hit"
    cache = semantic("all alike")[0]
    assert of_task(result, "all")[cache].right == of_task(result, "dyck")[cache].right


async def test_a_task_from_a_file_is_reported_before_anything_is_paid(store: Store, sandbox: Sandbox) -> None:
    """This holds even for a file with the name of one of our tasks: its questions may be others."""
    for given in (samples(), replace(TASKS[0], generated=False)):
        models = roles()
        with pytest.raises(InputError, match=f"own tasks, and {given.task} is read from a file") as told:
            await run_near_miss(new_bench(store, sandbox, models), [*TASKS, given])
        assert "word_sorting" in told.value.hint
        assert models[Role.MAKER].prompts == []


async def test_a_bound_on_the_cost_leaves_the_tasks_whose_tools_were_tried(store: Store, sandbox: Sandbox) -> None:
    """A task whose tool could not be paid would otherwise stand there as one without false hits."""
    models = roles(maker=maker({NAME: STRICT, "dyck": "x = ("}), user=priced(lambda _: "null", "user"))
    tasks: list[Samples] = [*TASKS, generated_samples("dyck", 5, 0)]
    bench = new_bench(store, sandbox, models, n=5, max_cost=4 * PRICE)
    result = await run_near_miss(bench, tasks)
    assert {one.task for one in result.figures} == {NAME, "all"}
    assert result.partial == "$1.00 spent, the bound is $1.00"


# the parser route over several tools

SUM_QUESTION = "What is the sum of 3 and 4?"


async def lookup(sandbox: Sandbox, *tools: Tool) -> ToolLookup:
    return ToolLookup(ParserRoute(await catalog_of(tools), sandbox, None))


async def test_a_question_that_two_tools_take_is_no_hit(sandbox: Sandbox) -> None:
    assert await (await lookup(sandbox, tool())).look(SUM_QUESTION) == "7"
    assert await (await lookup(sandbox, tool(), tool("twin"))).look(SUM_QUESTION) is None
    assert await (await lookup(sandbox)).look(SUM_QUESTION) is None


async def test_a_tool_without_a_parser_route_is_not_asked(sandbox: Sandbox) -> None:
    assert await (await lookup(sandbox, tool(routes=(Route.USER,)))).look(SUM_QUESTION) is None
