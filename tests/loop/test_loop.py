from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace

import anyio
import pytest

from hammerstone.errors import InputError, ModelError, RecordingError, SettingsError
from hammerstone.loop import Hammerstone, Models
from hammerstone.models.model import Prompt
from hammerstone.routes.last_routes import NO_ANSWER
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store, open_store
from hammerstone.store.records import Answered, BuildState, ToolState
from hammerstone.testing import FakeSandbox, FunctionModel, ScriptedModel
from hammerstone.types import Chat, Instance, Request, Route, Source

from ..samples.sums import (
    ONE_OFFS,
    PRODUCT,
    SETTINGS,
    SUM,
    answer,
    ask,
    asked,
    block,
    dispatcher,
    instances,
    maker,
    requests,
    reworded,
    solver,
    tool,
    user,
)

pytestmark = pytest.mark.anyio

NO_SANDBOX = FakeSandbox({})
ONE_OFF = next(iter(ONE_OFFS))


def down(_: Prompt) -> str:
    raise ModelError("the model is down")


def everyone() -> Models:
    return Models(maker=maker(), user=user(), dispatcher=dispatcher(), solver=solver())


def calls(models: Models) -> dict[str, int]:
    """How often each model was asked."""
    return {one.name: len(one.prompts) for one in vars(models).values() if isinstance(one, FunctionModel)}


async def answers_of(loop: Hammerstone, asked: list[Request]) -> list[Answered]:
    return [answered async for answered in loop.stream(asked)]


# the routes, from cold


async def test_a_cold_stream_ends_at_the_parser_route_with_no_model_call(store: Store, sandbox: Sandbox) -> None:
    models = everyone()
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        cold = await answers_of(loop, requests(5))
        paid = calls(models)
        warm = await answers_of(loop, requests(3, start=5))
    assert [one.route for one in cold] == [Route.SOLVER] * 5
    assert [one.answer for one in store.instances("sum")] == [one.answer for one in cold]
    assert [(one.route, one.correct, one.model_calls, one.cost_usd) for one in warm] == [
        (Route.PARSER, True, 0, 0.0)
    ] * 3
    assert [(one.tool, one.version) for one in warm] == [("sum", 1)] * 3
    assert calls(models) == paid == {"maker": 1, "user": 1, "dispatcher": 5, "solver": 5}
    assert len(store.instances("sum")) == 5, "what a tool answers is no instance"


async def test_two_tasks_in_one_stream_get_a_tool_each(store: Store, sandbox: Sandbox) -> None:
    mixed = [one for pair in zip(requests(8), requests(8, "product"), strict=True) for one in pair]
    async with Hammerstone(store=store, sandbox=sandbox, models=everyone(), settings=SETTINGS) as loop:
        answers = await answers_of(loop, mixed)
    assert all(one.correct for one in answers)
    assert [(one.route, one.tool) for one in answers[10:]] == [(Route.PARSER, "sum"), (Route.PARSER, "product")] * 3


async def test_a_reworded_question_takes_the_user_route(store: Store, sandbox: Sandbox) -> None:
    store.publish(tool())
    async with Hammerstone(store=store, sandbox=sandbox, models=everyone(), settings=SETTINGS) as loop:
        answered = await loop.solve(reworded(3))
    assert (answered.route, answered.answer, answered.tool) == (Route.USER, "72", "sum")
    assert answered.model_calls == 2, "one of the dispatcher and one of the user"


async def test_a_tool_without_the_user_route_leaves_a_reworded_question_to_the_solver(
    store: Store, sandbox: Sandbox
) -> None:
    store.publish(tool(routes=(Route.PARSER,)))
    async with Hammerstone(store=store, sandbox=sandbox, models=everyone(), settings=SETTINGS) as loop:
        answered = await loop.solve(reworded(3))
    assert (answered.route, answered.answer) == (Route.SOLVER, "72")


async def test_a_tool_without_the_parser_route_is_not_asked_to_parse(store: Store, sandbox: Sandbox) -> None:
    store.publish(tool(routes=(Route.USER,)))
    async with Hammerstone(store=store, sandbox=sandbox, models=everyone(), settings=SETTINGS) as loop:
        answered = await loop.solve(ask(0))
    assert (answered.route, answered.answer) == (Route.USER, "7")


async def test_a_question_of_no_known_task_goes_to_the_solver_and_opens_a_task(store: Store, sandbox: Sandbox) -> None:
    store.publish(tool())
    async with Hammerstone(store=store, sandbox=sandbox, models=everyone(), settings=SETTINGS) as loop:
        answered = await loop.solve(ONE_OFF)
    assert (answered.route, answered.answer, answered.task) == (Route.SOLVER, ONE_OFFS[ONE_OFF], "other")
    assert [(one.name, one.instances) for one in store.tasks()] == [("sum", 0), ("other", 1)]


