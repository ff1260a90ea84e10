"""The ways to answer a stream: what each answers, what it pays, and what is counted as a hit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from hammerstone.evals.baselines.caches import SemanticCache, VerbatimCache
from hammerstone.evals.baselines.stream_strategies import (
    LoopRun,
    StrategyStep,
    through_cache,
    through_loop,
    through_mix,
    through_model,
)
from hammerstone.evals.harness.bench_run import BenchRun
from hammerstone.evals.traffic.mixed_traffic import TrafficItem
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store
from hammerstone.store.accounts import Bill
from hammerstone.types import Role, Route

from ..toys import PRICE, Alike, new_bench
from ..words import NAME, models, own

pytestmark = pytest.mark.anyio

MADE_AT = 5  # instances that SETTINGS make a tool from


def paid(*prices: float | None, answer: str | None = "x", strong: int = 0) -> list[StrategyStep]:
    return [
        StrategyStep(answer=answer, hit=False, bill=Bill(calls=1, cost_usd=price), strong=strong) for price in prices
    ]


async def loop(bench: BenchRun, items: Sequence[TrafficItem]) -> LoopRun:
    return await through_loop(bench, items, bench.every_role(), "the loop")


def repeated(item: TrafficItem, times: int) -> list[TrafficItem]:
    return [item] * times


async def test_the_loop_calls_strong_models_until_its_tool_is_live_and_none_after_it(
    store: Store, sandbox: Sandbox
) -> None:
    items = own(9)
    run = await loop(new_bench(store, sandbox, models(items)), items)
    routes = [step.route for step in run.steps]
    assert routes == [Route.SOLVER] * MADE_AT + [Route.PARSER] * 4
    assert [step.strong for step in run.steps] == [1] * (MADE_AT - 1) + [2] + [0] * 4
    assert [step.hit for step in run.steps] == [False] * MADE_AT + [True] * 4
    assert all(step.right(item) for step, item in zip(run.steps, items, strict=True))
    assert (run.live_at, run.failed_builds, run.partial) == ({NAME: MADE_AT}, 0, "")


async def test_a_build_is_billed_to_the_request_that_started_it(store: Store, sandbox: Sandbox) -> None:
    items = own(7)
    run = await loop(new_bench(store, sandbox, models(items)), items)
    bills = [step.bill for step in run.steps]
    assert [bill.cost_usd for bill in bills[: MADE_AT - 1]] == [2 * PRICE] * (MADE_AT - 1)  # dispatcher and solver
    assert bills[MADE_AT - 1].calls > 2
    assert [bill.cost_usd for bill in bills[MADE_AT:]] == [0.0, 0.0]


async def test_the_loop_runs_in_a_store_of_its_own_and_what_is_paid_is_kept(store: Store, sandbox: Sandbox) -> None:
    items = own(7)
    first, again = models(items), models(items)
    one = await loop(new_bench(store, sandbox, first), items)
    two = await loop(new_bench(store, sandbox, again), items)
    assert two == one  # the bills as well
    assert sum(len(model.prompts) for model in again.values()) == 0
    assert store.tasks() == ()


async def test_a_bound_on_the_cost_leaves_the_steps_until_then(store: Store, sandbox: Sandbox) -> None:
    items = own(9)
    run = await loop(new_bench(store, sandbox, models(items), max_cost=6 * PRICE), items)
    assert len(run.steps) == 3
    assert run.partial == "$1.50 spent, the bound is $1.50"


async def test_a_tool_that_fails_its_checks_is_counted_as_a_failed_build(store: Store, sandbox: Sandbox) -> None:
    items = own(6)
    given = models(items, solver=lambda question: f"wrong {len(question)}")
    run = await loop(new_bench(store, sandbox, given), items)
    assert run.live_at == {}
    assert run.failed_builds == 1
    assert not any(step.right(item) for step, item in zip(run.steps, items, strict=True))


async def test_everything_to_one_model_pays_each_request_and_counts_calls_of_the_strong_one(
    store: Store, sandbox: Sandbox
) -> None:
    items = own(3)
    bench = new_bench(store, sandbox, models(items))
    strong = await through_model(bench, items, bench.model(Role.SOLVER), strong=True)
    cheap = await through_model(bench, items, bench.model(Role.USER), strong=False)
    assert [(step.strong, step.bill.cost_usd, step.hit) for step in strong] == [(1, PRICE, False)] * 3
    assert [(step.strong, step.bill.cost_usd, step.hit) for step in cheap] == [(0, PRICE, False)] * 3
    assert all(step.right(item) for step, item in zip(strong, items, strict=True))
    assert not any(step.right(item) for step, item in zip(cheap, items, strict=True))


async def test_a_cache_answers_what_it_has_stored_for_nothing_and_else_pays_the_strong_model() -> None:
    item, other = own(2)
    strong = paid(1.0, 1.0, 1.0, answer="as stored", strong=1)
    steps = await through_cache(VerbatimCache(), [item, other, item], strong)
    assert steps[:2] == strong[:2]
    assert (steps[2].answer, steps[2].hit, steps[2].bill, steps[2].strong) == ("as stored", True, Bill(), 0)


async def test_a_cache_stores_no_answer_where_the_strong_model_had_none() -> None:
    (item,) = own(1)
    steps = await through_cache(VerbatimCache(), repeated(item, 2), paid(1.0, 1.0, answer=None))
    assert [step.hit for step in steps] == [False, False]


async def test_a_wrong_answer_of_a_cache_is_a_hit_like_any_other() -> None:
    items = own(2)
    answers = [item.request.answer for item in items]
    strong = [replace(step, answer=answer) for step, answer in zip(paid(1.0, 1.0), answers, strict=True)]
    first, second = await through_cache(SemanticCache(Alike(), 0.9), items, strong)
    assert first.right(items[0])
    assert second.hit
    assert not second.right(items[1])


def test_a_mix_takes_the_strong_model_as_often_as_the_money_allows() -> None:
    strong, cheap = paid(*[1.0] * 1000, strong=1), paid(*[0.0] * 1000)
    for dollars, low, high in ((0.0, 0, 0), (250.0, 200, 300), (1000.0, 1000, 1000), (5000.0, 1000, 1000)):
        mixed = through_mix(strong, cheap, dollars, seed=0)
        assert low <= sum(step.strong for step in mixed) <= high


def test_a_mix_is_all_cheap_where_even_that_costs_more_than_there_is() -> None:
    strong, cheap = paid(1.0, 1.0, strong=1), paid(0.5, 0.5)
    assert through_mix(strong, cheap, 0.2, seed=0) == cheap


def test_a_mix_of_two_that_cost_the_same_is_the_cheap_one() -> None:
    strong, cheap = paid(1.0, strong=1), paid(1.0)
    assert through_mix(strong, cheap, 1.0, seed=0) == cheap
