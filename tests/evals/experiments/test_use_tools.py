"""Tables 2 and 4: every method on every task, the paper's figures beside, and what a bound on the cost leaves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hammerstone.errors import InputError, RecordingError
from hammerstone.evals.experiments.use_tools import AS_SERVED, METHODS, PAPER_COT, PAPER_DIRECT, PAPER_USER, run_use
from hammerstone.evals.harness.bench_run import ExtraModel
from hammerstone.evals.report.experiment_result import Measurement, Result
from hammerstone.models.model import Prompt, Reply
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store, open_store
from hammerstone.testing import FunctionModel
from hammerstone.types import Role

from ...samples.sums import SUM, block
from ..toys import PRICE, maker, new_bench, paid, priced, right, roles, samples, source, user

pytestmark = pytest.mark.anyio

DIRECT, COT, POT = "direct, few-shot", "chain of thought, few-shot", "program of thought"
USER, PARSER = "tool, user", "tool, parser"
TASKS = [samples("sum"), samples("product")]


def by_task(result: Result) -> dict[tuple[str, str], Measurement]:
    return {(one.task, one.method): one for one in result.figures}


async def test_a_careful_user_is_right_by_every_method_on_every_task(store: Store, sandbox: Sandbox) -> None:
    result = await run_use(new_bench(store, sandbox), TASKS)
    figures = by_task(result)
    assert list(figures) == [
        (task, method) for task in ("sum", "product", "all") for method in (DIRECT, COT, USER, POT, PARSER)
    ]
    assert {(one.right, one.n) for (task, _), one in figures.items() if task != "all"} == {(4, 4)}
    assert {(one.right, one.n) for (task, _), one in figures.items() if task == "all"} == {(8, 8)}
    assert (result.experiment, result.partial) == ("use", "")
    assert result.models == {"maker": "maker", "user": "user"}


async def test_each_method_is_counted_by_itself(store: Store, sandbox: Sandbox) -> None:
    """The user is wrong where it answers alone, and silent where it reasons; with a tool it is right."""

    def poor(prompt: Prompt) -> str:
        if "Reply with the answer alone" in prompt.messages[-1].content:
            return "0"
        return "I do not know." if "step by step" in prompt.messages[-1].content else right(prompt)

    figures = by_task(await run_use(new_bench(store, sandbox, roles(user=user(poor))), TASKS))
    assert {method: figures["all", method].right for method in (DIRECT, COT, POT, USER, PARSER)} == {
        DIRECT: 0,
        COT: 0,
        POT: 8,
        USER: 8,
        PARSER: 8,
    }
    assert figures["sum", DIRECT].wrong == 4
    assert figures["sum", COT].lacking == {"with an invalid reply": 4}


async def test_tokens_and_cost_are_of_the_answers_alone_and_the_parser_pays_nothing(
    store: Store, sandbox: Sandbox
) -> None:
    figures = by_task(await run_use(new_bench(store, sandbox), TASKS))
    for method in (DIRECT, COT, POT, USER):
        one = figures["product", method]
        assert (one.model, one.model_calls, one.cost_usd) == ("user", 4, 4 * PRICE)
        assert (one.input_tokens, one.output_tokens) == (400, 40)
    one = figures["product", PARSER]
    assert (one.model, one.model_calls, one.cost_usd, one.input_tokens, one.output_tokens) == ("none", 0, 0.0, 0, 0)
    assert figures["all", USER].cost_usd == 8 * PRICE
    assert figures["all", USER].output_tokens == 80


async def test_an_unknown_price_is_unknown_in_the_sum_over_all_tasks(store: Store, sandbox: Sandbox) -> None:
    def half_priced(prompt: Prompt) -> Reply:
        return paid(right(prompt), None if "product" in prompt.messages[-1].content else PRICE)

    models = roles(user=FunctionModel(half_priced, name="user"))
    figures = by_task(await run_use(new_bench(store, sandbox, models), TASKS, ("direct",)))
    assert [figures[task, DIRECT].cost_usd for task in ("sum", "product", "all")] == [4 * PRICE, None, None]


async def test_the_papers_figure_stands_beside_the_method_it_is_of(store: Store, sandbox: Sandbox) -> None:
    tools = {"dyck": SUM, "schedule_meeting": SUM}
    tasks = [replace(samples("sum"), task=name) for name in tools]
    figures = by_task(await run_use(new_bench(store, sandbox, roles(maker=maker(tools))), tasks))
    papers = {key: one.paper for key, one in figures.items() if one.paper is not None}
    assert papers == {
        ("dyck", COT): PAPER_COT["dyck"],
        ("dyck", USER): PAPER_USER["dyck"],
        ("dyck", PARSER): PAPER_USER["dyck"],
        ("schedule_meeting", DIRECT): PAPER_DIRECT["schedule_meeting"],
        ("schedule_meeting", USER): PAPER_USER["schedule_meeting"],
        ("schedule_meeting", PARSER): PAPER_USER["schedule_meeting"],
    }
    assert (PAPER_COT["dyck"], PAPER_USER["schedule_meeting"]) == (63.6, 100.0)


async def test_only_methods_that_are_named_are_run_and_without_a_tools_ways_none_is_made(
    store: Store, sandbox: Sandbox
) -> None:
    models = roles()
    result = await run_use(new_bench(store, sandbox, models), TASKS, ("cot", "direct"))
    assert [one.method for one in result.figures if one.task == "sum"] == [DIRECT, COT]
    assert models[Role.MAKER].prompts == []


async def test_a_method_that_is_not_there_is_reported_before_anything_is_paid(store: Store, sandbox: Sandbox) -> None:
    models = roles()
    with pytest.raises(InputError, match="unknown method 'tool'") as told:
        await run_use(new_bench(store, sandbox, models), TASKS, ("direct", "tool"))
    assert ", ".join(METHODS) in told.value.hint
    assert models[Role.USER].prompts == []


def beside(model: FunctionModel) -> tuple[ExtraModel, ...]:
    return (ExtraModel(model=model, parts=frozenset(METHODS)),)


async def test_each_of_several_users_is_measured_and_the_parser_once(store: Store, sandbox: Sandbox) -> None:
    """The second one knows nothing but how to write arguments."""

    def poor(prompt: Prompt) -> str:
        return right(prompt) if "one JSON object" in prompt.messages[-1].content else "0"

    other = priced(poor, "another")
    result = await run_use(
        new_bench(store, sandbox, extra=beside(other)),
        TASKS,
        ("direct", "user", "parser"),
    )
    found = [(one.method, one.model, one.right) for one in result.figures if one.task == "all"]
    assert sorted(found) == sorted(
        [
            *((DIRECT, "user", 8), (USER, "user", 8), (DIRECT, "another", 0), (USER, "another", 8)),
            *((AS_SERVED, "another", 8), (PARSER, "none", 8)),
        ]
    )
    assert [(one.plot, one.name) for one in result.series] == [
        (f"cost, {model}", method) for model in ("user", "another") for method in (DIRECT, USER, PARSER)
    ]


async def test_what_a_tools_user_gets_wrong_is_reported_by_its_class(store: Store, sandbox: Sandbox) -> None:
    """Wrong numbers are noticed by the tool's own `unparse`."""
    replies = iter(["null", "{", '{"left": 1}'])
    other = priced(lambda _: next(replies, '{"left": 1, "right": 1}'), "another")
    result = await run_use(new_bench(store, sandbox, extra=beside(other)), TASKS[:1], ("user",))
    (one,) = (one for one in result.figures if (one.task, one.model, one.method) == ("sum", "another", USER))
    assert (one.right, one.n) == (0, 4)
    assert one.lacking == {
        "with an invalid reply": 2,
        "refused by the model": 1,
        "whose arguments do not account for the question": 1,
    }


