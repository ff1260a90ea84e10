"""What is changed by command is noted with whoever did it, as what is changed by page or key."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from hammerstone.cli.hints import completed
from hammerstone.cli.home import by_hand
from hammerstone.store import open_store, open_stores

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


@pytest.mark.parametrize("command", [("tools", "list"), ("tasks", "list"), ("ledger",), ("keys", "list"), ("label",)])
def test_a_mistyped_home_is_reported_and_not_made(cli: Cli, tmp_path: Path, command: tuple[str, ...]) -> None:
    done = cli(*command, "--home", tmp_path / "mistyped")
    assert (done.code, done.out) == (2, "")
    assert f"error: there is no home at {tmp_path / 'mistyped'}" in done.err
    assert not (tmp_path / "mistyped").exists()


@pytest.mark.usefixtures("made")
def test_a_hint_names_the_home_and_the_tenant_of_the_command(cli: Cli, home: Path) -> None:
    assert "hint: `hammerstone tools list --all` lists them" in cli("tools", "show", "nix").err
    assert f"`hammerstone tools list --home {home} --all` lists" in cli("tools", "show", "nix", "--home", home).err
    with open_stores(home) as stores:
        stores.of("of us")
    done = cli("tasks", "show", "nix", "--tenant=of us")
    assert "`hammerstone tasks list --tenant 'of us'` lists them" in done.err


@pytest.mark.parametrize("command", ["correct r1 --answer TEXT", "label", "ledger", "mcp", "tools show sum"])
def test_a_hint_to_a_command_that_takes_a_tenant_names_the_tenant(
    monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr("sys.argv", ["hammerstone", "correct", "r2", "--home", "here", "--tenant", "acme"])
    said = completed(f"say what is right: hammerstone {command}")
    assert said.count("--home here --tenant acme") == 1
    assert completed(said) == said


def test_a_hint_to_a_command_for_all_tenants_names_the_home_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["hammerstone", "correct", "r2", "--home", "here", "--tenant", "acme"])
    assert completed("`hammerstone keys list`") == "`hammerstone keys list --home here`"
