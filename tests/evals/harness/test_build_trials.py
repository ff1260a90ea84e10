"""Independent builds: which try brings the tool, why the others did not, and what they have cost."""

from __future__ import annotations

import pytest

from hammerstone.builder.splits import split_instances
from hammerstone.evals.harness.bench_run import CostReachedError
from hammerstone.evals.harness.build_trials import run_build_trial, tool_for
from hammerstone.evals.harness.samples import Samples
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store
from hammerstone.store.accounts import Bill
from hammerstone.store.records import StoredInstance
from hammerstone.testing import FunctionModel
from hammerstone.types import Role, Route, Usage

from ...samples.sums import SETTINGS, SUM, block
from ..toys import PRICE, maker, new_bench, paid, priced, roles, samples, source, user

pytestmark = pytest.mark.anyio

GIVEN = samples()
OF_PRODUCTS = source("product")


def bill_of(calls: int) -> Bill:
    return Bill(calls=calls, cost_usd=calls * PRICE, usage=Usage(input_tokens=100 * calls, output_tokens=10 * calls))


async def test_a_good_module_is_a_live_tool_after_one_reply(store: Store, sandbox: Sandbox) -> None:
    made = await run_build_trial(new_bench(store, sandbox), GIVEN, 0)
    assert made.tool is not None
    assert made.tool.source.strip() == SUM.strip()
    assert made.tool.routes == (Route.PARSER, Route.USER)
    assert made.reason == ""
    assert made.bill == bill_of(1)


async def test_the_maker_is_shown_the_shown_instances_and_never_the_asked_ones(store: Store, sandbox: Sandbox) -> None:
    models = roles(maker=maker({"sum": "x = ("}))
    await run_build_trial(new_bench(store, sandbox, models), GIVEN, 0)
    seen = [message.content for prompt in models[Role.MAKER].prompts for message in prompt.messages]
    assert any(GIVEN.shown[0].question in text for text in seen)
    assert not any(one.question in text for one in GIVEN.asked for text in seen)


@pytest.mark.parametrize(
    ("code", "stage", "why"),
    [
        ("x = (", "checks: ", "not valid Python"),
        (OF_PRODUCTS, "verify: ", "no module passed"),
        ("", "reply: ", "no ```python block"),
    ],
    ids=["syntax", "another task's", "no code"],
)
async def test_a_failed_build_says_its_stage_and_reason(
    store: Store, sandbox: Sandbox, code: str, stage: str, why: str
) -> None:
    model = priced(lambda _: block(code) if code else "I would rather not.", "maker")
    made = await run_build_trial(new_bench(store, sandbox, roles(maker=model)), GIVEN, 0)
    assert made.tool is None
    assert made.reason.startswith(stage)
    assert why in made.reason
    assert "\n" not in made.reason
    assert made.bill == bill_of(3)  # the first reply and two repairs


def held_out(given: Samples) -> list[str]:
    """The questions that a build keeps for its gate."""
    instances = [StoredInstance(**vars(one), id=at, request_id=str(at)) for at, one in enumerate(given.shown, 1)]
    return [one.question for one in split_instances(instances, SETTINGS.build.module, spare=True).held_out]


async def test_what_fails_at_the_gate_counts_its_replies_alone(store: Store, sandbox: Sandbox) -> None:
    """The gate's findings are stored beside the replies, but are no replies."""
    given = samples(shown=7)
    lefts = {int(question.split()[5]) for question in held_out(given)}
    assert len(lefts) == 2  # one wrong answer alone might be the label's fault
    models = roles(maker=maker({"sum": SUM.replace("str(left + right)", f"str(left + right + (left in {lefts}))")}))
    made = await run_build_trial(new_bench(store, sandbox, models), given, 0)
    assert made.tool is None
    assert made.reason.startswith("gate: ")
    assert [one.stage for one in made.attempts] == ["passed", "gate"]
    assert made.bill == bill_of(1)


async def test_a_held_back_tool_is_no_tool(store: Store, sandbox: Sandbox) -> None:
    """It agrees with all instances but one; the labels are right here, so nobody is asked."""
    models = roles(maker=maker({"sum": SUM.replace("str(left + right)", "str(left + right + (left == 3))")}))
    made = await run_build_trial(new_bench(store, sandbox, models), GIVEN, 0)
    assert made.tool is None
    assert made.reason.startswith("needs review: the tool agrees with every instance but one")


async def test_tries_are_independent_draws_of_the_same_prompt(store: Store, sandbox: Sandbox) -> None:
    models = roles()
    bench = new_bench(store, sandbox, models)
    for number in range(3):
        await run_build_trial(bench, GIVEN, number)
    prompts = models[Role.MAKER].prompts
    assert [prompt.sample for prompt in prompts] == [0, 1, 2]
    assert len({prompt.messages for prompt in prompts}) == 1


def right_at(sample: int) -> FunctionModel:
    return priced(lambda prompt: block(SUM if prompt.sample == sample else OF_PRODUCTS), "maker")


async def test_a_try_learns_nothing_of_the_tries_before_it(store: Store, sandbox: Sandbox) -> None:
    bench = new_bench(store, sandbox, roles(maker=right_at(1)))
    trials = [await run_build_trial(bench, GIVEN, number) for number in range(3)]
    assert [made.tool is not None for made in trials] == [False, True, False]


async def test_the_tool_is_that_of_the_first_try_that_brings_one_and_all_up_to_it_are_paid(
    store: Store, sandbox: Sandbox
) -> None:
    model = right_at(1)
    tool, bill = await tool_for(new_bench(store, sandbox, roles(maker=model)), GIVEN)
    assert tool is not None
    assert {prompt.sample for prompt in model.prompts} == {0, 1}
    assert bill == bill_of(len(model.prompts))


async def test_no_tool_comes_of_tries_that_all_fail_and_they_are_paid_all_the_same(
    store: Store, sandbox: Sandbox
) -> None:
    model = right_at(3)
    tool, bill = await tool_for(new_bench(store, sandbox, roles(maker=model)), GIVEN)
    assert tool is None
    assert {prompt.sample for prompt in model.prompts} == {0, 1, 2}
    assert bill == bill_of(len(model.prompts))


async def test_a_build_that_is_run_again_pays_nothing_and_has_the_same_bill(store: Store, sandbox: Sandbox) -> None:
    bills = [(await tool_for(new_bench(store, sandbox, roles(maker=right_at(1))), GIVEN))[1] for _ in range(2)]
    assert bills[0] == bills[1]
    assert sum(row.calls for row in store.ledger() if row.role is Role.MAKER) == bills[0].calls


async def test_a_build_leaves_no_task_in_the_store_of_the_run(store: Store, sandbox: Sandbox) -> None:
    await run_build_trial(new_bench(store, sandbox), GIVEN, 0)
    assert store.tasks() == ()


async def test_a_bound_on_the_cost_ends_a_build_and_is_no_failed_try(store: Store, sandbox: Sandbox) -> None:
    bench = new_bench(store, sandbox, roles(maker=right_at(9)), max_cost=2 * PRICE)
    with pytest.raises(CostReachedError):
        await run_build_trial(bench, GIVEN, 0)


async def test_an_unknown_price_stays_unknown(store: Store, sandbox: Sandbox) -> None:
    model = FunctionModel(lambda _: paid(block(SUM), None), name="maker")
    _, bill = await tool_for(new_bench(store, sandbox, roles(maker=model, user=user())), GIVEN)
    assert (bill.calls, bill.cost_usd) == (1, None)