async def test_worked_examples_are_the_users_own_and_of_shown_questions(store: Store, sandbox: Sandbox) -> None:
    models = roles()
    await run_use(new_bench(store, sandbox, models), TASKS[:1], ("cot",))
    worked, asked = models[Role.USER].prompts[:3], models[Role.USER].prompts[3:]
    for one, prompt in zip(TASKS[0].shown[:3], worked, strict=True):
        assert one.question in prompt.messages[0].content
    assert len(asked) == 4
    assert all(prompt.messages[0].content.count("I take the sum.") == 3 for prompt in asked)


async def test_a_program_has_as_many_tokens_as_the_tools_way_took(store: Store, sandbox: Sandbox) -> None:
    """10 tokens of the maker over 4 questions, and 10 of the user for each, in whatever order they are named."""
    models = roles()
    await run_use(new_bench(store, sandbox, models), TASKS[:1], ("pot", "user"))
    assert {one.max_tokens for one in models[Role.USER].prompts} == {1_024, 13}


async def test_without_known_tokens_a_program_has_the_bound_of_the_role(store: Store, sandbox: Sandbox) -> None:
    models = roles(maker=FunctionModel(lambda _: block(SUM), name="maker"))  # says nothing of tokens
    await run_use(new_bench(store, sandbox, models), TASKS[:1], ("pot",))
    assert {one.max_tokens for one in models[Role.USER].prompts} == {1_024}


