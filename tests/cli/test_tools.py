from __future__ import annotations

import json
import re
import sqlite3
from pathlib import Path

import pytest

from hammerstone.store import open_store
from hammerstone.store.records import ComparisonKind, ToolState
from hammerstone.tools.tool import Tool

from ..samples.sums import PRODUCT, SUM, ask, instances, tool
from .conftest import Cli


@pytest.mark.usefixtures("made")
def test_the_list_shows_each_tool_with_its_routes_and_use(cli: Cli) -> None:
    cli("solve", "-", stdin=f"{ask(0)}\n{ask(1)}\n")
    done = cli("tools", "list")
    assert done.code == 0
    assert " sum          1   live    parser, user         2" in done.out


@pytest.mark.usefixtures("made")
def test_the_list_as_json_is_a_line_for_each_tool(cli: Cli) -> None:
    (line,) = cli("tools", "list", "--json").lines
    assert line.pop("created")
    assert line == {
        "name": "sum",
        "version": 1,
        "state": "live",
        "routes": ["parser", "user"],
        "description": "The sum of two numbers.",
        "digest": tool().digest,
        "answers": 0,
    }


def test_earlier_versions_are_listed_when_asked_for(cli: Cli, made: Path) -> None:
    with open_store(made) as store:
        store.publish(tool(source=f"{SUM}\n"))
    assert [one["version"] for one in cli("tools", "list", "--json").lines] == [2]
    assert [(one["version"], one["state"]) for one in cli("tools", "list", "--all", "--json").lines] == [
        (1, "replaced"),
        (2, "live"),
    ]


def test_an_empty_home_says_how_tools_come_to_be(cli: Cli, home: Path) -> None:
    open_store(home).close()
    done = cli("tools", "list")
    assert done.code == 0
    assert "hint: `hammerstone demo` shows how tools are built" in done.err
    assert cli("tools", "list", "--json").out == ""


@pytest.mark.usefixtures("made")
def test_a_tool_is_shown_with_its_facts_and_its_whole_source(cli: Cli) -> None:
    done = cli("tools", "show", "sum")
    assert done.out.startswith(
        "tool                  sum, version 1, live\ndescription           The sum of two numbers.\n"
    )
    numbered = "".join(f"{number:>2} | {line}\n" for number, line in enumerate(SUM.removesuffix("\n").split("\n"), 1))
    assert done.out.endswith(f"\n\n{numbered}"), "no line is cut or wrapped"


@pytest.mark.usefixtures("made")
def test_a_tool_as_json_holds_all_of_it(cli: Cli) -> None:
    (shown,) = cli("tools", "show", "sum", "--json").lines
    assert Tool.from_json(json.dumps(shown["content"])) == tool()


@pytest.mark.usefixtures("made")
def test_a_tool_is_disabled_and_enabled_again(cli: Cli) -> None:
    assert cli("tools", "disable", "sum").out == "sum: version 1 is disabled\n"
    assert cli("solve", "-", stdin=ask(0)).out.startswith("1\t-\t")
    assert cli("tools", "enable", "sum").out == "sum: version 1 is live\n"
    assert cli("solve", "-", stdin=ask(0)).out == "1\tparser\t7\n"


def test_an_earlier_version_is_put_into_service_again(cli: Cli, made: Path) -> None:
    with open_store(made) as store:
        store.publish(tool(source=f"{SUM}\n"))
    assert cli("tools", "enable", "sum", "--version", "1").out == "sum: version 1 is live\n"
    with open_store(made) as store:
        assert [one.state for one in store.tools(all_versions=True)] == [ToolState.LIVE, ToolState.REPLACED]


def test_a_tool_that_waits_for_approval_is_reported_and_approved(cli: Cli, made: Path) -> None:
    with open_store(made) as store:
        store.publish(tool(source=f"{SUM}\n"), state=ToolState.GATED)
    waits = "hint: version 2 of sum waits for approval: hammerstone tools approve sum --version 2\n"
    assert cli("tools", "list").err == waits
    assert cli("tools", "approve", "sum").out == "sum: version 2 is live\n"
    assert cli("tools", "list").err == ""
    done = cli("tools", "approve", "sum")
    assert (done.code, done.out) == (2, "")
    assert "error: there is no tool sum that is gated" in done.err


def test_where_tools_are_shadowed_an_approved_one_is_shadowed_first(cli: Cli, made: Path, tmp_path: Path) -> None:
    (tmp_path / "watched.toml").write_text("[life]\nshadow = 20\n")
    with open_store(made) as store:
        store.publish(tool(source=f"{SUM}\n"), state=ToolState.GATED)
    done = cli("tools", "approve", "sum", "--config", tmp_path / "watched.toml")
    assert done.out == "sum: version 2 is shadow\n"