async def test_without_models_live_tools_answer_and_the_rest_is_reported_of(store: Store, sandbox: Sandbox) -> None:
    store.publish(tool())
    async with Hammerstone(store=store, sandbox=sandbox, models=Models(), settings=SETTINGS) as loop:
        sure, unsure = [await loop.solve(one) for one in (ask(0), reworded(0))]
    assert (sure.route, sure.answer) == (Route.PARSER, "7")
    assert (unsure.route, unsure.answer, unsure.error) == (None, None, "no tool answers this, and no solver is set")


async def test_a_plain_question_has_the_same_id_each_time_it_is_asked(store: Store, sandbox: Sandbox) -> None:
    store.publish(tool())
    async with Hammerstone(store=store, sandbox=sandbox, models=Models(), settings=SETTINGS) as loop:
        ids = [(await loop.solve(one)).id for one in (ask(0), ask(1), ask(0))]
    assert ids[0] == ids[2] != ids[1]


# what the cheaper routes refuse


@pytest.mark.parametrize(
    ("reply", "refusal"),
    [
        ("null", "the user model refused"),
        ("I think the arguments are six and sixty-six.", "the user model's reply is not JSON"),
        ("[6, 66]", "the user model's reply is not a JSON object"),
        ('{"left": "6", "right": 66}', "the user model's arguments do not fit: left: "),
        ('{"left": 6}', "the user model's arguments do not fit: right: "),
        ('{"left": 6, "right": 66, "third": 1}', "the user model's arguments do not fit: third: "),
        ('{"left": 666, "right": 66}', "the arguments stand for a question without: '6'"),
        ('{"left": 6, "right": 66}', "solve failed: ValueError: too small"),
    ],
)
async def test_what_the_user_cannot_do_is_done_by_the_solver_and_kept_as_a_refusal(
    store: Store, sandbox: Sandbox, reply: str, refusal: str
) -> None:
    careful = SUM.replace("    return str", '    if left == 6:\n        raise ValueError("too small")\n    return str')
    store.publish(tool(source=careful))
    models = replace(everyone(), user=ScriptedModel([reply]))
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        answered = await loop.solve(reworded(3))
    assert (answered.route, answered.answer, answered.tool) == (Route.SOLVER, "72", None)
    assert answered.refusals[-1].startswith(f"sum: {refusal}")
    assert store.refused_questions("sum", 10) == (reworded(3),)
    assert [one.question for one in store.instances("sum")] == [reworded(3)]


async def test_a_parser_that_cannot_reproduce_the_question_refuses_it(store: Store, sandbox: Sandbox) -> None:
    store.publish(tool(source=SUM.replace(r"(\d+)\?", r"(\d+)[?!]+")))
    async with Hammerstone(store=store, sandbox=sandbox, models=everyone(), settings=SETTINGS) as loop:
        answered = await loop.solve("What is the sum of 3 and 4?!")
    assert answered.route is Route.USER
    assert answered.refusals[0].startswith("sum: unparse wrote ")


# a task that the caller names


async def test_a_task_hint_spares_the_dispatcher(store: Store, sandbox: Sandbox) -> None:
    models = everyone()
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        answered = await loop.solve(Request.plain(id="1", question=ask(0), task="adding"))
    assert calls(models) == {"maker": 0, "user": 0, "dispatcher": 0, "solver": 1}
    assert (answered.task, answered.model_calls) == ("adding", 1)
    assert [one.question for one in store.instances("adding")] == [ask(0)]


async def test_a_task_hint_keeps_the_parsers_of_other_tasks_out(store: Store, sandbox: Sandbox) -> None:
    store.publish(tool())
    async with Hammerstone(store=store, sandbox=sandbox, models=everyone(), settings=SETTINGS) as loop:
        other, own = [await loop.solve(Request.plain(id="1", question=ask(0), task=task)) for task in ("other", "sum")]
    assert (other.route, other.refusals) == (Route.SOLVER, ())
    assert own.route is Route.PARSER


# two parsers that both reproduce a question


def publish_two(store: Store) -> None:
    """A look-alike of `sum` that reads the very same questions and answers otherwise."""
    store.publish(tool())
    store.publish(tool("rounded", SUM.replace("str(left + right)", "str(round(left + right, -1))")))


async def test_of_two_parsers_the_dispatcher_chooses(store: Store, sandbox: Sandbox) -> None:
    publish_two(store)
    chooser = ScriptedModel(['{"kind": "sum"}', '{"kind": "rounded"}'])
    models = Models(dispatcher=chooser)
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        answers = await answers_of(loop, requests(2))
    assert [(one.route, one.tool, one.answer) for one in answers] == [
        (Route.PARSER, "sum", "7"),
        (Route.PARSER, "rounded", "20"),
    ]
    assert "- sum: " in chooser.prompts[0].messages[0].content
    assert "- rounded: " in chooser.prompts[0].messages[0].content


