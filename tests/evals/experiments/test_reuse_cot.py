"""Table 5: the strong model's working in the user's prompt, against the tool."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hammerstone.errors import RecordingError
from hammerstone.evals.experiments.reuse_cot import run_reuse_cot
from hammerstone.evals.harness.bench_run import ExtraModel
from hammerstone.models.model import Prompt
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store
from hammerstone.types import Role

from ...samples.sums import SUM
from ..toys import PRICE, maker, new_bench, priced, right, roles, samples, user

pytestmark = pytest.mark.anyio

REUSED, TOOL = "strong model's chain of thought", "tool, user"
TASKS = [samples("sum"), samples("product")]


def deep(prompt: Prompt) -> str:
    return f"Deep thought.\n{right(prompt)}"


async def test_the_strong_models_working_is_handed_to_the_user(store: Store, sandbox: Sandbox) -> None:
    models = roles(solver=priced(deep, "solver"))
    result = await run_reuse_cot(new_bench(store, sandbox, models), TASKS)
    assert [(one.task, one.method, one.model, one.right, one.n) for one in result.figures] == [
        ("sum", REUSED, "user", 4, 4),
        ("sum", TOOL, "user", 4, 4),
        ("product", REUSED, "user", 4, 4),
        ("product", TOOL, "user", 4, 4),
        ("all", REUSED, "user", 8, 8),
        ("all", TOOL, "user", 8, 8),
    ]
    assert len(models[Role.SOLVER].prompts) == 6  # three examples for each task
    handed = [one.messages[0].content for one in models[Role.USER].prompts if "Deep thought" in one.messages[0].content]
    assert len(handed) == 8
    assert {text.count("Deep thought.\nI take the") for text in handed} == {3}
    assert result.models == {"solver": "solver", "maker": "maker", "user": "user"}


async def test_each_way_is_counted_by_itself(store: Store, sandbox: Sandbox) -> None:
    """A user who cannot follow the working, and can write arguments."""
    follow = user(lambda prompt: "Answer: 0" if "step by step" in prompt.messages[0].content else right(prompt))
    result = await run_reuse_cot(new_bench(store, sandbox, roles(user=follow)), TASKS[:1])
    assert [(one.method, one.right, one.cost_usd) for one in result.figures if one.task == "sum"] == [
        (REUSED, 0, 4 * PRICE),
        (TOOL, 4, 4 * PRICE),
    ]


async def test_the_papers_figures_are_those_of_table_5(store: Store, sandbox: Sandbox) -> None:
    task = replace(samples("sum"), task="tracking_shuffled_objects")
    models = roles(maker=maker({"tracking_shuffled_objects": SUM}))
    result = await run_reuse_cot(new_bench(store, sandbox, models), [task])
    assert {one.method: one.paper for one in result.figures if one.task != "all"} == {REUSED: 63.2, TOOL: 99.6}


async def test_without_a_tool_there_is_only_the_working(store: Store, sandbox: Sandbox) -> None:
    models = roles(maker=maker({"sum": "x = ("}))
    result = await run_reuse_cot(new_bench(store, sandbox, models), TASKS[:1])
    assert {one.method for one in result.figures} == {REUSED}
    assert "sum: no build gave a tool with a user route." in result.notes


async def test_figures_finished_before_the_bound_stay(store: Store, sandbox: Sandbox) -> None:
    """Three examples and four answers are one figure; one reply more goes to the maker, and then it is over."""
    bench = new_bench(store, sandbox, max_cost=8 * PRICE)
    result = await run_reuse_cot(bench, TASKS)
    assert [(one.task, one.method) for one in result.figures] == [("sum", REUSED), ("all", REUSED)]
    assert result.partial == "$2.00 spent, the bound is $2.00"


async def test_a_model_beside_the_roles_is_asked_as_many_as_it_has_and_needs_no_recording_as_a_user(
    store: Store, sandbox: Sandbox
) -> None:
    one = replace(samples("sum", count=2), more=samples("sum").asked[2:])
    extra = ExtraModel(model=priced(right, "small"), parts=frozenset({"reuse-cot"}), n=4)
    result = await run_reuse_cot(new_bench(store, sandbox, n=2, extra=(extra,)), [one])
    assert [
        (figure.method, figure.model, figure.right, figure.n) for figure in result.figures if figure.task == "sum"
    ] == [
        (REUSED, "user", 2, 2),
        (TOOL, "user", 2, 2),
        (REUSED, "small", 4, 4),
    ]


async def test_what_is_not_recorded_of_a_model_beside_the_roles_is_left_out_and_noted(
    store: Store, sandbox: Sandbox
) -> None:
    def forgets(prompt: Prompt) -> str:
        if "product" in prompt.messages[-1].content:
            raise RecordingError("no recording of this prompt")
        return right(prompt)

    extra = ExtraModel(model=priced(forgets, "small"), parts=frozenset({"reuse-cot", "user"}))
    result = await run_reuse_cot(new_bench(store, sandbox, extra=(extra,)), TASKS)
    assert [(figure.task, figure.method) for figure in result.figures if figure.model == "small"] == [
        ("sum", REUSED),
        ("sum", TOOL),
        ("all", REUSED),
        ("all", TOOL),
    ]
    assert "product: not all that small would be asked is recorded." in result.notes