async def test_a_task_without_a_tool_has_no_figure_of_the_tools_ways_and_a_note_says_so(
    store: Store, sandbox: Sandbox
) -> None:
    models = roles(maker=maker({"sum": "x = (", "product": source("product")}))
    result = await run_use(new_bench(store, sandbox, models), TASKS, ("direct", "user", "parser"))
    figures = by_task(result)
    assert [method for task, method in figures if task == "sum"] == [DIRECT]
    assert (figures["all", DIRECT].n, figures["all", USER].n) == (8, 4)
    assert [note for note in result.notes if note.startswith("sum ")] == [
        "sum has no measurement of the tool's user route: no build gave a tool.",
        "sum has no measurement of the tool's parser route: no build gave a tool.",
    ]


async def test_a_route_that_did_not_pass_the_gate_is_not_used_and_a_note_says_so(
    store: Store, sandbox: Sandbox
) -> None:
    models = roles(user=user(lambda _: "null"))
    result = await run_use(new_bench(store, sandbox, models), TASKS[:1], ("user", "parser"))
    assert [(one.method, one.right) for one in result.figures if one.task == "sum"] == [(PARSER, 4)]
    assert "sum has no measurement of the tool's user route: that route did not pass the gate." in result.notes


# the plot of cost per request


async def test_the_cost_of_a_request_holds_the_build_divided_over_the_requests(store: Store, sandbox: Sandbox) -> None:
    result = await run_use(new_bench(store, sandbox), TASKS, ("cot", "user", "parser"))
    lines = {one.name: dict(zip(one.x, one.y, strict=True)) for one in result.series}
    assert {one.plot for one in result.series} == {"cost, user"}
    assert lines[COT] == dict.fromkeys(lines[COT], PRICE)
    assert lines[USER][1.0] == 2 * PRICE
    assert lines[USER][100.0] == pytest.approx(PRICE / 100 + PRICE)
    assert lines[PARSER][10.0] == pytest.approx(PRICE / 10)


async def test_the_break_even_is_where_the_build_has_paid_for_itself(store: Store, sandbox: Sandbox) -> None:
    result = await run_use(new_bench(store, sandbox), TASKS, ("cot", "user", "parser"))
    marks = {one.name: one.mark for one in result.series}
    assert marks == {COT: None, USER: None, PARSER: 1.0}  # a user's call costs as much as a chain of thought here


async def test_a_small_models_tools_are_compared_with_its_own_chain_of_thought(store: Store, sandbox: Sandbox) -> None:
    """Whoever has none recorded gets no break-even: that of another model says nothing about it."""
    silent = ExtraModel(model=priced(right, "silent"), parts=frozenset({"user"}))
    result = await run_use(new_bench(store, sandbox, extra=(silent,)), TASKS, ("cot", "user", "parser"))
    marks = {(one.plot, one.name): one.mark for one in result.series}
    assert marks["cost, user", PARSER] == 1.0
    assert marks["cost, silent", USER] is None
    assert marks["cost, silent", PARSER] is None


async def test_nothing_breaks_even_against_a_chain_of_thought_that_answers_nothing_right(
    store: Store, sandbox: Sandbox
) -> None:
    lost = priced(
        lambda prompt: "So it is 0." if "step by step" in prompt.messages[-1].content else right(prompt), "lost"
    )
    result = await run_use(new_bench(store, sandbox, extra=beside(lost)), TASKS, ("cot", "user", "parser"))
    marks = {(one.plot, one.name): one.mark for one in result.series}
    assert marks["cost, user", PARSER] == 1.0
    assert marks["cost, lost", PARSER] is None