async def test_where_the_dispatcher_chooses_neither_of_two_parsers_neither_answers(
    store: Store, sandbox: Sandbox
) -> None:
    publish_two(store)
    unsure = FunctionModel(lambda _: '{"kind": null}')
    models = Models(dispatcher=unsure, solver=solver())
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        answered = await loop.solve(ask(0))
    assert (answered.route, answered.answer) == (Route.SOLVER, "7")
    assert "the parsers of rounded, sum all reproduce the question" in answered.refusals


@pytest.mark.parametrize("chooser", [None, FunctionModel(down)])
async def test_without_a_dispatcher_no_coin_is_thrown_between_two_parsers(
    store: Store, sandbox: Sandbox, chooser: FunctionModel | None
) -> None:
    publish_two(store)
    models = Models(dispatcher=chooser, solver=solver())
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        answered = await loop.solve(ask(0))
    assert (answered.route, answered.answer) == (Route.SOLVER, "7")


# the dispatcher


async def test_an_unreadable_reply_of_the_dispatcher_is_asked_for_once_more(store: Store) -> None:
    model = ScriptedModel(["It is about sums.", '{"new": "sum", "description": "Sums."}'])
    models = Models(dispatcher=model, solver=solver())
    async with Hammerstone(store=store, sandbox=NO_SANDBOX, models=models, settings=SETTINGS) as loop:
        answered = await loop.solve(ask(0))
    assert (answered.task, answered.refusals) == ("sum", ())
    assert [one.sample for one in model.prompts] == [0, 1]


