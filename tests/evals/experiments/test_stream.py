"""The stream experiment: what is counted, what apart, and what its plots hold."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from hammerstone.errors import InputError, RecordingError
from hammerstone.evals.experiments.stream import (
    BLOCK,
    CHEAP,
    LOOP,
    OURS,
    PART,
    STREAM_SHARES,
    STRONG,
    WITHOUT_USER,
    mix_of,
    run_stream,
    with_cheap,
)
from hammerstone.evals.experiments.stream import _break_even as break_even
from hammerstone.evals.experiments.stream import check_requests as check
from hammerstone.evals.harness.bench_run import ExtraModel
from hammerstone.evals.report.experiment_result import Measurement, Result, Series
from hammerstone.evals.traffic.mixed_traffic import generate_traffic
from hammerstone.models.model import Prompt, Reply
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store, open_store
from hammerstone.testing import FunctionModel
from hammerstone.types import Role

from ..toys import PRICE, Alike, new_bench, priced
from ..words import NAME, items, models

pytestmark = pytest.mark.anyio

N = 80
ITEMS = items(N)
COUNTED = sum(not item.rule_changed for item in ITEMS)
CACHES = ["exact cache", *(f"semantic cache of character 4-grams, {one:g}" for one in (0.8, 0.9, 0.95))]


async def run(store: Store, sandbox: Sandbox, given: dict[Role, FunctionModel] | None = None, **options) -> Result:
    return await run_stream(new_bench(store, sandbox, given or models(ITEMS), **options), [NAME], N)


def figures(result: Result, task: str) -> dict[str, Measurement]:
    return {one.method: one for one in result.figures if one.task == task}


def paid(given: dict[Role, FunctionModel]) -> int:
    return sum(len(model.prompts) for model in given.values())


def series(result: Result, plot: str) -> dict[str, Series]:
    return {one.name: one for one in result.series if one.plot == plot}


async def test_every_way_answers_the_whole_stream(store: Store, sandbox: Sandbox) -> None:
    result = await run(store, sandbox)
    over_all = figures(result, "all")
    assert list(over_all) == [OURS, STRONG, *CACHES, WITHOUT_USER, CHEAP, mix_of("cheap")]
    assert {one.n for one in over_all.values()} == {COUNTED}
    assert over_all[STRONG].right == COUNTED
    assert (over_all[CHEAP].right, over_all[CHEAP].wrong) == (0, COUNTED)
    assert (over_all[OURS].right, over_all[OURS].wrong) == (COUNTED, 0)
    assert (result.partial, set(result.models)) == ("", {role.value for role in Role})


async def test_without_the_user_route_no_model_writes_arguments(store: Store, sandbox: Sandbox) -> None:
    result = await run(store, sandbox)
    with_user, without = (figures(result, "all")[one] for one in (OURS, WITHOUT_USER))
    assert without.right == COUNTED
    assert (without.model_calls or 0) < (with_user.model_calls or 0)  # this user refuses, which costs a call


async def test_small_models_answer_the_stream_alone_and_in_a_mix(store: Store, sandbox: Sandbox) -> None:
    tiny = priced(lambda _: f"Answer: {ITEMS[0].request.answer}", "tiny")
    extra = ExtraModel(model=tiny, parts=frozenset({PART}))
    other = ExtraModel(model=priced(lambda _: "", "unrecorded"), parts=frozenset({"use"}))
    over_all = figures(await run(store, sandbox, extra=(extra, other)), "all")
    alone, mixed = list(over_all)[-2:]
    assert (alone, mixed) == ("everything to tiny", mix_of("tiny"))
    same = sum(item.request.answer == ITEMS[0].request.answer for item in ITEMS if not item.rule_changed)
    assert (over_all[alone].right, over_all[mixed].n) == (same, COUNTED)
    assert len(tiny.prompts) == len({item.request.question for item in ITEMS})


async def test_small_models_play_the_cheap_roles_of_the_loop(store: Store, sandbox: Sandbox) -> None:
    """This one knows the task as the dispatcher does, and writes no arguments: what no parser takes is solved."""
    given = models(ITEMS)
    tiny = FunctionModel(given[Role.DISPATCHER].complete, name="tiny")
    extra = ExtraModel(model=tiny, parts=frozenset({LOOP}))
    result = await run(store, sandbox, given, extra=(extra,))
    ours, small = (figures(result, "all")[one] for one in (OURS, with_cheap("tiny")))
    assert (small.right, small.model_calls) == (COUNTED, ours.model_calls)
    assert list(figures(result, f"{with_cheap('tiny')}, by route")) == ["parser", "solver"]
    assert list(figures(result, "all"))[-2:] == [CHEAP, mix_of("cheap")]  # it is not asked to answer by itself


async def test_seconds_are_stated_only_where_every_call_was_timed(store: Store, sandbox: Sandbox) -> None:
    async def timed(_: Prompt) -> Reply:
        return Reply(text="Answer: it", model="tiny", seconds=2.0, cost_usd=0.0)

    extra = ExtraModel(model=FunctionModel(timed, name="tiny"), parts=frozenset({PART}))
    over_all = figures(await run(store, sandbox, extra=(extra,)), "all")
    assert over_all["everything to tiny"].seconds == 2.0 * COUNTED
    assert over_all[mix_of("tiny")].seconds is None


async def test_a_small_model_that_is_recorded_on_other_requests_is_left_out(store: Store, sandbox: Sandbox) -> None:
    def unrecorded(_: Prompt) -> str:
        raise RecordingError("no recording of this prompt")

    extra = ExtraModel(model=priced(unrecorded, "tiny"), parts=frozenset({PART}))
    assert list(figures(await run(store, sandbox, extra=(extra,)), "all"))[-1] == mix_of("cheap")


async def test_each_kind_of_request_has_a_figure_of_its_own(store: Store, sandbox: Sandbox) -> None:
    result = await run(store, sandbox)
    kinds = Counter(item.kind for item in ITEMS if not item.rule_changed)
    for kind in STREAM_SHARES:
        assert figures(result, kind)[OURS].n == kinds[kind]
    assert sum(figures(result, kind)[OURS].right for kind in STREAM_SHARES) == figures(result, "all")[OURS].right


async def test_a_rule_that_changed_under_the_same_words_is_counted_apart(store: Store, sandbox: Sandbox) -> None:
    """With one task, only the template drifts; with a second one, a rule changes too."""
    asked = generate_traffic(N, 0, tasks=(NAME, "dyck"), shares=STREAM_SHARES)
    changed = sum(item.rule_changed for item in asked)
    # Who reads questions answers by the old rule.
    old = {item.request.question: (item.request.answer or "").replace(",", "") for item in asked}
    given = models(asked, solver=old.__getitem__)
    result = await run_stream(new_bench(store, sandbox, given), [NAME, "dyck"], N)
    assert changed > 0
    assert figures(result, "rule changed")[STRONG].n == changed
    assert figures(result, "rule changed")[STRONG].right == 0
    assert figures(result, "all")[STRONG].n == N - changed
    assert figures(result, "all")[STRONG].right == N - changed
    assert any(note.startswith(f"rule changed: {changed} requests") for note in result.notes)
    # A wrong answer that a tool gives for nothing saves neither a call nor a dollar.
    later = sum(not item.rule_changed for item in asked[N // 2 :])
    assert (
        f"{N - changed} for all {N - changed} requests, {later} for the {later}"
        in figures(result, "all")[STRONG].detail
    )
    assert series(result, "cost so far")[STRONG].y[-1] == pytest.approx((N - changed) * PRICE)


async def test_false_hits_are_counted_of_what_can_hit_alone(store: Store, sandbox: Sandbox) -> None:
    """A cache that sees no difference is wrong on all but the first list and its repeats; the tool never is."""
    bench = new_bench(store, sandbox, models(ITEMS), embeddings=(Alike(),))
    found = figures(await run_stream(bench, [NAME], N), "false hits")
    alike = [f"semantic cache of all alike, {one:g}" for one in (0.8, 0.9, 0.95)]
    assert list(found) == [OURS, "exact cache", *alike, WITHOUT_USER]
    assert found[OURS].right == COUNTED
    assert found["exact cache"].right == COUNTED
    same = sum(item.request.answer == ITEMS[0].request.answer for item in ITEMS)
    assert {found[one].right for one in alike} == {same}
    repeats = sum(item.kind == "repeat" for item in ITEMS)
    assert found["exact cache"].detail == f"{repeats} of {COUNTED} hit"


async def test_routes_and_tools_are_counted_and_told_when_made(store: Store, sandbox: Sandbox) -> None:
    result = await run(store, sandbox)
    routes, tools = figures(result, f"{OURS}, by route"), figures(result, f"{OURS}, uses of each tool")
    assert set(routes) == {"parser", "solver"}  # this user refuses everything
    assert sum(one.n for one in routes.values()) == COUNTED
    assert routes["parser"].right == routes["parser"].n
    assert tools[NAME].n == routes["parser"].n
    assert tools[NAME].detail.endswith(f"{routes['parser'].n} times by its parser, 0 times by the user")


async def test_strong_calls_fall_and_the_note_says_by_how_much(store: Store, sandbox: Sandbox) -> None:
    result = await run(store, sandbox)
    calls = series(result, "strong calls")
    assert calls[STRONG].y == (1.0, 1.0)
    assert calls[OURS].x == (float(BLOCK), float(N))
    few = round(calls[OURS].y[1] * BLOCK)
    assert 0 < few < BLOCK
    assert any(f"calls the strong model {few} times" in note and "than the 40 of" in note for note in result.notes)
    assert f"{few} for the 40 of the second half" in figures(result, "all")[OURS].detail


async def test_shares_of_routes_add_up_along_the_stream(store: Store, sandbox: Sandbox) -> None:
    routes = series(await run(store, sandbox), "routes").values()
    for at in range(N // BLOCK):
        assert sum(one.y[at] for one in routes) == pytest.approx(1.0)


async def test_the_break_even_is_the_request_from_which_on_it_stays_cheaper(store: Store, sandbox: Sandbox) -> None:
    cost = series(await run(store, sandbox), "cost so far")
    ours, strong = cost[OURS], cost[STRONG]
    assert ours.mark is not None
    assert strong.mark is None
    later = [(one, other) for x, one, other in zip(ours.x, ours.y, strong.y, strict=True) if x >= ours.mark]
    assert later
    assert all(one < other for one, other in later)
    assert ours.y[0] > strong.y[0]  # a dispatcher's call beside each of the solver's


def test_a_break_even_beyond_the_end_is_extrapolated_from_the_second_half() -> None:
    """Four requests at 5 and then nothing, against 2 each: 20 against 16 after eight, and 2 saved by each from then."""
    paid = [5.0, 10.0, 15.0, 20.0, 20.0, 20.0, 20.0, 20.0]
    dear = [2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0]
    assert break_even(paid, dear) == 10.0
    assert break_even([*paid, 20.0, 20.0, 20.0], [*dear, 18.0, 20.0, 22.0]) == 11.0
    assert break_even(dear, paid) == 1.0
    assert break_even(paid, paid) is None


async def test_without_a_break_even_that_is_said(store: Store, sandbox: Sandbox) -> None:
    given = models(ITEMS)
    given[Role.MAKER] = priced(lambda _: "no tool", "maker")
    result = await run(store, sandbox, given)
    assert series(result, "cost so far")[OURS].mark is None
    assert "Building has not paid for itself by the end of this stream." in result.notes
    assert any("builds ended without a live tool" in note for note in result.notes)


async def test_without_prices_there_is_no_mix_and_no_cost(store: Store, sandbox: Sandbox) -> None:
    given = models(ITEMS)

    def free(role: Role) -> FunctionModel:
        async def reply(prompt: Prompt) -> Reply:
            return replace(await given[role].complete(prompt), cost_usd=None)

        return FunctionModel(reply, name=role)

    result = await run(store, sandbox, {role: free(role) for role in Role})
    assert list(figures(result, "all")) == [OURS, STRONG, *CACHES, WITHOUT_USER, CHEAP]
    assert series(result, "cost so far") == {}
    assert "There is no mix at hammerstone's cost: prices are unknown." in result.notes


async def test_a_bound_on_the_cost_cuts_the_stream_for_all(store: Store, sandbox: Sandbox) -> None:
    result = await run(store, sandbox, max_cost=10 * PRICE)
    assert result.partial == "$2.50 spent, the bound is $2.50"
    (n,) = {one.n for one in figures(result, "all").values()}
    assert 0 < n < COUNTED


async def test_a_bound_that_nothing_can_be_paid_from_ends_without_a_figure(store: Store, sandbox: Sandbox) -> None:
    result = await run(store, sandbox, max_cost=0.0)
    assert (result.figures, result.series) == ((), ())
    assert "the bound is $0.00" in result.partial


async def test_a_run_that_was_cut_off_goes_on_without_paying_again(
    tmp_path: Path, store: Store, sandbox: Sandbox
) -> None:
    first, second, whole = models(ITEMS), models(ITEMS), models(ITEMS)
    await run(store, sandbox, first, max_cost=10 * PRICE)
    rest = await run(store, sandbox, second)
    with open_store(tmp_path / "another home") as other:
        assert rest == await run(other, sandbox, whole)
    assert paid(first) == 10
    assert paid(first) + paid(second) == paid(whole)


def test_a_stream_too_short_to_show_anything_is_refused() -> None:
    check(BLOCK)
    with pytest.raises(InputError, match="a stream of 39 requests is too short") as told:
        check(BLOCK - 1)
    assert "--requests" in told.value.hint
