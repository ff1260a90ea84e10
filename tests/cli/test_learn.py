"""hammerstone learn: from a log to what tools would save."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest

from hammerstone.store import open_store
from hammerstone.store.records import ToolState

from ..samples.sums import answer, requests
from .conftest import Cli, Recorded

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "learn" / "log.jsonl"
MAKER = f"recorded:{ROOT / 'examples' / 'recordings' / 'bench' / 'maker.jsonl'}"


def rows(wrong: int | None = None) -> list[dict[str, Any]]:
    """Thirty sums, of which the first twelve are those that a maker's reply is recorded for."""
    questions = [one.question for one in requests(12)]
    questions += [f"What is the sum of {number} and {3 * number}?" for number in range(200, 218)]
    return [
        {"task": "sum", "question": one, "answer": "0" if number == wrong else answer(one)}
        for number, one in enumerate(questions)
    ]


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines))
    return path


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return write(tmp_path / "log.jsonl", *rows(wrong=25))


def test_the_example_of_the_guide_runs_from_a_clone(cli: Cli, home: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    prices = ("--price-in", "5", "--price-out", "25")
    done = cli("learn", EXAMPLE, "--maker", MAKER, "--report", page, *prices)
    assert done.code == 2  # one of its lines is damaged
    assert "line 202: the line is not JSON" in done.err
    guide = (ROOT / "docs" / "guides" / "learn.md").read_text().splitlines()
    measured = ("time of an answer",)  # on this machine, now
    assert [line for line in done.out.splitlines() if line not in guide and not line.startswith(measured)] == []
    html = page.read_text()
    assert html.startswith("<!DOCTYPE html>")
    assert "EUR 58.84" in html
    assert "EUR 65.90" in html
    assert "http" not in html.replace("http://www.w3.org", "")  # nothing is fetched
    with open_store(home) as store:
        assert {tool.state for tool in store.tools()} == {ToolState.SHADOW}


def test_the_example_log_is_what_its_script_writes() -> None:
    lines = runpy.run_path(str(EXAMPLE.with_name("make_log.py")))["lines"]
    assert EXAMPLE.read_text(encoding="utf-8") == "".join(f"{line}\n" for line in lines())


def test_a_disagreement_is_shown_side_by_side(cli: Cli, log: Path, recorded: Recorded) -> None:
    done = cli("learn", log, "--maker", recorded.strong)
    assert done.code == 0
    assert "sum 26 What is the sum of 213 and 639? 0 852" in done.rows
    assert "agree with the log in 88.9 % of these answers" in done.out
    assert "next: hammerstone serve" in done.err


def test_json_holds_all_that_was_found(cli: Cli, log: Path, recorded: Recorded) -> None:
    (found,) = cli("learn", log, "--maker", recorded.strong, "--json").lines
    assert (found["held_out"], found["answered"], found["disagreed"], found["break_even_days"]) == (9, 9, 1, None)
    assert (found["lines"], found["training"], found["kinds"][0]["tool"]) == (30, 21, "sum@1")
    assert found["kinds"][0]["tested"]["disagreed"] == 1


def test_without_a_maker_nothing_is_built_and_kinds_are_shown(cli: Cli, home: Path, log: Path) -> None:
    done = cli("learn", log)
    assert done.code == 0
    assert "1 kind is frequent enough for a tool: 100 % of 30 requests." in done.out
    assert "name a strong model with --maker" in done.err
    assert not home.exists()


def test_progress_is_said_where_there_is_no_terminal(
    cli: Cli, log: Path, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hammerstone.cli.shown_progress.EVERY", 0)
    said = cli("learn", log, "--maker", recorded.strong).err
    assert "learning from the log: 15 of 30 requests" in said
    assert "building a tool for sum" in said
    assert "built: the tool sum" in said


def test_which_temperature_asks_for_variety_is_the_gateways_setting(cli: Cli, tmp_path: Path) -> None:
    chat = {"messages": [{"role": "user", "content": "1 + 2?"}], "temperature": 0.7}
    reply = {"choices": [{"message": {"content": "3"}, "finish_reason": "stop"}]}
    path, settings = write(tmp_path / "log.jsonl", {"request": chat, "response": reply}), tmp_path / "own.toml"
    settings.write_text("[serve]\nmax_temperature = 0.5\n")
    assert "1 asks for variety" in cli("learn", path, "--config", settings).err
    assert cli("learn", path).code == 0


def test_bad_lines_are_shown_and_do_not_end_the_run(cli: Cli, tmp_path: Path) -> None:
    path = write(tmp_path / "log.jsonl", *["{"] * 7, *rows())
    done = cli("learn", path)
    assert done.code == 2
    assert done.err.count("error: line ") == 5
    assert "unreadable 7 lines" in done.rows


@pytest.mark.parametrize("text", ["", "{\n{\n", '{"question": "1 + 1?"}\n'])
def test_a_log_without_one_request_and_its_answer_is_refused_with_a_hint(cli: Cli, tmp_path: Path, text: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(text)
    done = cli("learn", path)
    assert done.code == 2
    assert "error: no request with a whole answer was read" in done.err
    assert "hint: each line needs a request and its answer" in done.err


def test_half_a_price_and_a_report_over_another_file_are_refused_before_anything_is_read(
    cli: Cli, tmp_path: Path, log: Path
) -> None:
    assert "error: a price has two parts" in cli("learn", log, "--price-in", "5").err
    other = tmp_path / "notes.html"
    other.write_text("mine")
    assert "is not a report of hammerstone" in cli("learn", log, "--report", other).err
    assert other.read_text() == "mine"


def test_a_page_without_a_tool_can_be_written(cli: Cli, tmp_path: Path, log: Path) -> None:
    page = tmp_path / "report.html"
    assert cli("learn", log, "--report", page).code == 0
    assert "frequent enough for a tool" in page.read_text()