async def test_where_the_dispatcher_cannot_be_read_requests_are_sorted_by_their_wording(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    models = Models(dispatcher=FunctionModel(lambda _: '{"kind": "no such kind"}'), solver=solver())
    async with Hammerstone(store=store, sandbox=NO_SANDBOX, models=models, settings=SETTINGS) as loop:
        answers = await answers_of(loop, requests(3))
    (task,) = store.tasks()
    assert [(one.route, one.task) for one in answers] == [(Route.SOLVER, task.name)] * 3
    assert caplog.text.count("could not be read") == 1


async def test_a_request_that_the_dispatcher_leaves_unsorted_joins_the_task_that_is_worded_like_it(
    store: Store,
) -> None:
    """Also where the dispatcher has named that task since it first failed."""
    said = ["Hm.", "Hm.", '{"new": "sum", "description": "Sums."}', "Hm.", "Hm."]
    first, *others = requests(3)
    odd = replace(first, chat=Chat.of("Which of the two is the larger number, please: seventeen or ninety?"))
    models = Models(dispatcher=ScriptedModel(said), solver=FunctionModel(lambda _: "Answer: 7"))
    async with Hammerstone(store=store, sandbox=NO_SANDBOX, models=models, settings=SETTINGS) as loop:
        answers = [await loop.solve(one) for one in (odd, *others)]
    assert [one.task for one in answers[1:]] == ["sum", "sum"]
    assert answers[0].task != "sum"


async def test_two_requests_that_name_a_new_task_at_the_same_time_get_one_task(store: Store) -> None:
    both_asked = anyio.Event()
    names = iter(("sum", "addition"))

    async def sort(prompt: Prompt) -> str:
        for known in ("sum", "addition"):  # whichever came first
            if f"- {known}: " in prompt.messages[0].content:
                return json.dumps({"kind": known})
        name = next(names)
        if name == "addition":
            both_asked.set()
        await both_asked.wait()
        return json.dumps({"new": name, "description": "Sums."})

    models = Models(dispatcher=FunctionModel(sort), solver=solver())
    settings = replace(SETTINGS, loop=replace(SETTINGS.loop, concurrency=2))
    async with Hammerstone(store=store, sandbox=NO_SANDBOX, models=models, settings=settings) as loop:
        answers = await answers_of(loop, requests(2))
    (task,) = store.tasks()
    assert [one.task for one in answers] == [task.name, task.name]


async def test_a_question_that_was_sorted_once_is_not_sorted_again_though_more_tasks_are_known(store: Store) -> None:
    sorter = FunctionModel(lambda _: '{"new": "sum", "description": "Sums."}')
    async with Hammerstone(
        store=store, sandbox=NO_SANDBOX, models=Models(dispatcher=sorter, solver=solver()), settings=SETTINGS
    ) as loop:
        await answers_of(loop, requests(1))
        store.add_task("another", "What came meanwhile.")
        (again,) = await answers_of(loop, requests(1))
    assert (again.task, again.model_calls, len(sorter.prompts)) == ("sum", 0, 1)


async def test_no_dispatcher_stands_before_an_answer_that_no_model_writes_arguments_for(
    store: Store, sandbox: Sandbox
) -> None:
    sorts, sorted_before = dispatcher(), list[int]()

    def solve(prompt: Prompt) -> str:
        sorted_before.append(len(sorts.prompts))
        return f"Answer: {answer(asked(prompt))}"

    store.publish(tool(routes=(Route.PARSER,)))
    models = Models(user=user(), dispatcher=sorts, solver=FunctionModel(solve))
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        answered = await loop.solve(reworded(3))
        assert (answered.task, answered.model_calls, len(sorts.prompts)) == ("sum", 2, 1)
        store.publish(tool("product", PRODUCT))  # which takes a model's arguments
        await loop.solve(ONE_OFF)
    assert sorted_before == [0, 2]


async def test_a_question_that_is_an_instance_of_one_task_is_of_that_task_and_no_model_is_asked(store: Store) -> None:
    store.add_task("sum", "")
    store.add_instance("sum", instances(1)[0], request_id="1")
    models = Models(dispatcher=dispatcher(), solver=solver())
    async with Hammerstone(store=store, sandbox=NO_SANDBOX, models=models, settings=SETTINGS) as loop:
        answered = await loop.solve(ask(0))
    assert (answered.task, answered.model_calls, calls(models)["dispatcher"]) == ("sum", 1, 0)


# models that are down


async def test_a_dispatcher_that_is_down_leaves_the_request_to_the_solver(store: Store, sandbox: Sandbox) -> None:
    store.publish(tool())
    models = replace(everyone(), dispatcher=FunctionModel(down))
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        answered = await loop.solve(reworded(3))
    assert (answered.route, answered.answer, answered.error) == (Route.SOLVER, "72", None)
    assert "dispatcher: the model is down" in answered.refusals


async def test_a_user_that_is_down_leaves_the_request_to_the_solver(store: Store, sandbox: Sandbox) -> None:
    store.publish(tool())
    models = replace(everyone(), user=FunctionModel(down))
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        answered = await loop.solve(reworded(3))
    assert (answered.route, answered.answer, answered.error) == (Route.SOLVER, "72", None)
    assert answered.refusals[-1] == "sum: user: the model is down"


async def test_a_solver_that_is_down_is_an_error_of_its_request_alone(store: Store) -> None:
    def sometimes(prompt: Prompt) -> str:
        return down(prompt) if asked(prompt) == ask(1) else f"Answer: {answer(asked(prompt))}"

    models = Models(dispatcher=dispatcher(), solver=FunctionModel(sometimes))
    async with Hammerstone(store=store, sandbox=NO_SANDBOX, models=models, settings=SETTINGS) as loop:
        answers = await answers_of(loop, requests(3))
    assert [(one.answer, one.error) for one in answers] == [("7", None), (None, "the model is down"), ("239", None)]
    assert [one.question for one in store.instances("sum")] == [ask(0), ask(2)]


async def test_a_solver_whose_reply_holds_no_answer_gives_none_and_is_not_paid_for_it_again(store: Store) -> None:
    model = ScriptedModel(["I do not know."])
    models = Models(dispatcher=dispatcher(), solver=model)
    async with Hammerstone(store=store, sandbox=NO_SANDBOX, models=models, settings=SETTINGS) as loop:
        first, second = [await loop.solve(ask(0)) for _ in range(2)]
    assert (first.answer, first.error) == (None, NO_ANSWER)
    assert (second.answer, second.error) == (None, NO_ANSWER)
    assert (len(model.prompts), store.instances("sum")) == (1, ())


async def test_a_maker_that_is_down_fails_its_build_and_the_stream_goes_on(store: Store, sandbox: Sandbox) -> None:
    models = replace(everyone(), maker=FunctionModel(down))
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        answers = await answers_of(loop, requests(6))
    assert all(one.correct for one in answers)
    assert [(one.state, one.reason) for one in store.builds()] == [(BuildState.FAILED, "the model is down")]


@pytest.mark.parametrize("role", ["dispatcher", "user", "solver"])
async def test_a_prompt_that_was_not_recorded_ends_the_stream_where_it_stands(
    store: Store, sandbox: Sandbox, role: str
) -> None:
    def unrecorded(_: Prompt) -> str:
        raise RecordingError("no recording of this prompt")

    store.publish(tool(routes=(Route.PARSER, Route.USER) if role == "user" else (Route.PARSER,)))
    models = replace(everyone(), **{role: FunctionModel(unrecorded)})
    stream = [*requests(2), Request.plain(id="r", question=reworded(2)), *requests(1, start=3)]
    seen: list[Answered] = []

    async def run() -> None:
        async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
            async for answered in loop.stream(stream):
                seen.append(answered)

    with pytest.raises(RecordingError, match="no recording of this prompt"):
        await run()
    assert [one.answer for one in seen] == ["7", "22"]


# a labeler in the solver's place


async def test_what_waits_for_a_labeler_blocks_nothing_and_its_labels_become_a_tool(
    store: Store, sandbox: Sandbox
) -> None:
    models = Models(maker=maker(), user=user(), dispatcher=dispatcher(), labeler=True)
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        answers = await answers_of(loop, requests(5))
    assert [(one.route, one.answer, one.error) for one in answers] == [(Route.LABELER, None, None)] * 5
    assert store.builds() == ()
    for waiting in store.queue():
        store.label(waiting.id, answer(waiting.question))
    assert {one.source for one in store.instances("sum")} == {Source.LABELER}
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        await loop.catch_up()
        answered = await loop.solve(ask(5))
    assert (answered.route, answered.answer) == (Route.PARSER, "48")


async def test_the_same_request_waits_for_the_labeler_once(store: Store) -> None:
    models = Models(dispatcher=dispatcher(), labeler=True)
    async with Hammerstone(store=store, sandbox=NO_SANDBOX, models=models, settings=SETTINGS) as loop:
        await answers_of(loop, [*requests(1), *requests(1)])
    assert len(store.queue()) == 1


async def test_a_persons_label_wins_over_a_tool_a_stored_completion_and_an_earlier_answer_of_the_queue(
    store: Store, sandbox: Sandbox
) -> None:
    request = Request.plain(id="1", question=ask(9), task="sum")
    queued = store.enqueue("1", ask(9), "sum")
    store.label(queued.id, "1")
    models = Models(solver=solver())
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        store.add_instance("sum", replace(instances(10)[9], answer="2", source=Source.CALLER), request_id="fix")
        answers = [await loop.solve(request)]
        store.publish(tool())
        answers.append(await loop.solve(request))
    async with Hammerstone(store=store, sandbox=sandbox, models=Models(labeler=True), settings=SETTINGS) as loop:
        store.remove_tool("sum")
        answers.append(await loop.solve(request))
    assert [(one.route, one.answer, one.model_calls) for one in answers] == [(Route.LABELER, "2", 0)] * 3
    assert answers[1].refusals == ("sum: a person's label says otherwise",)


async def test_a_label_that_was_never_stored_takes_the_tool_that_contradicts_it_out_of_service(
    store: Store, sandbox: Sandbox
) -> None:
    models = Models(maker=FunctionModel(lambda _: "NO PARSER"))
    store.publish(tool(routes=(Route.PARSER,)))
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        await loop.make([*instances(5), replace(instances(10)[9], answer="999")], name="sum")
    assert [one.state for one in store.tools()] == [ToolState.QUARANTINED]


# several at a time


async def test_answers_come_in_the_order_of_the_requests(store: Store) -> None:
    last_asked = anyio.Event()

    async def slow_first(prompt: Prompt) -> str:
        if asked(prompt) == ask(3):
            last_asked.set()
        await last_asked.wait()
        return f"Answer: {answer(asked(prompt))}"

    models = Models(solver=FunctionModel(slow_first))
    settings = replace(SETTINGS, loop=replace(SETTINGS.loop, concurrency=4))
    async with Hammerstone(store=store, sandbox=NO_SANDBOX, models=models, settings=settings) as loop:
        answers = await answers_of(loop, requests(6))
    assert [one.id for one in answers] == [f"sum-{n}" for n in range(6)]
    assert all(one.correct for one in answers)


async def test_no_more_requests_are_under_way_than_asked_for(store: Store) -> None:
    under_way: set[str] = set()
    most = 0
    two_are_there = anyio.Event()

    async def count(prompt: Prompt) -> str:
        nonlocal most
        under_way.add(asked(prompt))
        most = max(most, len(under_way))
        if most == 2:
            two_are_there.set()
        await two_are_there.wait()
        await anyio.wait_all_tasks_blocked()
        under_way.discard(asked(prompt))
        return f"Answer: {answer(asked(prompt))}"

    models = Models(solver=FunctionModel(count))
    settings = replace(SETTINGS, loop=replace(SETTINGS.loop, concurrency=2))
    async with Hammerstone(store=store, sandbox=NO_SANDBOX, models=models, settings=settings) as loop:
        await answers_of(loop, requests(8))
    assert most == 2


async def test_an_answer_comes_before_the_next_request_does(store: Store) -> None:
    answered_first = anyio.Event()

    async def typed() -> AsyncIterator[Request]:
        first, second = requests(2)
        yield first
        await answered_first.wait()
        yield second

    models = Models(solver=solver())
    settings = replace(SETTINGS, loop=replace(SETTINGS.loop, concurrency=8))
    seen: list[str] = []
    async with Hammerstone(store=store, sandbox=NO_SANDBOX, models=models, settings=settings) as loop:
        async for one in loop.stream(typed()):
            seen.append(one.id)
            answered_first.set()
    assert seen == ["sum-0", "sum-1"]


async def test_a_stream_that_is_left_half_read_does_not_keep_the_loop_from_closing(store: Store) -> None:
    models = Models(solver=solver())
    settings = replace(SETTINGS, loop=replace(SETTINGS.loop, concurrency=2))
    async with Hammerstone(store=store, sandbox=NO_SANDBOX, models=models, settings=settings) as loop:
        half_read = loop.stream(requests(6))
        first = await anext(half_read)
    await half_read.aclose()
    assert first.answer == "7"


async def test_equal_prompts_are_paid_once(store: Store) -> None:
    models = Models(solver=solver())
    settings = replace(SETTINGS, loop=replace(SETTINGS.loop, concurrency=2))
    twins = [Request.plain(id=name, question=ask(0), task="sum") for name in ("a", "b")]
    async with Hammerstone(store=store, sandbox=NO_SANDBOX, models=models, settings=settings) as loop:
        at_once = await answers_of(loop, twins)
    async with Hammerstone(store=store, sandbox=NO_SANDBOX, models=models, settings=settings) as loop:
        later = await loop.solve(ask(0))
    assert [one.answer for one in (*at_once, later)] == ["7"] * 3
    assert sorted(one.model_calls for one in (*at_once, later)) == [0, 0, 1]
    assert calls(models)["solver"] == 1
    assert len(store.instances("sum")) == 1


# builds beside the stream


async def test_a_build_does_not_hold_the_stream_up(store: Store, sandbox: Sandbox) -> None:
    may_reply = anyio.Event()

    async def blocked(_: Prompt) -> str:
        await may_reply.wait()
        return block(SUM)

    models = replace(everyone(), maker=FunctionModel(blocked))
    settings = replace(SETTINGS, loop=replace(SETTINGS.loop, background=True))
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=settings) as loop:
        answers = await answers_of(loop, requests(8))
        assert [one.route for one in answers] == [Route.SOLVER] * 8
        assert [one.state for one in store.builds()] == [BuildState.RUNNING]
        may_reply.set()
    assert [one.state for one in store.builds()] == [BuildState.LIVE], "the loop waits for it when it closes"


