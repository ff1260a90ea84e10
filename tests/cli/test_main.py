from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer

from hammerstone.cli.demo import _fresh
from hammerstone.cli.main import _after_interruption, _commands, _from_home, app
from hammerstone.cli.terminal import print_json
from hammerstone.store import open_store

from .conftest import Cli


def commands() -> Iterator[tuple[str, ...]]:
    """Every command, with the group it is in."""
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        yield (name,)
        yield from ((name, inner) for inner in getattr(command, "commands", ()))


@pytest.mark.parametrize("command", list(commands()), ids=" ".join)
def test_every_command_says_what_it_does(cli: Cli, home: Path, command: tuple[str, ...]) -> None:
    done = cli(*command, "--help")
    assert done.code == 0
    assert f"Usage: hammerstone {' '.join(command)} " in done.out
    assert not home.exists(), "to ask for help makes nothing"


def test_without_a_command_the_commands_are_listed(cli: Cli) -> None:
    assert all(command[0] in cli().out for command in commands())


def test_the_version_is_that_of_the_package(cli: Cli) -> None:
    assert cli("--version").out == f"hammerstone {version('hammerstone')}\n"


def test_an_unknown_command_is_a_mistake_of_the_caller(cli: Cli) -> None:
    done = cli("solv")
    assert done.code == 2
    assert "No such command 'solv'" in done.err


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("place", ["before the command", "after it"])
def test_a_traceback_is_shown_only_with_debug(cli: Cli, place: str) -> None:
    command = ("tools", "show", "nix")
    done = cli("--debug", *command) if place == "before the command" else cli(*command, "--debug")
    assert done.code == 2
    assert "Traceback (most recent call last):" in done.err
    assert done.err.endswith("error: there is no tool nix\nhint: `hammerstone tools list --all` lists them\n")
    assert "Traceback" not in cli(*command).err


@pytest.mark.usefixtures("empty")
def test_markup_in_an_error_is_shown_as_it_is(cli: Cli) -> None:
    assert "error: there is no tool [bold]nix[/]\n" in cli("tools", "show", "[bold]nix[/]").err


def test_the_home_of_the_command_line_goes_before_that_of_the_environment(cli: Cli, tmp_path: Path) -> None:
    cli("keys", "create", "web", "--home", tmp_path / "another")
    assert (tmp_path / "another" / "hammerstone.db").exists()
    assert not (tmp_path / "home").exists()


def test_a_damaged_home_is_reported_with_what_repairs_it(cli: Cli, home: Path) -> None:
    home.mkdir()
    (home / "hammerstone.db").write_bytes(b"this is no database, and too long to be taken for an empty one" * 100)
    for command in (("tools", "list"), ("ledger",), ("label",), ("tasks", "list")):
        done = cli(*command)
        assert (done.code, done.out) == (1, "")
        assert "is not a database, or is damaged\nhint: move " in done.err


# generate


def test_instances_are_generated_as_json_lines(cli: Cli) -> None:
    done = cli("generate", "word_sorting", "-n", "3", "--seed", "7")
    assert done.code == 0
    assert [set(line) for line in done.lines] == [{"question", "answer"}] * 3
    assert cli("generate", "word_sorting", "-n", "3", "--seed", "7").out == done.out
    assert cli("generate", "word_sorting", "-n", "3", "--seed", "8").out != done.out


def test_instances_are_generated_in_the_shape_of_big_bench_files(cli: Cli) -> None:
    done = cli("generate", "dyck", "-n", "2", "--form", "bigbench")
    assert [set(one) for one in json.loads(done.out)["examples"]] == [{"input", "target"}] * 2


def test_an_unknown_task_lists_those_that_can_be_generated(cli: Cli) -> None:
    done = cli("generate", "cooking")
    assert (done.code, done.out) == (2, "")
    assert "word_sorting" in done.err


# doctor


def test_the_doctor_says_which_sandbox_is_chosen_and_what_it_does_not_cover(cli: Cli, home: Path) -> None:
    done = cli("doctor", "--json")
    (shown,) = done.lines
    assert done.code == 0
    assert shown["chosen"] == next(one["name"] for one in shown["sandboxes"] if one["available"])
    assert shown["home_works"]
    done = cli("doctor")
    assert f"Chosen: {shown['chosen']}. It does not cover" in done.out
    assert f"Home: {home}/hammerstone.db: 0 tasks, 0 live tools" in done.out


