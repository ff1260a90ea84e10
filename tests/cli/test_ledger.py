from __future__ import annotations

from pathlib import Path

from hammerstone.store import open_store
from hammerstone.store.records import Answered, ComparisonKind, PaidCall
from hammerstone.types import Role, Route, Usage

from ..samples.sums import tool
from .conftest import Cli


def pay(
    home: Path, *, role: Role, task: str | None = None, cost: float | None = 0.5, model: str = "test:strong"
) -> None:
    call = PaidCall(
        key="k",
        role=role,
        model=model,
        prompt={},
        text="",
        usage=Usage(input_tokens=1000, output_tokens=20),
        cost_usd=cost,
        seconds=1.5,
        request_id=None,
        task=task,
    )
    with open_store(home) as store:
        store.add_call(call)


def answered(home: Path, route: Route | None, task: str | None, *, correct: bool | None = True) -> None:
    one = Answered(id="1", question="?", answer="!", route=route, task=task, correct=correct, refusals=("no",))
    with open_store(home) as store:
        store.add_answer(one)


def test_calls_are_summed_by_role_and_by_task(cli: Cli, home: Path) -> None:
    pay(home, role=Role.SOLVER)
    pay(home, role=Role.MAKER, task="sum")
    pay(home, role=Role.MAKER, task="product", cost=0.25)
    done = cli("ledger")
    assert done.code == 0
    assert "maker, test:strong 2 2,000 40 $0.7500 3.0" in done.rows
    assert "product 1 1,000 20 $0.2500 1.5" in done.rows
    assert "sum 1 1,000 20 $0.5000 1.5" in done.rows
    assert "solver, test:strong 1 1,000 20 $0.5000 1.5" in done.rows
    assert "Paid, builds included:                  $1.2500 in 3 calls" in done.out


def test_requests_are_counted_by_route_and_by_task_and_compared_with_the_baseline(cli: Cli, home: Path) -> None:
    pay(home, role=Role.SOLVER)
    for task in ("sum", "sum", "product"):
        answered(home, Route.PARSER, task)
    answered(home, Route.SOLVER, None, correct=False)
    answered(home, None, None, correct=None)
    done = cli("ledger")
    assert "parser 3 100.0 % 0 0 $0.0000" in done.rows
    assert "sum 2 100.0 % 0 0 $0.0000" in done.rows
    assert "solver 1 0.0 % 1 0 $0.0000" in done.rows
    assert "not answered 1 - 0 0 $0.0000" in done.rows
    assert "Baseline, all to the solver's model:    $2.5000 in 5 calls" in done.out
    assert "(an estimate: the baseline is 5 times the mean of the solver's 1 call)" in done.out


def test_an_unknown_price_is_never_shown_as_nothing(cli: Cli, home: Path) -> None:
    pay(home, role=Role.SOLVER)
    pay(home, role=Role.SOLVER, task="sum", cost=None)
    done = cli("ledger")
    assert "solver, test:strong 2 2,000 40 unknown 3.0" in done.rows
    assert "sum 1 1,000 20 unknown 1.5" in done.rows
    assert "Paid, builds included:                  unknown in 2 calls" in done.out
    (shown,) = cli("ledger", "--json").lines
    assert shown["baseline"] == {"requests": 0, "calls": 2, "cost_usd": None, "baseline_usd": None}


def test_the_ledger_as_json_is_one_document(cli: Cli, home: Path) -> None:
    pay(home, role=Role.SOLVER)
    answered(home, Route.PARSER, "sum")
    (shown,) = cli("ledger", "--json").lines
    assert [(row["role"], row["calls"], row["cost_usd"]) for row in shown["calls"]] == [("solver", 1, 0.5)]
    assert [(row["route"], row["task"], row["requests"]) for row in shown["routes"]] == [("parser", "sum", 1)]
    assert shown["baseline"] == {"requests": 1, "calls": 1, "cost_usd": 0.5, "baseline_usd": 0.5}


def test_false_hits_are_shown_for_each_tool_and_for_all_together(cli: Cli, home: Path) -> None:
    with open_store(home) as store:
        for name, upstream in (("sum", ["7"] * 100), ("product", ["7"] * 49 + ["8"])):
            store.publish(tool(name))
            answer = Answered(id="1", question="?", answer="7", route=Route.PARSER, task=name, tool=name, version=1)
            store.add_answer(answer)
            for one in upstream:
                store.add_comparison(
                    *(name, 1),
                    request_id="1",
                    kind=ComparisonKind.SHADOW,
                    tool_answer="7",
                    upstream_answer=one,
                    rule=lambda _: None,
                )
        store.correct("1")
    rows = cli("ledger").rows
    assert "product 1 quarantined 1 50 1 2.0 % 12.9 % 1" in rows
    assert "sum 1 live 1 100 0 0.0 % 4.4 % 0" in rows
    assert "all tools 2 150 1 0.7 % 4.5 % 1" in rows
    (shown,) = cli("ledger", "--json").lines
    assert [(one["tool"], one["version"], one["served"], one["compared"]) for one in shown["tools"]] == [
        *(("product", 1, 1, 50), ("sum", 1, 1, 100)),
    ]
    assert (shown["all_tools"]["compared"], shown["all_tools"]["false_hits"]) == (150, 1)


def test_a_tool_that_was_never_compared_has_no_rate(cli: Cli, home: Path) -> None:
    with open_store(home) as store:
        store.publish(tool())
    assert "all tools" not in cli("ledger").out
    answered(home, Route.PARSER, "sum")
    (shown,) = cli("ledger", "--json").lines
    assert (shown["all_tools"]["false_hit_rate"], shown["all_tools"]["upper_bound"]) == (None, 1.0)


def test_an_empty_ledger_is_no_error(cli: Cli, empty: Path) -> None:
    done = cli("ledger", "--home", empty)
    assert done.code == 0
    assert "Paid, builds included:                  $0.0000 in 0 calls" in done.out


def test_prices_of_recorded_calls_are_marked_as_such(cli: Cli, home: Path) -> None:
    pay(home, role=Role.SOLVER)
    assert "not paid here" not in cli("ledger").out
    pay(home, role=Role.MAKER, model="recorded:examples/recordings/demo#1")
    assert "calls of a recorded: model were not paid here" in " ".join(cli("ledger").out.split())