async def test_a_build_is_interrupted_when_the_loop_ends_with_an_error_and_starts_again_at_once(
    store: Store, sandbox: Sandbox
) -> None:
    models = replace(everyone(), maker=FunctionModel(lambda _: anyio.sleep_forever()))
    settings = replace(SETTINGS, loop=replace(SETTINGS.loop, background=True))

    async def break_off() -> None:
        async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=settings) as loop:
            await answers_of(loop, requests(5))
            raise KeyError

    with pytest.raises(KeyError):
        await break_off()
    assert [one.state for one in store.builds()] == [BuildState.INTERRUPTED]
    async with Hammerstone(store=store, sandbox=sandbox, models=everyone(), settings=settings) as loop:
        await loop.catch_up()
    assert [one.state for one in store.builds()] == [BuildState.LIVE, BuildState.INTERRUPTED]


async def test_requests_that_complete_a_task_at_the_same_time_start_one_build(store: Store, sandbox: Sandbox) -> None:
    models = replace(everyone(), maker=FunctionModel(lambda _: "NO PARSER"))
    settings = replace(SETTINGS, loop=replace(SETTINGS.loop, concurrency=8, background=True))
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=settings) as loop:
        for number in range(4):
            await loop.solve(ask(number))
        await answers_of(loop, requests(2, start=4))
    assert len(store.builds()) == 1


