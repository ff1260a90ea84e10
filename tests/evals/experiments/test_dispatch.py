"""Both measurements of the dispatcher, for model, parsers and both, on dispatchers whose behaviour is known."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace

import pytest

from hammerstone.errors import InputError
from hammerstone.evals.experiments.dispatch import run_dispatch
from hammerstone.evals.harness.samples import Samples
from hammerstone.evals.report.experiment_result import Measurement, Result
from hammerstone.models.model import Prompt
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store
from hammerstone.types import Role

from ...samples.sums import SUM, asked
from ..toys import KINDS, PRICE, Fake, dispatcher, maker, new_bench, roles, samples

pytestmark = pytest.mark.anyio

TASKS = [samples(kind, count=10) for kind in KINDS]
EXISTING, NEW = "an existing tool", "a new tool or an existing one"
MODEL, PARSERS, BOTH = "dispatcher model", "parsers", "parsers, then model"


def kind_of(question: str) -> str:
    return question.split()[3]


def right(question: str, known: list[str]) -> str:
    kind = kind_of(question)
    return json.dumps({"kind": kind} if kind in known else {"new": kind, "description": f"The {kind} of two numbers."})


def the_first(_: str, known: list[str]) -> str:
    return json.dumps({"kind": known[0]})


def always_new(_: str, __: list[str]) -> str:
    return json.dumps({"new": "another", "description": "Something else."})


def unreadable(_: str, __: list[str]) -> str:
    return "It is hard to say."


def shares(result: Result) -> dict[tuple[str, str], tuple[int, int]]:
    return {(one.task, one.method): (one.right, one.n) for one in result.figures}


def figure(result: Result, task: str, method: str) -> Measurement:
    (found,) = [one for one in result.figures if (one.task, one.method) == (task, method)]
    return found


def seen(model: Fake, known: int) -> list[tuple[str, list[str]]]:
    """The questions that the model was asked with so many known tasks, each with their names."""
    pairs = [(asked(one), names(one)) for one in model.prompts]
    return [pair for pair in pairs if len(pair[1]) == known]


def names(prompt: Prompt) -> list[str]:
    return re.findall(r"^- (\w+): ", prompt.messages[-1].content, re.MULTILINE)


async def run(store: Store, sandbox: Sandbox, model: Fake, *, size: int = 30, sets: int = 1, **models: Fake) -> Result:
    return await run_dispatch(new_bench(store, sandbox, roles(dispatcher=model, **models)), TASKS, sets=sets, size=size)


# what each way gets right


async def test_a_dispatcher_that_is_right_is_counted_so_in_both_measurements(store: Store, sandbox: Sandbox) -> None:
    result = await run(store, sandbox, dispatcher(right))
    assert shares(result) == {(task, way): (30, 30) for task in (EXISTING, NEW) for way in (MODEL, PARSERS, BOTH)}
    assert [one.paper for one in result.figures] == [95.0, None, 95.0, 96.0, None, 96.0]
    assert [one.model for one in result.figures] == ["dispatcher", "none", "dispatcher"] * 2
    assert (result.experiment, result.partial) == ("dispatch", "")


async def test_one_that_always_says_the_first_is_right_about_the_first(store: Store, sandbox: Sandbox) -> None:
    model = dispatcher(the_first)
    result = await run(store, sandbox, model)
    existing, new = seen(model, 6), seen(model, 4)
    assert shares(result)[EXISTING, MODEL] == (sum(kind_of(one) == known[0] for one, known in existing), 30)
    assert shares(result)[NEW, MODEL] == (sum(kind_of(one) == known[0] for one, known in new), 30)
    assert 0 < shares(result)[EXISTING, MODEL][0] < 15


async def test_one_that_always_says_new_is_right_about_the_unknown_alone(store: Store, sandbox: Sandbox) -> None:
    model = dispatcher(always_new)
    result = await run(store, sandbox, model)
    unknown = sum(kind_of(one) not in known for one, known in seen(model, 4))
    assert shares(result)[EXISTING, MODEL] == (0, 30)
    assert shares(result)[NEW, MODEL] == (unknown, 30)
    assert 0 < unknown < 30


async def test_one_that_cannot_be_read_is_never_right_and_is_asked_twice(store: Store, sandbox: Sandbox) -> None:
    model = dispatcher(unreadable)
    result = await run(store, sandbox, model)
    assert (shares(result)[EXISTING, MODEL], shares(result)[NEW, MODEL]) == ((0, 30), (0, 30))
    assert figure(result, EXISTING, MODEL).model_calls == 60
    assert Counter(one.sample for one in model.prompts) == {0: 60, 1: 60}


async def test_parsers_take_their_own_tasks_and_leave_what_is_new(store: Store, sandbox: Sandbox) -> None:
    """Whatever the model says."""
    result = await run(store, sandbox, dispatcher(unreadable))
    assert (shares(result)[EXISTING, PARSERS], shares(result)[NEW, PARSERS]) == ((30, 30), (30, 30))
    one = figure(result, EXISTING, PARSERS)
    assert (one.model_calls, one.cost_usd, one.input_tokens) == (0, 0.0, 0)


async def test_together_the_model_is_asked_only_what_no_parser_takes(store: Store, sandbox: Sandbox) -> None:
    model = dispatcher(the_first)
    result = await run(store, sandbox, model)
    left = sum(kind_of(one) not in known for one, known in seen(model, 4))
    assert shares(result)[EXISTING, BOTH] == (30, 30)
    assert shares(result)[NEW, BOTH] == (30 - left, 30)  # of what is left to it, the model takes all for the first
    existing, new = figure(result, EXISTING, BOTH), figure(result, NEW, BOTH)
    assert (existing.model_calls, existing.cost_usd) == (0, 0.0)
    assert (new.model_calls, new.cost_usd, new.output_tokens) == (left, left * PRICE, 10 * left)
    assert new.detail == f"the model is asked about {left} of 30 questions"


async def test_each_measurement_has_its_own_calls_and_cost(store: Store, sandbox: Sandbox) -> None:
    result = await run(store, sandbox, dispatcher(right))
    for task in (EXISTING, NEW):
        one = figure(result, task, MODEL)
        assert (one.model_calls, one.cost_usd, one.input_tokens, one.output_tokens) == (30, 30 * PRICE, 3000, 300)


async def test_without_tools_the_parsers_take_nothing(store: Store, sandbox: Sandbox) -> None:
    model = dispatcher(right)
    result = await run(store, sandbox, model, maker=maker(dict.fromkeys(KINDS, "x = (")))
    unknown = sum(kind_of(one) not in known for one, known in seen(model, 4))
    assert shares(result)[EXISTING, PARSERS] == (0, 30)
    assert shares(result)[NEW, PARSERS] == (unknown, 30)
    assert shares(result)[NEW, BOTH] == (30, 30)


async def test_of_two_tasks_whose_parsers_take_a_question_the_model_chooses(store: Store, sandbox: Sandbox) -> None:
    """Two tasks with the same questions: neither parser can know which is meant. This model takes the first."""
    twin = replace(TASKS[0], task="addition")
    tasks = [TASKS[0], twin, *TASKS[2:]]
    tools = {kind: SUM.replace("left + right", code).replace("sum", kind) for kind, code in KINDS.items()}
    models = roles(dispatcher=dispatcher(the_first), maker=maker({**tools, "addition": SUM}))
    result = await run_dispatch(new_bench(store, sandbox, models), tasks, sets=1, size=60)
    doubled = 20
    assert shares(result)[EXISTING, PARSERS] == (60 - doubled, 60)
    assert shares(result)[EXISTING, BOTH] == (60 - doubled // 2, 60)
    both = figure(result, EXISTING, BOTH)
    assert (both.model_calls, both.cost_usd) == (doubled, doubled * PRICE)
    assert both.detail == f"the model is asked about {doubled} of 60 questions"


# what is asked


async def test_the_first_measurement_knows_all_tasks_the_second_four_and_asks_of_two_of_them_and_two_others(
    store: Store, sandbox: Sandbox
) -> None:
    for seed in range(4):
        model = dispatcher(right, f"dispatcher {seed}")
        bench = new_bench(store, sandbox, roles(dispatcher=model))
        bench.seed = seed
        await run_dispatch(bench, TASKS, sets=1, size=40)
        existing, new = seen(model, 6), seen(model, 4)
        assert {tuple(known) for _, known in existing} == {tuple(KINDS)}
        assert {kind_of(one) for one, _ in existing} == set(KINDS)
        ((*known,),) = {tuple(known) for _, known in new}
        assert known == [kind for kind in KINDS if kind in known]  # in the order of the tasks
        tested = {kind_of(one) for one, _ in new}
        assert (len(tested & set(known)), len(tested - set(known))) == (2, 2)


async def test_no_question_comes_twice_in_a_set(store: Store, sandbox: Sandbox) -> None:
    """All of the pool is needed here: 60 questions of six tasks, 40 of four."""
    model = dispatcher(right)
    await run(store, sandbox, model, size=40)
    for known in (6, 4):
        questions = [one for one, _ in seen(model, known)]
        assert len(questions) == len({*questions}) == 40


async def test_only_asked_instances_are_drawn(store: Store, sandbox: Sandbox) -> None:
    model = dispatcher(right)
    await run(store, sandbox, model, size=60)
    assert {one for one, _ in seen(model, 6)} == {one.question for task in TASKS for one in task.asked}


async def test_a_pool_that_is_too_small_is_drawn_from_again(store: Store, sandbox: Sandbox) -> None:
    small = [replace(task, asked=task.asked[:2]) for task in TASKS]
    models = roles(dispatcher=dispatcher(right))
    result = await run_dispatch(new_bench(store, sandbox, models), small, sets=1, size=30)
    assert shares(result)[EXISTING, MODEL] == (30, 30)
    assert figure(result, EXISTING, MODEL).model_calls == 30  # counted as asked, though paid once


async def test_a_seed_always_draws_the_same_and_another_draws_others(store: Store, sandbox: Sandbox) -> None:
    drawn: list[dict[int, set[str]]] = []
    for number, seed in enumerate((1, 1, 2)):
        model = dispatcher(right, f"dispatcher {number}")
        bench = new_bench(store, sandbox, roles(dispatcher=model))
        bench.seed = seed
        await run_dispatch(bench, TASKS, sets=1, size=20)
        drawn.append({known: {question for question, _ in seen(model, known)} for known in (6, 4)})
    assert drawn[0] == drawn[1]
    assert drawn[0][6] != drawn[2][6]
    assert drawn[0][4] != drawn[2][4]


async def test_sets_are_drawn_each_by_itself(store: Store, sandbox: Sandbox) -> None:
    model = dispatcher(right)
    result = await run(store, sandbox, model, sets=3, size=20)
    assert shares(result)[EXISTING, MODEL] == (60, 60)
    assert 20 < len({one for one, _ in seen(model, 6)}) <= 60
    assert len({tuple(known) for _, known in seen(model, 4)}) > 1
    assert result.notes[0].startswith("3 sets of 20 questions for each of the two")


@pytest.mark.parametrize("count", [0, 5])
async def test_fewer_tasks_than_the_paper_has_are_told_before_anything_is_paid(
    store: Store, sandbox: Sandbox, count: int
) -> None:
    models = roles()
    with pytest.raises(InputError, match=f"needs 6 or more tasks, not {count}"):
        await run_dispatch(new_bench(store, sandbox, models), TASKS[:count])
    assert models[Role.MAKER].prompts == []


async def test_more_tasks_may_be_measured(store: Store, sandbox: Sandbox) -> None:
    extra: Samples = replace(TASKS[0], task="addition", asked=())
    models = roles(dispatcher=dispatcher(right), maker=maker({**dict.fromkeys(KINDS, SUM), "addition": SUM}))
    result = await run_dispatch(new_bench(store, sandbox, models), [*TASKS, extra], sets=1, size=20)
    assert shares(result)[EXISTING, MODEL] == (20, 20)


# the confusion


async def test_the_confusion_counts_expected_against_chosen(store: Store, sandbox: Sandbox) -> None:
    def confused(question: str, known: list[str]) -> str:
        kind = kind_of(question)
        if kind == "product":
            return unreadable(question, known)
        return right(question.replace(" minimum ", " maximum "), known)

    model = dispatcher(confused)
    result = await run(store, sandbox, model, size=40)
    confusion = result.confusion
    assert confusion is not None
    expected: Counter[tuple[str, str]] = Counter()
    for question, known in dict.fromkeys((one, tuple(known)) for one, known in [*seen(model, 6), *seen(model, 4)]):
        kind = kind_of(question)
        taken = {"product": "(unread)", "minimum": "maximum"}.get(kind, kind)
        expected[kind if kind in known else "(new)", taken if taken in (*known, "(unread)") else "(new)"] += 1
    counted = {
        (row, column): count
        for row, counts in zip(confusion.rows, confusion.counts, strict=True)
        for column, count in zip(confusion.columns, counts, strict=True)
        if count
    }
    assert counted == expected
    assert sum(counted.values()) == 80
    assert confusion.rows[-1] == "(new)"  # after the tasks
    assert confusion.columns[-2:] == ("(new)", "(unread)")
    assert confusion.columns[: len(confusion.rows) - 1] == confusion.rows[:-1]
    assert counted["minimum", "maximum"] > 0
    assert ("minimum", "minimum") not in counted


# a bound on the cost


async def test_a_measurement_that_was_finished_stays(store: Store, sandbox: Sandbox) -> None:
    """Six builds of a reply and a word of the user each, 30 questions, and half of the next 30."""
    models = roles(dispatcher=dispatcher(right))
    bench = new_bench(store, sandbox, models, max_cost=(12 + 30 + 15) * PRICE)
    result = await run_dispatch(bench, TASKS, sets=1, size=30)
    assert shares(result) == {(EXISTING, way): (30, 30) for way in (MODEL, PARSERS, BOTH)}
    assert result.partial == "$14.25 spent, the bound is $14.25"
    assert result.confusion is not None
    assert sum(map(sum, result.confusion.counts)) == 30


async def test_nothing_finished_is_no_figure_and_no_confusion(store: Store, sandbox: Sandbox) -> None:
    models = roles(dispatcher=dispatcher(right))
    result = await run_dispatch(new_bench(store, sandbox, models, max_cost=PRICE), TASKS, sets=1, size=30)
    assert (result.figures, result.confusion) == ((), None)
    assert result.partial


async def test_a_run_with_a_higher_bound_pays_for_the_rest_and_counts_everything(
    store: Store, sandbox: Sandbox
) -> None:
    first, second = dispatcher(right), dispatcher(right)
    cut = new_bench(store, sandbox, roles(dispatcher=first), max_cost=(12 + 45) * PRICE)
    await run_dispatch(cut, TASKS, sets=1, size=30)
    rest = new_bench(store, sandbox, roles(dispatcher=second), max_cost=99.0)
    result = await run_dispatch(rest, TASKS, sets=1, size=30)
    assert (len(first.prompts), len(second.prompts)) == (45, 15)
    assert [one.cost_usd for one in result.figures if one.method == MODEL] == [30 * PRICE] * 2
