"""What is changed by command is noted with whoever did it, as what is changed by page or key."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from hammerstone.cli.home import by_hand
from hammerstone.store import open_store

from ..samples.sums import ask
from .conftest import Cli


def acts(home: Path) -> list[tuple[str, str]]:
    with open_store(home) as store:
        assert {one.who for one in store.acts(100)} <= {f"{getpass.getuser()} (command line)"}
        return [(one.what, one.about) for one in reversed(store.acts(100))]


@pytest.mark.parametrize(
    ("arguments", "what", "about"),
    [
        (("tools", "disable", "sum"), "disable_tool", "sum"),
        (("tools", "quarantine", "sum", "--reason", "wrong"), "quarantine_tool", "sum: wrong"),
        (("tools", "remove", "sum", "--yes"), "remove_tool", "sum"),
        (("tasks", "rename", "sum", "total"), "rename_task", "sum"),
        (("tasks", "mark", "sum", "--time-dependent"), "mark_task", "sum"),
        (("tasks", "remove", "sum", "--yes"), "remove_task", "sum"),
        (("purge", "--task", "sum", "--yes"), "purge_text", "sum"),
        (("keys", "create", "ada"), "create_key", "ada"),
    ],
)
def test_what_a_command_changes_is_in_the_log(
    cli: Cli, made: Path, arguments: tuple[str, ...], what: str, about: str
) -> None:
    assert cli(*arguments).code == 0
    assert acts(made) == [(what, about)]


def test_each_label_is_in_the_log(cli: Cli, home: Path) -> None:
    with open_store(home) as store:
        for number in range(2):
            store.enqueue(f"r{number}", ask(number), None)
    cli("label", stdin="7\n\n")
    assert acts(home) == [("answer_queued", "1"), ("skip_queued", "2")]


def test_looking_is_no_act_and_neither_is_what_fails(cli: Cli, made: Path) -> None:
    for arguments in (("tools", "list"), ("tasks", "show", "sum"), ("tools", "disable", "nix"), ("keys", "list")):
        cli(*arguments)
    cli("purge", "--task", "sum", "--dry-run")
    assert acts(made) == []


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", unknown)
    assert by_hand("purge_text").who.removesuffix(" (command line)").isdecimal()
