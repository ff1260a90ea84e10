"""Figures over time: what the pages count, and what a task or a model took."""

from __future__ import annotations

from dataclasses import replace

from hammerstone.store import Store
from hammerstone.store.records import Answered, PaidCall
from hammerstone.store.traffic import Spent, Stretch
from hammerstone.types import Chat, Message, Role, Route, Usage

EVER = Stretch(since="")


def answered(number: int, route: Route, **fields) -> Answered:
    return replace(Answered(id=f"r{number}", question=f"q{number}", answer="a", route=route), **fields)


def chat(model: str) -> Chat:
    return Chat(messages=(Message(role="system", content="s"), Message(role="user", content="u")), model=model)


def call(role: Role, cost_usd: float | None, task: str | None = None) -> PaidCall:
    return PaidCall(
        key="k",
        role=role,
        model="m",
        prompt={},
        text="t",
        usage=Usage(),
        cost_usd=cost_usd,
        seconds=1.0,
        request_id="r1",
        task=task,
    )


def test_requests_are_summed_up_by_route_task_and_model(store: Store) -> None:
    store.add_answers(
        [
            answered(1, Route.SOLVER, task="sum", cost_usd=0.5, ms=2_000.0, chat=chat("big")),
            answered(2, Route.SOLVER, task="sum", cost_usd=None, ms=1_000.0, chat=chat("big")),
            answered(3, Route.PARSER, task="sum", ms=4.0, chat=chat("big")),
            answered(4, Route.LABELER, answer=None),
        ]
    )
    found = {(one.route, one.task, one.model): one for one in store.traffic(EVER)}
    strong = found[Route.SOLVER, "sum", "big"]
    assert (strong.requests, strong.unanswered, strong.spent, strong.seconds) == (2, 0, Spent(0.5, 1), 3.0)
    assert found[Route.LABELER, None, None].unanswered == 1
    assert {one.route for one in store.traffic(replace(EVER, task="sum"))} == {Route.SOLVER, Route.PARSER}
    assert store.traffic(replace(EVER, model="small")) == ()
    assert len(store.traffic(replace(EVER, tasks=("sum", "sort")))) == 2
    assert store.traffic(Stretch(since="9999")) == ()


def test_answers_known_to_be_wrong_are_counted_once_and_no_more_when_found_right_after_all(store: Store) -> None:
    store.add_answers([answered(number, Route.EXACT, task="sum") for number in (1, 2, 3)])
    store.add_answers([answered(4, Route.PARSER, correct=False), answered(5, Route.PARSER, correct=True)])
    for number in (1, 1, 2):
        store.correct(f"r{number}", None)
    store.confirm("r2")
    assert {(one.route, one.requests, one.wrong) for one in store.traffic(EVER)} == {
        (Route.EXACT, 3, 1),
        (Route.PARSER, 2, 1),
    }


def test_requests_are_counted_over_time(store: Store) -> None:
    store.add_answers([answered(1, Route.SOLVER, task="sum"), answered(2, Route.PARSER), answered(3, Route.PARSER)])
    found = store.buckets(EVER, 4)
    assert {(len(one.start), one.route, one.requests) for one in found} == {(4, Route.SOLVER, 1), (4, Route.PARSER, 2)}
    assert sum(one.requests for one in store.buckets(replace(EVER, task="sum"), 16)) == 1


def test_what_is_not_answered_is_counted_over_time_too(store: Store) -> None:
    store.add_answers([answered(1, Route.LABELER, answer=None), answered(2, Route.LABELER)])
    assert [(one.route, one.requests, one.unanswered) for one in store.buckets(EVER, 4)] == [(Route.LABELER, 2, 1)]
    together = store.figures(EVER, 4)
    assert (together.traffic, together.buckets) == (store.traffic(EVER), store.buckets(EVER, 4))


def test_a_long_name_of_a_model_is_cut(store: Store) -> None:
    store.add_answer(answered(1, Route.SOLVER, chat=chat("m" * 5_000)))
    assert [len(one.model or "") for one in store.traffic(EVER)] == [100]


def test_the_mean_of_the_strong_model_is_that_of_the_task_or_of_all(store: Store) -> None:
    store.add_answers(
        [
            answered(1, Route.SOLVER, task="sum", cost_usd=0.2, ms=1_000.0),
            answered(2, Route.SOLVER, task="sum", cost_usd=0.4, ms=3_000.0),
            answered(3, Route.SOLVER, task="sort", cost_usd=None, ms=1_000.0),
            answered(4, Route.PARSER, task="sum", cost_usd=0.0, ms=4.0),
        ]
    )
    strong = store.strong_model("")
    assert strong.own == 1.0
    mean = strong.of("sum")
    assert mean is not None
    assert (mean.answers, round(mean.usd or 0, 6), mean.seconds) == (2, 0.3, 2.0)
    unknown = strong.of("sort")
    assert unknown is not None
    assert unknown.usd is None
    other = strong.of("elsewhere")
    assert other is not None
    assert other.answers == 3
    assert store.strong_model("9999").of("sum") is None


def test_cheap_calls_before_the_strong_model_are_no_cost_of_its_own(store: Store) -> None:
    store.add_call(call(Role.DISPATCHER, 0.1))
    store.add_call(call(Role.USER, 0.1))
    store.add_call(call(Role.USER, 7.0, task="sum"))  # of a build
    store.add_answers([answered(1, Route.SOLVER, cost_usd=1.0), answered(2, Route.USER, cost_usd=0.15)])
    strong = store.strong_model("")
    assert round(strong.own, 6) == 0.95
    mean = strong.of(None)
    assert mean is not None
    assert round(mean.usd or 0, 6) == 0.95


def test_what_was_spent_to_learn_is_what_was_not_asked_for_an_answer(store: Store) -> None:
    for one in (call(Role.SOLVER, 1.0), call(Role.MAKER, 0.5, "sum"), call(Role.SOLVER, None, "sum")):
        store.add_call(one)
    assert store.spent_learning(EVER) == Spent(0.5, 1)
    assert store.spent_learning(replace(EVER, task="sort")) == Spent(0.0, 0)
    assert store.spent_learning(Stretch(since="9999")) == Spent(0.0, 0)