@pytest.mark.usefixtures("made")
def test_a_person_quarantines_a_tool_with_a_reason(cli: Cli) -> None:
    assert cli("tools", "quarantine", "sum", "--reason", "it rounds").out == "sum: version 1 is quarantined\n"
    assert "quarantined person it rounds" in " ".join(cli("tools", "show", "sum").rows).replace("  ", " ")
    assert cli("tools", "quarantine", "sum").code == 2, "a reason is needed"


def test_the_version_that_was_live_before_is_brought_back(cli: Cli, made: Path) -> None:
    with open_store(made) as store:
        store.publish(tool(source=f"{SUM}\n"))
    assert json.loads(cli("tools", "rollback", "sum", "--json").out)["version"] == 1
    assert cli("tools", "rollback", "sum", "--version", "2").out == "sum: version 2 is live\n"
    done = cli("tools", "rollback", "sum", "--version", "2")
    assert (done.code, done.out) == (2, "")
    assert "error: version 2 of sum was not replaced: it is live" in done.err


def test_the_version_that_was_disabled_is_enabled_again_and_not_a_later_one(cli: Cli, made: Path) -> None:
    with open_store(made) as store:
        store.publish(tool(source=f"{SUM}\n"))
    for command in ("rollback", "disable"):
        assert cli("tools", command, "sum").out.startswith("sum: version 1 is ")
    assert cli("tools", "enable", "sum").out == "sum: version 1 is live\n"


def compare(home: Path, *upstream: str) -> None:
    """The tool said 7, and the upstream this."""
    with open_store(home) as store:
        for answer in upstream:
            store.add_comparison(
                *("sum", 1),
                request_id="1",
                kind=ComparisonKind.AUDIT,
                tool_answer="7",
                upstream_answer=answer,
                rule=lambda _: None,
            )


def test_a_tool_is_shown_with_how_often_it_was_wrong(cli: Cli, made: Path) -> None:
    compare(made, *["7"] * 99, "8")
    shown = cli("tools", "show", "sum")
    line = "100 answers with an upstream's, 1 disagreed; false-hit rate 1.0 %, at most 6.6 % (with 95 % confidence)"
    assert f"compared {line}" in shown.rows
    (told,) = cli("tools", "show", "sum", "--json").lines
    assert (told["served"], told["compared"], told["disagreed"], told["false_hits"]) == (0, 100, 1, 1)
    assert (told["false_hit_rate"], round(told["upper_bound"], 4), told["confidence"]) == (0.01, 0.0664, 0.95)
    assert [(one["after"], one["who"], one["reason"]) for one in told["changes"]] == [
        ("live", "gate", "it passed the gate")
    ]


def test_a_tool_is_removed_when_the_person_says_yes(cli: Cli, made: Path) -> None:
    refused = cli("tools", "remove", "sum", stdin="n\n")
    assert refused.code == 1
    assert (refused.out, refused.err) == ("", "Delete all versions of sum? [y/N]\nnothing was deleted\n")
    with open_store(made) as store:
        assert len(store.tools()) == 1
    assert cli("tools", "remove", "sum", stdin="y\n").out == "sum: removed\n"
    with open_store(made) as store:
        assert store.tools() == ()
        assert len(store.instances("sum")) == 5


@pytest.mark.usefixtures("made")
def test_with_yes_nothing_is_asked(cli: Cli) -> None:
    done = cli("tools", "remove", "sum", "--yes")
    assert (done.code, done.out, done.err) == (0, "sum: removed\n", "")


@pytest.mark.usefixtures("made")
def test_a_tool_is_exported_and_imported_into_another_home(cli: Cli, tmp_path: Path) -> None:
    done = cli("tools", "export", "sum", tmp_path)
    assert (done.code, done.out) == (0, f"written: {tmp_path / 'sum'}\n")
    again = cli("tools", "import", tmp_path / "sum", "--home", tmp_path / "other")
    assert (again.code, again.out) == (0, "sum: version 1 is live (5 checks passed again)\n")
    assert cli("solve", "-", "--home", tmp_path / "other", stdin=ask(0)).out == "1\tparser\t7\n"


@pytest.mark.usefixtures("made")
def test_a_folder_that_is_there_is_not_overwritten(cli: Cli, tmp_path: Path) -> None:
    cli("tools", "export", "sum", tmp_path)
    done = cli("tools", "export", "sum", tmp_path)
    assert done.code == 2
    assert "error: " in done.err


def test_a_tool_that_does_not_do_what_it_says_is_not_imported(cli: Cli, home: Path, tmp_path: Path) -> None:
    with open_store(home) as store:
        store.publish(tool(source=SUM.replace("left + right", "left - right")))
    cli("tools", "export", "sum", tmp_path)
    done = cli("tools", "import", tmp_path / "sum", "--home", tmp_path / "other")
    assert done.code == 2
    assert "error: sum does not do what its checks say: " in done.err
    assert cli("tools", "list", "--home", tmp_path / "other", "--json").out == ""