async def test_a_table_says_what_one_answer_to_every_question_would_reach(store: Store, sandbox: Sandbox) -> None:
    (samples_of,) = TASKS[:1]
    same = replace(samples_of, asked=(*samples_of.asked, samples_of.asked[0]))
    (table,) = (await run_use(new_bench(store, sandbox, n=5), [same], ("direct",))).tables
    assert table.rows == (("sum", samples_of.asked[0].answer, "2/5"),)


# a bound on the cost


async def test_figures_finished_before_the_bound_stay_also_those_of_the_task_that_was_cut_off(
    store: Store, sandbox: Sandbox
) -> None:
    """4 calls for the first figure, 3 + 4 for the second, and 2 of the third's."""
    bench = new_bench(store, sandbox, max_cost=13 * PRICE)
    result = await run_use(bench, TASKS, ("direct", "cot"))
    assert [(one.task, one.method, one.n) for one in result.figures] == [
        *(("sum", DIRECT, 4), ("sum", COT, 4)),
        *(("all", DIRECT, 4), ("all", COT, 4)),
    ]
    assert result.partial == "$3.25 spent, the bound is $3.25"


async def test_a_run_with_a_higher_bound_pays_for_the_rest_and_finds_the_same_as_one_in_one_go(
    store: Store, sandbox: Sandbox, tmp_path: Path
) -> None:
    first, second, whole = roles(), roles(), roles()
    cut = await run_use(new_bench(store, sandbox, first, max_cost=20 * PRICE), TASKS)
    rest = await run_use(new_bench(store, sandbox, second, max_cost=99 * PRICE), TASKS)
    with open_store(tmp_path / "other") as other:
        at_once = await run_use(new_bench(other, sandbox, whole), TASKS)
    assert cut.partial
    assert rest == at_once
    paid = [sum(len(model.prompts) for model in models.values()) for models in (first, second, whole)]
    assert paid[0] == 20
    assert paid[0] + paid[1] == paid[2]


async def test_behind_the_gate_a_user_that_fails_it_is_not_asked(store: Store, sandbox: Sandbox) -> None:
    """The gate belongs to a model: the bench's own user has passed the same tool's."""
    other = priced(lambda _: "null", "another")
    result = await run_use(new_bench(store, sandbox, extra=beside(other)), TASKS[:1], ("user",))
    figures = {(one.method, one.model): one for one in result.figures if one.task == "sum"}
    assert figures[USER, "user"].right == 4
    served = figures[AS_SERVED, "another"]
    assert (served.right, served.n, served.model_calls) == (0, 4, 0)
    assert served.lacking == {"not asked, since the gate was not passed": 4}


async def test_behind_the_gate_a_user_that_passed_it_answers_as_before(store: Store, sandbox: Sandbox) -> None:
    other = priced(right, "another")
    result = await run_use(new_bench(store, sandbox, extra=beside(other)), TASKS[:1], ("user",))
    figures = {(one.method, one.model): one for one in result.figures if one.task == "sum"}
    assert (figures[AS_SERVED, "another"].right, figures[USER, "another"].right) == (4, 4)


async def test_a_model_beside_the_others_may_be_asked_more_instances(store: Store, sandbox: Sandbox) -> None:
    extra = (ExtraModel(model=priced(right, "another"), parts=frozenset({"direct"}), n=6),)
    given = replace(TASKS[0], more=samples("sum", count=6).asked[4:])
    result = await run_use(new_bench(store, sandbox, extra=extra), [given], ("direct",))
    assert [(one.model, one.n) for one in result.figures if one.task == "sum"] == [("user", 4), ("another", 6)]


async def test_a_model_beside_the_others_that_is_not_recorded_on_a_task_is_noted(
    store: Store, sandbox: Sandbox
) -> None:
    def recorded(prompt: Prompt) -> str:
        if "product" in prompt.messages[-1].content:
            raise RecordingError("no recording of this prompt")
        return right(prompt)

    result = await run_use(new_bench(store, sandbox, extra=beside(priced(recorded, "another"))), TASKS, ("direct",))
    assert [one.task for one in result.figures if one.model == "another"] == ["sum", "all"]
    assert "product: not all that another would be asked is recorded." in result.notes
    assert result.partial == ""
