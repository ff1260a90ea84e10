"""`hammerstone purge`: says what would go, asks, and removes text while figures stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from hammerstone.store import open_store, open_stores
from hammerstone.store.records import Answered
from hammerstone.types import Route

from ..samples.sums import ask
from .conftest import Cli


@pytest.fixture
def answered(made: Path) -> Path:
    """A home with a tool, five instances, and an answer of two tenants each."""
    with open_stores(made) as stores:
        for tenant in ("", "acme"):
            one = Answered(id="q1", question=ask(1), answer="22", route=Route.SOLVER, task="sum", cost_usd=0.25)
            stores.of(tenant).add_answer(one)
    return made


def questions(home: Path, tenant: str = "") -> list[str]:
    with open_stores(home) as stores:
        store = stores.of(tenant)
        return [one.question for task in store.tasks() for one in store.instances(task.name)]


def test_a_dry_run_says_what_would_go_and_removes_nothing(cli: Cli, answered: Path) -> None:
    done = cli("purge", "--older-than", "0d", "--dry-run", "--json")
    assert done.lines == [
        {"tenant": "", "what": "would go", "requests": 1, "instances": 5, "queued": 0, "calls": 0, "comparisons": 0}
        | {"builds": 0, "tools": 0, "others": 1},
        {"tenant": "acme", "what": "would go", "requests": 1, "instances": 0, "queued": 0, "calls": 0, "comparisons": 0}
        | {"builds": 0, "tools": 0, "others": 0},
    ]
    assert len(questions(answered)) == 5


def test_it_asks_first_and_removes_nothing_without_a_yes(cli: Cli, answered: Path) -> None:
    done = cli("purge", "--task", "sum", stdin="n\n")
    assert (done.code, len(questions(answered))) == (1, 5)
    assert "default 1 5 0 0 0 0 0 1" in done.rows
    assert "nothing was removed" in done.err


def test_with_json_standard_output_has_json_alone_even_where_it_asks(cli: Cli, answered: Path) -> None:
    done = cli("purge", "--task", "sum", "--json", stdin="y\n")
    assert (done.code, questions(answered)) == (0, [])
    assert [one["what"] for one in done.lines] == ["removed"]
    assert "Would be removed" in done.err


def test_what_was_answered_stays_counted_with_its_cost(cli: Cli, answered: Path) -> None:
    done = cli("purge", "--older-than", "0d", "--yes")
    assert (done.code, questions(answered)) == (0, [])
    assert "acme 1 0 0 0 0 0 0 0" in done.rows
    (ledger,) = cli("ledger", "--json").lines
    assert [(row["requests"], row["cost_usd"]) for row in ledger["routes"]] == [(1, 0.25)]
    assert ledger["kept"] == {"whole": 0, "masked": 0, "nothing": 1}
    assert "Requests of which no text is kept: 1" in cli("ledger").rows
    assert [one["state"] for one in cli("tools", "list", "--json").lines] == ["live"]


def test_a_tenants_own_text_goes_and_nobody_elses(cli: Cli, answered: Path) -> None:
    cli("purge", "--tenant", "acme", "--yes")
    assert len(questions(answered)) == 5
    with open_stores(answered) as stores:
        assert [dict(stores.of(tenant).kept())["nothing"] for tenant in ("", "acme")] == [0, 1]


def test_a_request_is_of_the_default_tenant_unless_another_is_named(cli: Cli, answered: Path) -> None:
    cli("purge", "--request", "q1", "--yes")
    with open_stores(answered) as stores:
        assert [dict(stores.of(tenant).kept())["nothing"] for tenant in ("", "acme")] == [1, 0]


def test_tools_go_where_they_are_named(cli: Cli, answered: Path) -> None:
    cli("purge", "--task", "sum", "--tools", "--yes")
    with open_store(answered) as store:
        assert store.tools() == ()


@pytest.mark.usefixtures("answered")
def test_what_is_not_there_is_no_error(cli: Cli) -> None:
    done = cli("purge", "--older-than", "30d")
    assert (done.code, done.out) == (0, "nothing to remove\n")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ((), "say what to remove"),
        (("--older-than", "soon"), "'soon' is no age"),
        (("--older-than", "9999999w"), "'9999999w' is no age"),
        (("--older-than", "-1d"), "'-1d' is no age"),
        (("--tenant", "acm"), "has no tenant 'acm'"),
    ],
)
@pytest.mark.usefixtures("answered")
def test_what_makes_no_sense_is_reported_with_a_hint(cli: Cli, arguments: tuple[str, ...], error: str) -> None:
    done = cli("purge", *arguments)
    assert (done.code, done.out) == (2, "")
    assert error in done.err
    assert "hint: " in done.err


@pytest.mark.parametrize(("option", "name"), [("--task", "dycc"), ("--request", "zzz")])
def test_a_task_or_a_request_that_is_not_there_is_reported(cli: Cli, answered: Path, option: str, name: str) -> None:
    done = cli("purge", option, name, "--yes")
    assert (done.code, done.out) == (2, "")
    assert f"error: there is no {option[2:]} {name}" in done.err
    assert len(questions(answered)) == 5


def test_a_task_that_was_purged_already_is_no_mistake(cli: Cli, answered: Path) -> None:
    del answered
    for _ in range(2):
        done = cli("purge", "--task", "sum", "--yes")
        assert done.code == 0
    assert done.out == "nothing to remove\n"