def test_the_doctor_says_that_nothing_is_stored(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('[serve]\nstore = "none"\n')
    assert "The gateway stores no prompts and no answers" in cli("doctor", "--config", file).out
    assert "stores no prompts" not in cli("doctor").out


def test_the_doctor_is_not_content_with_a_home_that_cannot_be_used(cli: Cli, home: Path) -> None:
    home.write_text("")
    done = cli("doctor")
    assert done.code == 1
    assert f"Home: {home} is not a folder (hint: name another" in done.out
    assert "error: the home cannot be used" in done.err


def test_the_doctor_lists_every_setting_and_where_it_comes_from(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "own.toml"
    file.write_text(
        '[roles.user]\nmodel = "openai:small@http://me:word@host/v1"\n[build]\nimports = ["re", "json"]\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("HAMMERSTONE_MAKER", "openai:big")
    (shown,) = cli("doctor", "--json", "--config", file).lines
    settings = {one["key"]: (one["value"], one["from"]) for one in shown["settings"]}
    assert settings["roles.maker.model"] == ("openai:big", "HAMMERSTONE_MAKER")
    assert settings["roles.user.model"] == ("openai:small@http://***@host/v1", str(file))
    assert settings["roles.dispatcher.max_tokens"] == (256, "default")
    assert settings["build.imports"] == (["json", "re"], str(file))
    rows = cli("doctor", "--config", file).rows
    assert "[roles.user]" in rows
    assert f"imports json, re {file}" in rows
    assert "background true default" in rows


def test_a_mistake_in_the_settings_file_is_reported_by_every_command_that_reads_it(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text("[loop]\nconcurency = 5\n", encoding="utf-8")
    for command in (
        ("doctor",),
        ("solve", "requests.jsonl"),
        ("make", "requests.jsonl", "--name", "sum"),
        ("bench", "use"),
        ("demo", "--home", tmp_path / "new"),
    ):
        done = cli(*command, "--config", file)
        assert (done.code, done.out) == (2, "")
        assert f"error: {file}: loop.concurency is not a setting\nhint: did you mean loop.concurrency?\n" in done.err


# demo


@pytest.mark.usefixtures("made")
def test_the_demo_does_not_touch_a_home_that_holds_something(cli: Cli, home: Path) -> None:
    done = cli("demo", "--home", home)
    assert done.code == 2
    assert f"error: {home} is not empty\nhint: the demo starts from nothing: name a new folder\n" in done.err
    with open_store(home) as store:
        assert len(store.tools()) == 1


def test_the_demo_says_which_recordings_are_missing(cli: Cli, tmp_path: Path) -> None:
    done = cli("demo", "--home", tmp_path / "new", "--recordings", tmp_path / "nowhere")
    assert (done.code, done.out) == (2, "")
    assert "error: cannot read the recording " in done.err


def test_the_demo_stays_offline_where_live_models_are_set_for_other_commands(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HAMMERSTONE_MAKER", f"mailbox:{tmp_path / 'box'}")
    assert cli("demo", "--home", tmp_path / "new", "--recordings", tmp_path / "nowhere").code == 2
    assert not (tmp_path / "box").exists()


def test_the_demo_reports_what_was_reached(cli: Cli, tmp_path: Path) -> None:
    done = cli("demo", "--home", tmp_path / "demo")
    assert done.code == 0
    assert "tasks with a live tool that has a parser 6 of 6" in done.rows
    assert "all to the strong model 130 130 100.0 % 130 $0.3990" in done.rows
    assert "Recorded completions of a frontier chat model, the same model in every role." in done.out
    assert "word_sorting                SSSSSSSSSSSS|PPPPPuuP" in done.err
    assert f"hammerstone solve FILE --home {tmp_path / 'demo'}" in done.err
    assert cli("tools", "list", "--home", tmp_path / "demo", "--json").out.count('"live"') == 6


def test_the_demo_as_json_is_a_line_for_each_answer_and_one_for_the_whole(cli: Cli, tmp_path: Path) -> None:
    *answers, whole = cli("demo", "--home", tmp_path / "demo", "--json").lines
    assert [one["id"] for one in answers] == [f"r{number:03}" for number in range(1, 131)]
    assert (whole["by_parser"], whole["own_form_after_live"], whole["wrong_by_parser"]) == (36, 36, 0)


@pytest.mark.parametrize(
    "command", [("tools", "show", "x", "--version"), ("solve", "-", "--concurrency"), ("generate", "dyck", "--seed")]
)
@pytest.mark.parametrize("number", ["99999999999999999999999", "-99999999999999999999999"])
def test_a_number_beyond_all_sense_is_a_wrong_call(cli: Cli, command: tuple[str, ...], number: str) -> None:
    done = cli(*command, number)
    assert done.code == 2
    assert f"{number} is not in the range" in done.err


def test_every_number_has_a_range() -> None:
    def options(command: Any) -> Iterator[Any]:
        yield from command.params
        for inner in getattr(command, "commands", {}).values():
            yield from options(inner)

    assert [one.name for one in options(_commands()) if type(one.type).__name__ == "IntParamType"] == []


def test_a_demo_never_touches_what_an_earlier_one_has_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    homes: list[Path] = []
    for _run in range(3):
        homes.append(_fresh(None))
        homes[-1].mkdir(parents=True)
        (homes[-1] / "hammerstone.db").touch()
    assert [home.name for home in homes] == ["demo", "demo-2", "demo-3"]
    assert all((home / "hammerstone.db").exists() for home in homes)


@pytest.mark.parametrize("command", [("demo", "--home", "/dev/null"), ("bench", "use", "--out", "/")])
def test_a_path_that_cannot_be_written_is_a_wrong_call_with_a_hint(cli: Cli, command: tuple[str, ...]) -> None:
    done = cli(*command)
    assert done.code == 2
    assert "\nhint: name a " in done.err


def test_every_path_may_begin_with_the_home_folder(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "taken.json").write_text("mine")
    assert f"error: {tmp_path / 'taken.json'} exists" in cli("bench", "use", "--out=~/taken.json").err
    assert f"{tmp_path / 'nowhere'}" in cli("tools", "import", "~/nowhere").err
    done = cli("bench", "use", "--report=~no-such-user/page.html")
    assert (done.code, "is in nobody's home folder" in done.err) == (2, True)


def test_no_path_of_a_command_is_without_its_home_folder() -> None:
    def paths(command: Any) -> list[Any]:
        inner = [one for each in getattr(command, "commands", {}).values() for one in paths(each)]
        return [*inner, *(one for one in command.params if "Path" in type(one.type).__name__)]

    assert [one.name for one in paths(_commands()) if one.callback is not _from_home] == []


def test_numbers_that_json_does_not_have_are_null(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"cost_usd": float("nan"), "rows": [{"cost": float("-inf"), "n": 1.5}]})
    assert json.loads(capsys.readouterr().out) == {"cost_usd": None, "rows": [{"cost": None, "n": 1.5}]}


def test_the_terminal_alone_breaks_the_lines_of_a_paragraph(cli: Cli) -> None:
    assert "and --maker builds tools for them. A new tool" in cli("serve", "--help").out


def test_ctrl_c_during_the_imports_is_quiet(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import hammerstone.cli
    from hammerstone.__main__ import main as whole

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(hammerstone.cli, "main", interrupted)
    with pytest.raises(SystemExit) as ended:
        whole()
    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("command", "said"), [(["solve", "x"], "the same command goes on"), (["demo"], "a new folder"), (["tools"], "")]
)
def test_after_ctrl_c_each_command_says_how_to_go_on(command: list[str], said: str) -> None:
    text = _after_interruption(command)
    assert said in text
    assert bool(text) is bool(said)


@pytest.mark.parametrize(
    "command",
    [
        ("learn", "log.jsonl", "--max-usd"),
        ("learn", "log.jsonl", "--price-out", "1", "--price-in"),
        ("learn", "log.jsonl", "--price-in", "1", "--price-out"),
        ("bench", "audit", "--max-cost"),
    ],
)
@pytest.mark.parametrize("amount", ["nan", "inf", "-1"])
def test_an_amount_that_bounds_nothing_is_refused(cli: Cli, command: tuple[str, ...], amount: str) -> None:
    done = cli(*command, amount)
    assert (done.code, done.out) == (2, "")
    assert command[-1] in done.err