async def test_a_failed_build_is_tried_again_only_after_more_instances(store: Store, sandbox: Sandbox) -> None:
    models = replace(everyone(), maker=FunctionModel(lambda _: "NO PARSER"))
    made: list[int] = []
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        for number in range(9):
            await loop.solve(ask(number))
            made.append(len(store.builds()))
    assert made == [0, 0, 0, 0, 1, 1, 2, 2, 3]


async def test_a_tool_that_a_person_disabled_is_not_made_again(store: Store, sandbox: Sandbox) -> None:
    models = everyone()
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        await answers_of(loop, requests(5))
        store.set_tool_state("sum", None, ToolState.DISABLED)
        answers = await answers_of(loop, requests(5, start=5))
    assert [one.route for one in answers] == [Route.SOLVER] * 5
    assert len(store.builds()) == 1


async def test_a_tool_that_a_person_removed_is_made_again_after_more_instances(store: Store, sandbox: Sandbox) -> None:
    async with Hammerstone(store=store, sandbox=sandbox, models=everyone(), settings=SETTINGS) as loop:
        await answers_of(loop, requests(5))
        store.remove_tool("sum")
        answers = await answers_of(loop, requests(4, start=5))
    assert [one.route for one in answers] == [Route.SOLVER] * 2 + [Route.PARSER] * 2


