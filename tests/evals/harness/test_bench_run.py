"""Samples that are asked are never those that were shown; a bound on the cost stops a run and loses nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint

from hammerstone.errors import InputError, ModelError, NotFoundError, OperatorError
from hammerstone.evals.baselines.answer_methods import Direct
from hammerstone.evals.experiments.use_tools import PAPER_USER
from hammerstone.evals.harness.accuracy import measure_accuracy
from hammerstone.evals.harness.bench_run import CostReachedError, for_each, one_bill
from hammerstone.evals.harness.samples import (
    PAPER_TASKS,
    TEST_SEED,
    TRAINING_SEED,
    Samples,
    generated_samples,
    read_samples,
)
from hammerstone.evals.tasks import TASKS, generate_instances, task
from hammerstone.models.model import Prompt, Reply
from hammerstone.store import Store
from hammerstone.store.accounts import AccountedModel, Bill
from hammerstone.testing import FakeSandbox, FunctionModel, ScriptedModel
from hammerstone.types import Instance, Role, Source, Usage

from ..toys import PRICE, new_bench, paid, samples, user

pytestmark = pytest.mark.anyio

NOWHERE = FakeSandbox({})


def numbered(count: int) -> list[Prompt]:
    return [Prompt.of(f"{number}?", temperature=0.0) for number in range(count)]


def questions(given: Sequence[Instance]) -> list[str]:
    return [one.question for one in given]


# generated samples


@pytest.mark.parametrize("name", PAPER_TASKS)
def test_each_of_the_papers_tasks_is_drawn_with_right_answers(name: str) -> None:
    given = generated_samples(name, 20, 0)
    assert given.task == name
    assert all(task(name).check(one.question, one.answer) for one in (*given.shown, *given.asked))


def test_the_papers_tasks_are_those_for_whose_tools_it_has_a_figure() -> None:
    assert sorted(PAPER_TASKS) == sorted(PAPER_USER)


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("seed", [0, 2])
def test_no_asked_instance_is_a_shown_one(name: str, seed: int) -> None:
    given = generated_samples(name, 20, seed)
    assert (len(given.shown), len(given.asked)) == (12, 20)
    assert len({*questions(given.shown), *questions(given.asked)}) == 32


def test_an_instance_that_both_seeds_draw_is_not_asked() -> None:
    """Dyck words are few: these two seeds do share one."""
    shown = questions(generate_instances("dyck", 12, TRAINING_SEED + 2))
    drawn = questions(generate_instances("dyck", 20, TEST_SEED + 2))
    assert set(shown) & set(drawn)
    given = generated_samples("dyck", 20, 2)
    assert questions(given.shown) == shown
    assert not set(questions(given.asked)) & set(shown)
    assert questions(given.asked)[:9] == drawn[:9]


def test_more_samples_begin_with_the_same_ones() -> None:
    assert generated_samples("dyck", 40, 2).asked[:20] == generated_samples("dyck", 20, 2).asked


def test_a_seed_always_draws_the_same_samples_and_another_draws_others() -> None:
    assert generated_samples("word_sorting", 5, 3) == generated_samples("word_sorting", 5, 3)
    one, other = generated_samples("word_sorting", 5, 3), generated_samples("word_sorting", 5, 4)
    assert not set(questions(one.asked)) & set(questions(other.asked))
    assert not set(questions(one.shown)) & set(questions(other.shown))


def test_a_task_that_is_not_there_is_reported_with_those_that_are() -> None:
    with pytest.raises(NotFoundError, match="unknown task 'sorting'") as told:
        generated_samples("sorting", 5, 0)
    assert "word_sorting" in told.value.hint


# samples from files


def bigbench(path: Path, items: Sequence[tuple[str, str | None]]) -> str:
    examples = [{"input": question, **({} if target is None else {"target": target})} for question, target in items]
    path.write_text(json.dumps({"name": "sums", "examples": examples}))
    return str(path)


SUMS = [(f"{number} + 1?", str(number + 1)) for number in range(30)]


def test_the_first_instances_of_a_big_bench_file_are_shown_and_the_next_asked(tmp_path: Path) -> None:
    given = read_samples(bigbench(tmp_path / "plus_one.json", SUMS), 10)
    assert given.task == "plus_one"
    assert questions(given.shown) == [question for question, _ in SUMS[:12]]
    assert [(one.question, one.answer) for one in given.asked] == SUMS[12:22]
    assert {one.source for one in (*given.shown, *given.asked)} == {Source.CALLER}
    assert not given.generated


def test_json_lines_are_read_as_well(tmp_path: Path) -> None:
    path = tmp_path / "plus.one.jsonl"
    path.write_text("".join(json.dumps({"question": one, "answer": answer}) + "\n" for one, answer in SUMS))
    given = read_samples(str(path), 100)
    assert given.task == "plus"
    assert len(given.asked) == 18


def test_a_question_that_comes_again_is_asked_once_and_never_if_it_was_shown(tmp_path: Path) -> None:
    again = [(f" {question}\n", answer) for question, answer in (SUMS[0], SUMS[11], SUMS[13])]
    given = read_samples(bigbench(tmp_path / "sums.json", [*SUMS[:14], *again, *SUMS[14:16]]), 100)
    assert [(one.question, one.answer) for one in given.asked] == SUMS[12:16]


def test_shown_instances_are_twelve_different_ones(tmp_path: Path) -> None:
    given = read_samples(bigbench(tmp_path / "sums.json", [SUMS[0], SUMS[0], *SUMS]), 5)
    assert questions(given.shown) == [question for question, _ in SUMS[:12]]


@pytest.mark.parametrize(
    ("file", "name"),
    [("My Sums 2.json", "my_sums_2"), ("2023.json", "task_2023"), ("class.json", "task_class"), (".json", "task")],
)
def test_a_file_names_its_task_as_a_tool_may_be_named(tmp_path: Path, file: str, name: str) -> None:
    assert read_samples(bigbench(tmp_path / file, SUMS), 5).task == name


def test_a_file_with_too_few_instances_is_reported_how_many_are_needed(tmp_path: Path) -> None:
    path = bigbench(tmp_path / "few.json", [*SUMS[:12], SUMS[3]])
    with pytest.raises(InputError, match=r"few\.json has 12 different instances") as told:
        read_samples(path, 5)
    assert "13 or more are needed" in told.value.hint


def test_an_instance_without_an_answer_is_reported(tmp_path: Path) -> None:
    path = bigbench(tmp_path / "open.json", [*SUMS, ("31 + 1?", None)])
    with pytest.raises(InputError, match=r"open\.json: request 31 has no answer") as told:
        read_samples(path, 5)
    assert "target" in told.value.hint


def test_a_file_without_an_instance_is_refused_for_one_of_our_own_tasks_too(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(InputError, match=r"empty\.jsonl has no instance"):
        read_samples(str(tmp_path / "empty.jsonl"), 5, name="dyck")


def test_an_item_that_is_no_instance_is_reported_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_text('{"question": "1 + 1?", "answer": "2"}\n{"asked": "1 + 2?"}\n')
    with pytest.raises(InputError, match=r"odd\.jsonl, line 2: it has no `question`"):
        read_samples(str(path), 5)


@pytest.mark.parametrize(
    ("content", "error"),
    [(None, "there is no file"), (b"\x7fELF\x00\x00\x00", "is a binary file"), (b'{"examples": [', "not valid JSON")],
)
def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path, content: bytes | None, error: str) -> None:
    if content is not None:
        (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(InputError, match=error):
        read_samples(str(tmp_path / "bad.json"), 5)


# the models of a run


async def test_equal_prompts_of_two_askers_at_the_same_moment_are_paid_once(store: Store) -> None:
    async def slowly(_: Prompt) -> Reply:
        for _ in range(20):
            await checkpoint()
        return paid("5")

    model = FunctionModel(slowly, name="user")
    bench = new_bench(store, NOWHERE, {Role.USER: model})
    bills = [Bill(), Bill()]
    async with anyio.create_task_group() as group:
        for bill in bills:
            group.start_soon(bench.model(Role.USER).complete, numbered(1)[0], bill)
    assert len(model.prompts) == 1
    assert [bill.calls for bill in bills] == [1, 1]


async def test_a_bill_holds_what_its_answers_cost_whoever_paid_them(store: Store) -> None:
    bills = [Bill(), Bill()]
    for bill in bills:  # two runs on one store
        model = FunctionModel(lambda _: replace(paid("5"), seconds=1.5), name="user")
        await new_bench(store, NOWHERE, {Role.USER: model}).model(Role.USER).complete(numbered(1)[0], bill)
    assert bills[1] == bills[0]
    assert bills[1] == Bill(calls=1, cost_usd=PRICE, usage=Usage(input_tokens=100, output_tokens=10), seconds=1.5)
    (row,) = store.ledger()
    assert (row.calls, row.cost_usd) == (1, PRICE)


async def test_what_is_answered_from_the_store_is_not_spent(store: Store) -> None:
    first = new_bench(store, NOWHERE, {Role.USER: ScriptedModel([paid("5")])})
    await first.model(Role.USER).complete(numbered(1)[0], Bill())
    again = new_bench(store, NOWHERE, {Role.USER: ScriptedModel([])}, max_cost=0.0)
    assert await again.model(Role.USER).complete(numbered(1)[0], Bill()) == "5"
    assert (first.spent, again.spent) == (PRICE, 0.0)


async def test_a_model_that_fails_ends_the_run_and_is_no_failed_try(store: Store) -> None:
    """The maker takes a `ModelError` for the end of one build; an outage must not be counted as an invalid tool."""

    def fail(_: Prompt) -> Reply:
        raise ModelError("a-1 is down", hint="wait")

    bench = new_bench(store, NOWHERE, {Role.MAKER: FunctionModel(fail)})
    with pytest.raises(OperatorError, match="a-1 is down") as told:
        await bench.model(Role.MAKER).complete(numbered(1)[0], Bill())
    assert not isinstance(told.value, ModelError)
    assert told.value.hint == "wait"


# the bound on the cost


async def ask(model: AccountedModel, prompts: Sequence[Prompt]) -> list[str]:
    return await for_each(lambda one: model.complete(one, Bill()), prompts)


async def test_no_call_begins_once_the_bound_is_reached(store: Store) -> None:
    model = FunctionModel(lambda _: paid("5"))
    bench = new_bench(store, NOWHERE, {Role.USER: model}, max_cost=3 * PRICE)
    with pytest.raises(CostReachedError, match=r"\$0.75 spent, the bound is \$0.75") as told:
        await ask(bench.model(Role.USER), numbered(100))
    assert len(model.prompts) == 3
    assert bench.spent == 3 * PRICE
    assert "--max-cost" in told.value.hint


async def test_the_bound_is_one_for_all_models(store: Store) -> None:
    models = {Role.USER: FunctionModel(lambda _: paid("5")), Role.SOLVER: FunctionModel(lambda _: paid("6"))}
    bench = new_bench(store, NOWHERE, models, max_cost=2 * PRICE)
    await ask(bench.model(Role.USER), numbered(2))
    with pytest.raises(CostReachedError):
        await ask(bench.model(Role.SOLVER), numbered(3)[2:])


async def test_calls_under_way_when_the_bound_is_reached_are_finished_and_kept(store: Store) -> None:
    """They are paid: to cancel them would lose them."""

    three = anyio.Event()

    async def slow_but_the_first(prompt: Prompt) -> Reply:
        if len(model.prompts) == 3:
            three.set()
        await three.wait()
        for _ in range(0 if prompt is model.prompts[0] else 100):
            await checkpoint()
        return paid("5")

    model = FunctionModel(slow_but_the_first, name="user")
    bench = new_bench(store, NOWHERE, {Role.USER: model}, max_cost=PRICE, at_once=3)
    with pytest.raises(CostReachedError):
        await ask(bench.model(Role.USER), numbered(100))
    assert len(model.prompts) == 3
    assert all(store.find_call(one.key, model.identity) is not None for one in model.prompts)
    assert bench.spent == 3 * PRICE


async def test_without_a_bound_nothing_waits_for_its_turn(store: Store) -> None:
    together = 0
    most = 0

    async def count(_: Prompt) -> Reply:
        nonlocal together, most
        together += 1
        most = max(most, together)
        for _ in range(50):
            await checkpoint()
        together -= 1
        return paid("5")

    await ask(new_bench(store, NOWHERE, {Role.USER: FunctionModel(count)}).model(Role.USER), numbered(5))
    assert most > 1


async def test_a_bound_cannot_be_kept_with_an_unknown_price(store: Store) -> None:
    model = FunctionModel(lambda _: paid("5", None))
    bench = new_bench(store, NOWHERE, {Role.USER: model}, max_cost=3 * PRICE)
    with pytest.raises(CostReachedError, match=r"price is unknown, so the bound of \$0\.75 cannot be kept"):
        await ask(bench.model(Role.USER), numbered(5))
    assert len(model.prompts) == 1
    assert bench.spent is None


async def test_an_unknown_price_is_no_matter_without_a_bound(store: Store) -> None:
    bench = new_bench(store, NOWHERE, {Role.USER: FunctionModel(lambda _: paid("5", None))})
    assert await ask(bench.model(Role.USER), numbered(3)) == ["5"] * 3


async def test_what_is_spent_is_reported_as_it_is_paid(store: Store) -> None:
    told: list[float | None] = []
    bench = new_bench(store, NOWHERE, {Role.USER: FunctionModel(lambda _: paid("5"))}, max_cost=9)
    bench.on_spent = told.append
    await ask(bench.model(Role.USER), numbered(2))
    assert told == [PRICE, 2 * PRICE]


async def test_a_run_with_a_higher_bound_pays_only_for_the_rest(store: Store) -> None:
    first = user()
    with pytest.raises(CostReachedError):
        await direct(store, first, max_cost=3 * PRICE)
    second = user()
    figure = await direct(store, second, max_cost=9 * PRICE)
    assert (len(first.prompts), len(second.prompts)) == (3, 5)
    assert {one.key for one in first.prompts}.isdisjoint(one.key for one in second.prompts)
    assert (figure.right, figure.n, figure.cost_usd) == (8, 8, 8 * PRICE)


async def direct(store: Store, model: FunctionModel, *, max_cost: float | None = None, given: Samples | None = None):
    bench = new_bench(store, NOWHERE, {Role.USER: model}, max_cost=max_cost)
    given = given or samples(count=8)
    return await measure_accuracy(bench, given, Direct(bench.model(Role.USER), given.shown), "user")


async def test_a_reply_that_was_cut_short_counts_as_no_answer_is_billed_and_ends_no_run(store: Store) -> None:
    for _run in range(2):  # the second time from the store
        model = FunctionModel(lambda _: replace(paid("5 and so on"), cut=True))
        figure = await direct(store, model, given=samples(count=2))
        assert (figure.right, figure.n, figure.model_calls, figure.cost_usd) == (0, 2, 2, 2 * PRICE)
        assert figure.lacking == {"with an invalid reply": 2}


async def test_for_each_keeps_the_order_and_raises_other_errors_at_once() -> None:
    async def double(number: int) -> int:
        for _ in range(5 - number):
            await checkpoint()
        return 2 * number

    assert await for_each(double, [1, 2, 3]) == [2, 4, 6]

    async def fail(number: int) -> int:
        if number == 1:
            raise OperatorError("broken")
        await anyio.sleep_forever()
        return 0

    with pytest.raises(OperatorError, match="broken"):
        await for_each(fail, [1, 2])


# asking all


async def test_a_figure_counts_right_answers_no_answers_tokens_and_cost(store: Store) -> None:
    given = samples(count=4)
    replies = [given.asked[0].answer, "wrong", "", f" {given.asked[3].answer}\n"]
    by_question = {one.question: paid(said) for one, said in zip(given.asked, replies, strict=True)}

    def reply(prompt: Prompt) -> Reply:  # whichever is asked first
        return next(said for question, said in by_question.items() if question in prompt.messages[-1].content)

    bench = new_bench(store, NOWHERE, {Role.USER: FunctionModel(reply)}, max_cost=9)
    steps: list[tuple[str, int, int]] = []
    bench.on_progress = lambda what, done, total: steps.append((what, done, total))
    figure = await measure_accuracy(
        bench, given, Direct(bench.model(Role.USER), given.shown), "a-1", paper=55.5, detail="few"
    )
    assert (figure.task, figure.method, figure.model, figure.paper) == ("sum", "direct, few-shot", "a-1", 55.5)
    assert (figure.right, figure.n, figure.model_calls) == (2, 4, 4)
    assert (figure.input_tokens, figure.output_tokens, figure.cost_usd) == (400, 40, 4 * PRICE)
    assert (figure.wrong, figure.lacking, figure.detail) == (1, {"with an invalid reply": 1}, "few")
    assert steps == [("sum: direct, few-shot", done, 4) for done in (1, 2, 3, 4)]


async def test_an_unknown_price_or_token_count_is_unknown_in_the_figure(store: Store) -> None:
    figure = await direct(store, FunctionModel(lambda _: "5"), given=samples(count=2))
    assert (figure.cost_usd, figure.input_tokens, figure.output_tokens, figure.model_calls) == (None, None, None, 2)


def test_bills_add_up() -> None:
    one = Bill(calls=2, cost_usd=0.5, usage=Usage(input_tokens=3, output_tokens=4), seconds=0.5)
    total = Bill(calls=4, cost_usd=1.0, usage=Usage(input_tokens=6, output_tokens=8), seconds=1.0)
    assert one_bill([one, one]) == total
    assert one_bill([one, Bill(calls=1, cost_usd=None)]).cost_usd is None
    assert one_bill([]) == Bill()
