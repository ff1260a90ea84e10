"""Table 3: how many of k independent builds end in a valid tool, judged on instances that no maker saw."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

import pytest

from hammerstone.errors import RecordingError
from hammerstone.evals.experiments.make_tools import PAPER, run_make
from hammerstone.evals.harness.bench_run import ExtraModel
from hammerstone.models.model import Prompt
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store
from hammerstone.types import Instance, Role, Source

from ...samples.sums import SUM, block
from ..toys import PRICE, maker, new_bench, priced, right, roles, samples, source

pytestmark = pytest.mark.anyio

TASKS = [samples("sum", count=10), samples("product", count=10)]
by_module = partial(run_make, recipes=("module",))
FRESH_LEFTS = [int(one.question.split()[5]) for one in TASKS[0].asked]


async def test_good_builds_are_valid_tools(store: Store, sandbox: Sandbox) -> None:
    models = roles()
    result = await by_module(new_bench(store, sandbox, models, n=10), TASKS, 3)
    assert [(one.task, one.right, one.n, one.detail) for one in result.figures] == [
        ("sum", 3, 3, "3 maker replies"),
        ("product", 3, 3, "3 maker replies"),
    ]
    assert {one.method for one in result.figures} == {"build, recipe module"}
    assert result.notes[0] == (
        "Valid: live, never wrong on 10 fresh instances, or 5 without a parser, and 90 % of them answered."
    )
    assert (result.partial, result.models) == ("", {"maker": "maker", "user": "user"})


async def test_tries_of_a_task_are_independent_by_their_sample(store: Store, sandbox: Sandbox) -> None:
    models = roles(maker=priced(lambda prompt: block(SUM if prompt.sample == 2 else "x = ("), "maker"))
    result = await by_module(new_bench(store, sandbox, models, n=10), TASKS[:1], 4)
    (figure,) = result.figures
    assert (figure.right, figure.n) == (1, 4)
    first = [one for one in models[Role.MAKER].prompts if len(one.messages) == 1]
    assert sorted(one.sample for one in first) == [0, 1, 2, 3]
    assert len({one.messages for one in first}) == 1


async def test_each_failed_build_is_reported_with_stage_and_reason_and_all_replies_are_counted(
    store: Store, sandbox: Sandbox
) -> None:
    """Trial 0 cannot be compiled, trial 1 is of another task, trial 2 repairs itself."""

    def propose(prompt: Prompt) -> str:
        repaired = len(prompt.messages) > 1
        return block({0: "x = (", 1: source("product"), 2: SUM if repaired else "x = ("}[prompt.sample])

    result = await by_module(new_bench(store, sandbox, roles(maker=priced(propose, "maker")), n=10), TASKS[:1], 3)
    (figure,) = result.figures
    assert (figure.right, figure.n, figure.model_calls) == (1, 3, 8)
    counted, first, second = re.split(r"; (?=checks:|verify:)", figure.detail)
    assert counted == "8 maker replies"
    assert "at last: the source is not valid Python" in first
    assert "at last: " in second
    assert (figure.cost_usd, figure.input_tokens, figure.output_tokens) == (8 * PRICE, 800, 80)


async def test_a_table_counts_where_the_tries_of_each_maker_ended(store: Store, sandbox: Sandbox) -> None:
    """Of the maker's: one valid, no code, a rule broken, another task's, wrong on a fresh instance."""
    slips = SUM.replace("str(left + right)", f"str(left + right + (left == {FRESH_LEFTS[3]}))")
    replies = [block(SUM), "I cannot.", block("x = ("), block(source("product")), block(slips)]
    models = roles(maker=priced(lambda prompt: replies[prompt.sample], "maker"))
    small = ExtraModel(model=priced(lambda _: block("x = ("), "small"), parts=frozenset({"maker"}))
    result = await by_module(new_bench(store, sandbox, models, n=10, extra=(small,)), TASKS[:1], 5)
    (table,) = result.tables
    assert table.heads == (
        *("maker", "recipe", "tries", "valid"),
        *("reply", "checks", "verify", "gate", "needs review", "fresh instances"),
    )
    assert table.rows == (
        ("maker", "module", "5", "1", "1", "1", "1", "0", "0", "1"),
        ("small", "module", "5", "0", "0", "5", "0", "0", "0", "0"),
    )


async def test_a_tool_is_never_judged_on_the_makers_own_instances(store: Store, sandbox: Sandbox) -> None:
    """Right on all that the maker was given, wrong on one that it was not: live, and not valid."""
    code = SUM.replace("str(left + right)", f"str(left + right + (left == {FRESH_LEFTS[3]}))")
    result = await by_module(new_bench(store, sandbox, roles(maker=maker({"sum": code})), n=10), TASKS[:1], 1)
    (figure,) = result.figures
    assert (figure.right, figure.n) == (0, 1)
    assert figure.detail == "1 maker replies; fresh instances: 1 of 10 wrong by tool, parser"


@pytest.mark.parametrize(("refused", "valid"), [(1, 1), (2, 0)])
async def test_a_valid_tool_answers_nine_fresh_instances_in_ten(
    store: Store, sandbox: Sandbox, refused: int, valid: int
) -> None:
    """A tool may refuse some instances, but not many."""
    code = SUM.replace("if match else None", f"if match and int(match[1]) not in {FRESH_LEFTS[:refused]} else None")
    result = await by_module(new_bench(store, sandbox, roles(maker=maker({"sum": code})), n=10), TASKS[:1], 1)
    (figure,) = result.figures
    assert figure.right == valid
    assert ("fresh instances: 2 of 10 not answered by tool, parser" in figure.detail) == (not valid)


FREE_TEXT = "def solve(left: int, right: int) -> str:\n    return str(left + right)"


async def test_a_tool_without_a_parser_is_judged_by_the_user(store: Store, sandbox: Sandbox) -> None:
    """The recipe of the paper: the maker writes the calls for its own instances, the user those for fresh ones."""

    def propose(prompt: Prompt) -> str:
        said = prompt.messages[-1].content
        asked = [one for one in TASKS[0].shown if one.question in said]
        asked.sort(key=lambda one: said.index(one.question))
        pairs = [one.question.rstrip("?").split()[5::2] for one in asked]
        calls = ", ".join(f'{{"left": {left}, "right": {right}}}' for left, right in pairs)
        return f"{block(FREE_TEXT)}\n```json\n[{calls}]\n```"

    def careless(prompt: Prompt) -> str:
        return right(prompt).replace(f'"left": {FRESH_LEFTS[0]},', '"left": 0,')

    for reply, verdict in ((right, ""), (careless, "; fresh instances: 1 of 5 wrong by tool, user")):
        models = roles(maker=priced(propose, f"maker {verdict}"), user=priced(reply, f"user {verdict}"))
        result = await run_make(new_bench(store, sandbox, models, n=10), TASKS[:1], 1, recipes=("latm",))
        (figure,) = result.figures
        assert (figure.right, figure.method) == (int(not verdict), "build, recipe latm")
        assert figure.detail == f"2 maker replies{verdict}"


async def test_both_recipes_are_measured_and_each_maker_that_stands_beside(store: Store, sandbox: Sandbox) -> None:
    """A model that is measured beside the maker is maker and user of its own tools."""
    small = priced(lambda _: "I cannot.", "small")
    bench = new_bench(store, sandbox, n=10, extra=(ExtraModel(model=small, parts=frozenset({"maker"})),))
    result = await run_make(bench, TASKS[:1], 1)
    found = [(one.method, one.model, one.right) for one in result.figures]
    assert [one for one in found if one[1] == "small"] == [
        ("build, recipe module", "small", 0),
        ("build, recipe latm", "small", 0),
    ]
    assert ("build, recipe module", "maker", 1) in found


async def test_what_a_maker_beside_was_never_asked_is_noted_and_the_rest_measured(
    store: Store, sandbox: Sandbox
) -> None:
    """It is recorded for sums with one recipe; with the other, not all of its tries are."""

    def recorded(prompt: Prompt) -> str:
        said = prompt.messages[0].content
        if '"product"' in said or (said.startswith("Write a Python function") and prompt.sample == 1):
            raise RecordingError("not recorded")
        return "I cannot."

    small = ExtraModel(model=priced(recorded, "small"), parts=frozenset({"maker"}))
    result = await run_make(new_bench(store, sandbox, n=10, extra=(small,)), TASKS, 2)
    found = [(one.task, one.method, one.n) for one in result.figures if one.model == "small"]
    assert found == [("sum", "build, recipe module", 2)]
    assert [one for one in result.notes if "small" in one] == [
        f"{tasks}, recipe {recipe}: not all that small would be asked is recorded."
        for tasks, recipe in (("product", "module"), ("sum, product", "latm"))
    ]


async def test_what_the_benchs_own_maker_was_never_asked_ends_the_experiment(store: Store, sandbox: Sandbox) -> None:
    def recorded(_: Prompt) -> str:
        raise RecordingError("not recorded")

    with pytest.raises(RecordingError):
        await by_module(new_bench(store, sandbox, roles(maker=priced(recorded, "maker")), n=10), TASKS, 1)


async def test_the_papers_figure_is_its_share_of_five_tries(store: Store, sandbox: Sandbox) -> None:
    assert sorted(PAPER.values()) == [3, 3, 4, 5, 5, 5]
    tasks = [replace(TASKS[0], task="logical_deduction"), replace(TASKS[0], task="sum")]
    models = roles(maker=maker({"logical_deduction": SUM, "sum": SUM}))
    result = await by_module(new_bench(store, sandbox, models), tasks, 1)
    assert [one.paper for one in result.figures] == [60.0, None]


async def test_progress_counts_builds(store: Store, sandbox: Sandbox) -> None:
    bench = new_bench(store, sandbox)
    steps: list[tuple[str, int, int]] = []
    bench.on_progress = lambda what, done, total: steps.append((what, done, total))
    await by_module(bench, TASKS, 2)
    assert steps == [("builds", done, 4) for done in (1, 2, 3, 4)]


async def test_a_bound_on_the_cost_keeps_the_builds_that_ended(store: Store, sandbox: Sandbox) -> None:
    """A build here takes a reply of the maker and, at the gate, one of the user; five replies are two builds."""
    bench = new_bench(store, sandbox, max_cost=5 * PRICE)
    result = await by_module(bench, TASKS, 3)
    assert result.partial == "$1.25 spent, the bound is $1.25"
    assert sum(one.n for one in result.figures) < 6
    assert all(one.n > 0 for one in result.figures)
    assert all(one.right == one.n for one in result.figures)


async def test_nothing_ended_is_no_figure(store: Store, sandbox: Sandbox) -> None:
    result = await by_module(new_bench(store, sandbox, max_cost=0.0), TASKS, 3)
    assert result.figures == ()
    assert result.partial


async def test_a_run_with_a_higher_bound_pays_for_the_rest_and_finds_the_whole(store: Store, sandbox: Sandbox) -> None:
    first, second = roles(), roles()
    await by_module(new_bench(store, sandbox, first, max_cost=5 * PRICE), TASKS, 3)
    result = await by_module(new_bench(store, sandbox, second, max_cost=99 * PRICE), TASKS, 3)
    assert [(one.right, one.n, one.cost_usd) for one in result.figures] == [(3, 3, 3 * PRICE)] * 2
    assert sum(len(model.prompts) for model in first.values()) == 5
    assert {prompt.key for model in first.values() for prompt in model.prompts}.isdisjoint(
        prompt.key for model in second.values() for prompt in model.prompts
    )


async def test_labels_of_a_benchmark_are_not_put_to_a_solver(store: Store, sandbox: Sandbox) -> None:
    """One wrong label: the tool needs review, and nobody is paid for an opinion."""
    wrong = Instance(question=TASKS[0].shown[0].question, answer="0", source=Source.CALLER)
    models = roles()
    task = replace(TASKS[0], shown=(wrong, *TASKS[0].shown[1:]))
    result = await by_module(new_bench(store, sandbox, models), [task], 1)
    assert result.figures[0].right == 0
    assert "needs review: " in result.figures[0].detail
    assert models[Role.SOLVER].prompts == []