async def test_a_tool_that_another_process_made_serves_the_next_request(store: Store, sandbox: Sandbox) -> None:
    async with Hammerstone(store=store, sandbox=sandbox, models=Models(), settings=SETTINGS) as loop:
        before = await loop.solve(ask(0))
        with open_store(str(store.where).removesuffix("/hammerstone.db")) as other:
            other.publish(tool())
        after = await loop.solve(ask(0))
    assert (before.route, after.route) == (None, Route.PARSER)


async def test_one_who_wants_to_know_is_reported_when_a_build_starts_and_how_it_ends(
    store: Store, sandbox: Sandbox
) -> None:
    told: list[tuple[str, str]] = []
    async with Hammerstone(
        store=store,
        sandbox=sandbox,
        models=everyone(),
        settings=SETTINGS,
        on_build=lambda task, build: told.append((task, build.state if build else "starts")),
    ) as loop:
        await answers_of(loop, requests(5))
    assert told == [("sum", "starts"), ("sum", "live")]


# build a tool now


async def test_a_tool_is_made_from_given_instances(store: Store, sandbox: Sandbox) -> None:
    models = Models(maker=maker(), user=user())
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        build = await loop.make(instances(6, "product", Source.CALLER), name="product", description="Products.")
        answered = await loop.solve(ask(7, "product"))
    assert build.state is BuildState.LIVE
    assert (answered.route, answered.answer) == (Route.PARSER, answer(ask(7, "product")))
    assert store.instances("product")[0].source is Source.CALLER


async def test_without_a_maker_nothing_can_be_made(store: Store) -> None:
    async with Hammerstone(store=store, sandbox=NO_SANDBOX, models=Models(), settings=SETTINGS) as loop:
        with pytest.raises(SettingsError, match="there is no maker model"):
            await loop.make(instances(6), name="sum")
    assert store.tasks() == ()


async def test_what_another_process_is_building_is_not_made_twice(store: Store) -> None:
    store.add_task("sum", "")
    store.start_build("sum", owner="elsewhere:1")
    told: list[str] = []
    async with Hammerstone(
        store=store,
        sandbox=NO_SANDBOX,
        models=Models(maker=maker()),
        settings=SETTINGS,
        on_build=lambda task, _: told.append(task),
    ) as loop:
        with pytest.raises(SettingsError, match="a build of sum is running already"):
            await loop.make(instances(6), name="sum")
    assert told == ["sum"], "of the start alone, since no build of ours ended"


async def test_spellings_of_one_question_are_too_few_instances(store: Store, sandbox: Sandbox) -> None:
    (one,) = instances(1)
    forms = ("{}", "{} ", "{}\r\n", " {}", "\t{}", "\n{}")
    spelled = [replace(one, question=form.format(one.question)) for form in forms]
    model = maker()
    async with Hammerstone(store=store, sandbox=sandbox, models=Models(maker=model), settings=SETTINGS) as loop:
        with pytest.raises(InputError, match="sum has 1 instance; a tool is made from 5 or more") as caught:
            await loop.make(spelled, name="sum")
    assert "count once" in caught.value.hint
    assert model.prompts == []


async def test_a_tool_is_not_made_from_too_few_instances_but_they_are_kept(store: Store, sandbox: Sandbox) -> None:
    model = maker()
    async with Hammerstone(store=store, sandbox=sandbox, models=Models(maker=model), settings=SETTINGS) as loop:
        with pytest.raises(InputError, match="sum has 3 different instances; a tool is made from 5 or more"):
            await loop.make([*instances(3), *instances(3)], name="sum")
        assert model.prompts == []
        build = await loop.make(instances(5), name="sum")
    assert build.state is BuildState.LIVE


# labels that are corrected, and labels that contradict each other


def relabeled(wrong: Mapping[int, str], count: int = 6) -> list[Instance]:
    """The caller's instances, of which some have these labels."""
    given = instances(count, source=Source.CALLER)
    return [replace(one, answer=wrong.get(number, one.answer)) for number, one in enumerate(given)]


async def test_labels_that_are_given_again_corrected_make_the_tool(store: Store, sandbox: Sandbox) -> None:
    models = Models(maker=maker(), user=user())
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        wrong = await loop.make(relabeled({1: "999", 3: "999"}), name="sum")
        right = await loop.make(relabeled({}), name="sum")
    assert (wrong.state, right.state) == (BuildState.FAILED, BuildState.LIVE)
    assert [one.former_answer for one in store.instances("sum")] == [None, "999", None, "999", None, None]


async def test_a_corrected_label_replaces_that_of_every_spelling(store: Store, sandbox: Sandbox) -> None:
    models = Models(maker=maker(), user=user())
    other_spelling = [replace(one, question=f"{one.question}\r\n") for one in relabeled({})]
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        await loop.make(relabeled({1: "999"}), name="sum")
        await loop.make(other_spelling, name="sum")
    labels = {one.question: (one.answer, one.former_answer) for one in store.instances("sum")}
    assert labels[ask(1)] == (answer(ask(1)), "999")
    assert len(labels) == 12


