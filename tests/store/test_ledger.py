from __future__ import annotations

from dataclasses import replace

from hammerstone.store import LedgerRow, MeanCall, RouteRow, Store
from hammerstone.types import Role, Route, Usage

from .examples import a_call, an_answer


def test_calls_are_summed_by_role_model_and_task(store: Store) -> None:
    store.add_call(a_call("k1"))
    store.add_call(a_call("k2"))
    store.add_call(a_call("k3", role=Role.MAKER, task=None))
    store.add_call(a_call("k4", role=Role.USER, model="test:cheap"))

    assert store.ledger() == (
        LedgerRow(
            role=Role.MAKER,
            model="test:strong",
            task=None,
            calls=1,
            input_tokens=10,
            output_tokens=20,
            cost_usd=0.5,
            unpriced=0,
            seconds=1.5,
        ),
        LedgerRow(
            role=Role.SOLVER,
            model="test:strong",
            task="sums",
            calls=2,
            input_tokens=20,
            output_tokens=40,
            cost_usd=1.0,
            unpriced=0,
            seconds=3.0,
        ),
        LedgerRow(
            role=Role.USER,
            model="test:cheap",
            task="sums",
            calls=1,
            input_tokens=10,
            output_tokens=20,
            cost_usd=0.5,
            unpriced=0,
            seconds=1.5,
        ),
    )


def test_one_unknown_price_makes_the_cost_unknown(store: Store) -> None:
    store.add_call(a_call("k1"))
    store.add_call(a_call("k2", cost_usd=None, usage=Usage(input_tokens=None, output_tokens=5)))
    (row,) = store.ledger()
    assert (row.cost_usd, row.unpriced, row.input_tokens, row.output_tokens) == (None, 1, None, 25)


def test_requests_are_counted_by_route_task_and_tool(store: Store) -> None:
    store.add_answers(
        [
            an_answer("r1", correct=True),
            an_answer("r2", correct=False),
            an_answer("r3"),
            an_answer("r4", route=Route.SOLVER, cost_usd=0.5, model_calls=2),
            an_answer("r5", route=Route.SOLVER, cost_usd=None, model_calls=1, refusals=("sums: parse returned None",)),
            an_answer("r6", route=None, task=None),
        ]
    )
    unanswered = RouteRow(
        route=None,
        task=None,
        tool=None,
        requests=1,
        known=0,
        correct=0,
        refused=0,
        model_calls=0,
        cost_usd=0.0,
        unpriced=0,
    )
    parsed = RouteRow(
        route=Route.PARSER,
        task="sums",
        tool="sums",
        requests=3,
        known=2,
        correct=1,
        refused=0,
        model_calls=0,
        cost_usd=0.0,
        unpriced=0,
    )
    solved = RouteRow(
        route=Route.SOLVER,
        task="sums",
        tool=None,
        requests=2,
        known=0,
        correct=0,
        refused=1,
        model_calls=3,
        cost_usd=None,
        unpriced=1,
    )
    assert store.routes() == (unanswered, parsed, solved)
    assert store.routes()[1].route is Route.PARSER


def test_a_request_that_its_model_did_not_answer_is_not_answered_whichever_route_was_tried(store: Store) -> None:
    store.add_answers([replace(an_answer(route=route), answer=None) for route in (Route.SOLVER, Route.LABELER)])
    assert [(row.route, row.requests) for row in store.routes()] == [(None, 1), (Route.LABELER, 1)]


def test_the_baseline_is_the_mean_call_of_the_solver(store: Store) -> None:
    store.add_call(a_call("k1", usage=Usage(input_tokens=10, output_tokens=1), cost_usd=0.5))
    store.add_call(a_call("k2", usage=Usage(input_tokens=15, output_tokens=2), cost_usd=0.25))
    store.add_call(a_call("k3", role=Role.MAKER, usage=Usage(input_tokens=999, output_tokens=999)))
    assert store.mean_solver_call() == MeanCall(calls=2, input_tokens=12.5, output_tokens=1.5, cost_usd=0.375)


def test_the_baseline_is_unknown_where_a_price_is(store: Store) -> None:
    store.add_call(a_call("k1"))
    store.add_call(a_call("k2", cost_usd=None))
    assert store.mean_solver_call() == MeanCall(calls=2, input_tokens=10, output_tokens=20, cost_usd=None)


def test_an_empty_store_has_an_empty_ledger(store: Store) -> None:
    assert (store.ledger(), store.routes()) == ((), ())
    assert store.mean_solver_call() == MeanCall(calls=0, input_tokens=None, output_tokens=None, cost_usd=None)
