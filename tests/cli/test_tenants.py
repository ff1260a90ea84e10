"""Tenants at the command line: lines name them, and `--tenant` looks at what one of them has."""

from __future__ import annotations

from json import dumps
from pathlib import Path

import pytest

from hammerstone.store import open_stores

from ..samples.sums import ask, instances, tool
from .conftest import Cli, Recorded, write_lines


@pytest.fixture
def acme(home: Path) -> str:
    """A tenant with one live tool, for sums, one task, one answer and one request that waits."""
    with open_stores(home) as stores:
        stores.of("acme").publish(tool())
        stores.of("acme").add_instance("sum", instances(1)[0], request_id="1")
        stores.of("acme").enqueue("waiting-1", "why?", None)
    return "acme"


def a_line(number: int, tenant: str) -> str:
    return dumps({"id": f"{tenant}{number}", "question": ask(number), "tenant": tenant})


def test_each_line_is_answered_by_its_own_tenants_tools(cli: Cli, tmp_path: Path, acme: str) -> None:
    lines = [a_line(0, acme), a_line(1, "other"), dumps({"id": "3", "question": ask(2)})]
    done = cli("solve", write_lines(tmp_path / "sums.jsonl", lines), "--json")
    assert [(one["id"], one["route"]) for one in done.lines] == [("acme0", "parser"), ("other1", None), ("3", None)]
    assert cli("ledger", "--json", "--tenant", acme).lines[0]["routes"][0]["requests"] == 1


def test_a_file_of_two_tenants_instances_makes_a_tool_for_each(cli: Cli, tmp_path: Path, recorded: Recorded) -> None:
    rows = [
        dumps({"question": one.question, "answer": one.answer, "tenant": tenant})
        for one in instances(12)
        for tenant in ("a", "the other")
    ]
    file = write_lines(tmp_path / "solved.jsonl", rows)
    done = cli("make", file, "--name", "sum", "--maker", recorded.strong, "--user", recorded.cheap)
    assert done.out.splitlines() == [
        "sum of a: live by parser and user after 1 attempt",
        "sum of the other: live by parser and user after 1 attempt",
    ]
    assert cli("tools", "list", "--json").out == ""
    assert [one["name"] for one in cli("tools", "list", "--json", "--tenant", "the other").lines] == ["sum"]


@pytest.mark.parametrize(
    ("command", "there"),
    [
        (("tools", "list"), "sum"),
        (("tools", "show", "sum"), "def solve"),
        (("tasks", "list"), "sum"),
        (("tasks", "show", "sum"), "What is the sum of 3 and 4?"),
        (("label", "--json"), "waiting-1"),
        (("tools", "disable", "sum"), "sum: version 1 is disabled"),
    ],
)
def test_a_command_looks_at_one_tenant_only(cli: Cli, acme: str, command: tuple[str, ...], there: str) -> None:
    assert there not in cli(*command).out
    assert there in cli(*command, "--tenant", acme).out


def test_an_answer_of_a_tenant_is_corrected_there(cli: Cli, tmp_path: Path, acme: str) -> None:
    cli("solve", write_lines(tmp_path / "one.jsonl", [a_line(5, acme)]))
    assert cli("correct", "acme5", "--answer", "1").code == 2
    assert "sum: version 1 is quarantined" in cli("correct", "acme5", "--answer", "1", "--tenant", acme).out


@pytest.mark.usefixtures("acme")
def test_a_tenant_that_is_not_there_is_reported_and_not_made(cli: Cli, home: Path) -> None:
    done = cli("tools", "list", "--tenant", "acm")
    assert done.code == 2
    assert "has no tenant 'acm'\nhint: there are 'acme'" in done.err
    with open_stores(home) as stores:
        assert stores.tenants() == ("", "acme")