async def test_a_tool_that_is_kept_back_goes_live_when_the_one_label_is_corrected(
    store: Store, sandbox: Sandbox
) -> None:
    models = Models(maker=maker(), user=user())
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        made = [await loop.make(relabeled(wrong), name="sum") for wrong in ({1: "999"}, {})]
    assert [one.state for one in made] == [BuildState.NEEDS_REVIEW, BuildState.LIVE]


async def test_the_callers_labels_replace_the_solvers_and_not_the_other_way_round(
    store: Store, sandbox: Sandbox
) -> None:
    wrong = FunctionModel(lambda _: "Answer: 999", name="wrong")
    models = replace(everyone(), maker=FunctionModel(lambda _: "NO PARSER"), solver=wrong)
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        await answers_of(loop, requests(5))
    models = replace(everyone(), solver=wrong)
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        build = await loop.make(relabeled({}, 5), name="sum")
        store.remove_tool("sum")
        await answers_of(loop, requests(5))
    assert build.state is BuildState.LIVE
    assert [one.answer for one in store.instances("sum")] == [answer(ask(number)) for number in range(5)]


async def test_of_two_answers_to_one_question_the_later_one_is_taken_and_both_are_named(
    store: Store, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    given = [*relabeled({0: "999"}), instances(1)[0], replace(instances(2)[1], answer=" 22\n")]
    async with Hammerstone(store=store, sandbox=sandbox, models=Models(maker=maker()), settings=SETTINGS) as loop:
        build = await loop.make(given, name="sum")
    assert build.state is BuildState.LIVE
    assert [one.answer for one in store.instances("sum")] == ["7", " 22\n", *(answer(ask(n)) for n in range(2, 6))]
    assert caplog.messages == [
        "sum: instances 1 and 7 answer the same question with '999' and '7'; the later answer is used"
    ]


async def test_a_live_tool_that_contradicts_a_corrected_label_is_quarantined_and_that_is_said(
    store: Store, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    models = Models(maker=FunctionModel(lambda _: "NO PARSER"))
    store.publish(tool(routes=(Route.PARSER,)))
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        await loop.make(relabeled({}), name="sum")
        assert len(store.live_tools()) == 1, "it agrees"
        build = await loop.make(relabeled({2: "999"}), name="sum")
        answered = await loop.solve(ask(2))
    assert (build.state, answered.route, answered.answer) == (BuildState.FAILED, Route.LABELER, "999")
    assert [one.state for one in store.tools()] == [ToolState.QUARANTINED]
    assert caplog.messages == [
        f"version 1 of the tool sum is quarantined: it answers '239' where a person's label is '999', for {ask(2)!r}"
    ]


async def test_a_tool_without_a_parser_is_held_to_what_it_was_checked_on(store: Store, sandbox: Sandbox) -> None:
    models = Models(maker=FunctionModel(lambda _: "NO PARSER"))
    store.publish(tool(routes=(Route.USER,)))
    async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=SETTINGS) as loop:
        await loop.make(relabeled({}), name="sum")
        await loop.make(relabeled({2: "999"}), name="sum")
    assert [one.state for one in store.tools()] == [ToolState.QUARANTINED]


async def test_a_task_of_the_same_questions_may_have_a_tool_too(store: Store, sandbox: Sandbox) -> None:
    settings = replace(SETTINGS, build=replace(SETTINGS.build, recipe="module"))
    for name in ("sum", "sum_again"):
        models = Models(maker=FunctionModel(lambda _: block(SUM)))
        async with Hammerstone(store=store, sandbox=sandbox, models=models, settings=settings) as loop:
            assert (await loop.make(instances(6), name=name)).state is BuildState.LIVE


# the names of tasks


async def test_two_long_names_that_begin_alike_are_two_tasks(store: Store) -> None:
    long = "sort the following words by their second letter in "
    async with Hammerstone(store=store, sandbox=NO_SANDBOX, models=Models(solver=solver()), settings=SETTINGS) as loop:
        for number, order in enumerate(("ascending order", "descending order")):
            await loop.solve(Request.plain(id=order, question=ask(number), task=long + order))
    assert [task.instances for task in store.tasks()] == [1, 1]


async def test_two_names_that_are_one_task_are_said_to_be_one_once(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async with Hammerstone(store=store, sandbox=NO_SANDBOX, models=Models(solver=solver()), settings=SETTINGS) as loop:
        for number, name in enumerate(("a-b", "a b", "a-b", "a  b", "other")):
            await loop.solve(Request.plain(id=str(number), question=ask(number), task=name))
    assert [(task.name, task.instances) for task in store.tasks()] == [("a_b", 4), ("other", 1)]
    assert caplog.messages == ["the tasks 'a-b' and 'a b' are one task here: a_b"]