def test_an_imported_tool_has_as_much_time_for_an_answer_as_the_settings_file_allows(
    cli: Cli, home: Path, tmp_path: Path
) -> None:
    with open_store(home) as store:
        store.publish(tool(source=SUM.replace("    return str(left", "    while left == 3: pass\n    return str(left")))
    cli("tools", "export", "sum", tmp_path)
    file = tmp_path / "hammerstone.toml"
    file.write_text("[sandbox]\nanswer_s = 1\n")
    done = cli("tools", "import", tmp_path / "sum", "--home", tmp_path / "other", "--config", file)
    assert done.code == 2
    assert re.search(r"took more than (1|10) s\b", done.err)  # of processor time, or ten times as long on the clock


def test_a_tool_that_stored_instances_contradict_is_stored_but_not_live(cli: Cli, home: Path, tmp_path: Path) -> None:
    wrong = SUM.replace("str(left + right)", "str(left + right if left in (3, 17, 208, 6, 90) else 0)")
    with open_store(tmp_path / "other") as store:
        store.publish(tool(source=wrong))
    with open_store(home) as store:
        store.publish(tool())
        for number, one in enumerate(instances(9)):
            store.add_instance("sum", one, request_id=str(number))
    cli("tools", "export", "sum", tmp_path, "--home", tmp_path / "other")
    done = cli("tools", "import", tmp_path / "sum")
    assert (done.code, done.out) == (1, "sum: version 2 is disabled: it did not pass the gate\n")
    assert "reason: 4 of 9 stored instances: solve returned '0', the stored answer is '48'" in done.err
    assert "hammerstone tools enable sum --version 2" in done.err
    assert cli("solve", "-", stdin=ask(9)).out == "1\tparser\t1054\n"
    told = json.loads(cli("tools", "import", tmp_path / "sum", "--json").out)
    assert (told["version"], told["state"], len(told["reasons"])) == (2, "disabled", 1)


@pytest.mark.parametrize(
    "arguments",
    [
        *(("show",), ("show", "--version", "7"), ("export",), ("disable",), ("enable",), ("remove", "--yes")),
        *(("approve",), ("rollback",), ("quarantine", "--reason", "wrong")),
    ],
)
def test_a_tool_that_is_not_there_is_reported(cli: Cli, home: Path, arguments: tuple[str, ...]) -> None:
    with open_store(home) as store:
        store.publish(tool("product", PRODUCT))
    command, *options = arguments
    done = cli("tools", command, "sum", *options)
    assert (done.code, done.out) == (2, "")
    assert "error: there is no tool sum" in done.err


def test_what_is_no_tool_cannot_be_imported(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "tool.json").write_text("{}")
    assert cli("tools", "import", tmp_path / "tool.json").code == 2
    assert cli("tools", "import", tmp_path / "nowhere").code == 2


@pytest.mark.usefixtures("made")
def test_each_change_of_a_tool_can_be_told_as_json(cli: Cli, tmp_path: Path) -> None:
    exported = json.loads(cli("tools", "export", "sum", tmp_path / "out", "--json").out)
    assert Path(exported["folder"]).is_dir()
    assert json.loads(cli("tools", "disable", "sum", "--json").out)["state"] == "disabled"
    assert json.loads(cli("tools", "enable", "sum", "--json").out)["state"] == "live"
    assert json.loads(cli("tools", "remove", "sum", "--yes", "--json").out) == {"name": "sum", "state": "removed"}
    imported = json.loads(cli("tools", "import", exported["folder"], "--json").out)
    assert (imported["name"], imported["state"], imported["routes"]) == ("sum", "live", ["parser"])


def test_a_tool_that_cannot_be_read_is_listed_with_the_reason_and_can_be_removed(cli: Cli, made: Path) -> None:
    connection = sqlite3.connect(made / "hammerstone.db")
    with connection:
        connection.execute("UPDATE tools SET document = '{broken'")
    connection.close()

    listed = cli("tools", "list")
    assert listed.code == 0
    assert "unreadable: sum, version 1: not a tool: document: " in listed.err
    assert cli("tools", "list", "--json").lines[0]["state"] == "unreadable"
    assert cli("tools", "show", "sum").code == 2
    assert " tool unreadable " in cli("tasks", "list").out
    assert cli("tasks", "show", "sum").code == 0
    assert "cannot be read: sum version 1 (not a tool: document: " in cli("doctor").out
    assert cli("solve", "-", stdin=f"{ask(0)}\n").code == 1
    assert cli("tools", "remove", "sum", "--yes").out == "sum: removed\n"
    assert "unreadable" not in cli("tools", "list").err
