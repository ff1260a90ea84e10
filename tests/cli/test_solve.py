from __future__ import annotations

import json
import re
from pathlib import Path
from shutil import copytree

import pytest

from hammerstone.cli.solve import SolveTally
from hammerstone.models import RecordingModel
from hammerstone.opening import open_blocking
from hammerstone.store import open_store
from hammerstone.store.records import Answered
from hammerstone.testing import FunctionModel

from ..samples.sums import ONE_OFFS, answer, ask, requests, reworded
from .conftest import LATER, TWELVE, Cli, Recorded, write_lines

ONE_OFF = next(iter(ONE_OFFS))


@pytest.mark.usefixtures("made")
def test_a_file_is_answered_by_tools_without_any_model(cli: Cli, tmp_path: Path) -> None:
    done = cli("solve", write_lines(tmp_path / "sums.jsonl", requests(3)))
    assert done.code == 0
    assert done.out == "sum-0\tparser\t7\nsum-1\tparser\t22\nsum-2\tparser\t239\n"
    assert " parser          3   3 of 3    100.0 %             0   $0.0000" in done.err


@pytest.mark.usefixtures("made")
def test_with_json_each_answer_is_a_line_and_the_table_stays_off_the_data(cli: Cli, tmp_path: Path) -> None:
    done = cli("solve", write_lines(tmp_path / "sums.jsonl", requests(2)), "--json")
    first, second = done.lines
    assert first.pop("ms") >= 0
    assert first == {
        "id": "sum-0",
        "answer": "7",
        "route": "parser",
        "tool": "sum",
        "version": 1,
        "model_calls": 0,
        "cost_usd": 0.0,
        "error": None,
        "correct": True,
    }
    assert second["answer"] == "22"
    assert "By route" in done.err


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sums.jsonl", json.dumps({"id": "1", "question": ask(0)})),
        ("sums.json", json.dumps({"examples": [{"input": ask(0), "target": "7"}]})),
        ("sums.csv", f"id,question\n1,{ask(0)}\n"),
        ("sums.txt", f"{ask(0)}\n"),
    ],
)
def test_every_format_is_read(cli: Cli, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    done = cli("solve", tmp_path / name)
    assert (done.code, done.out) == (0, "1\tparser\t7\n")


@pytest.mark.usefixtures("made")
def test_a_dash_reads_standard_input(cli: Cli) -> None:
    done = cli("solve", "-", stdin=f"{ask(0)}\n{ask(1)}\n")
    assert (done.code, done.out) == (0, "1\tparser\t7\n2\tparser\t22\n")


@pytest.mark.usefixtures("made")
def test_what_no_tool_is_sure_of_is_listed_with_the_reason(cli: Cli) -> None:
    done = cli("solve", "-", stdin=f"{ask(0)}\n{ONE_OFF}\n")
    assert done.code == 1
    assert done.out == "1\tparser\t7\n2\t-\t(no tool answers this, and no solver is set)\n"
    assert "not answered: request 2: no tool answers this, and no solver is set" in done.err


@pytest.mark.usefixtures("made")
def test_what_is_not_answered_for_one_reason_is_reported_once_with_its_number(cli: Cli) -> None:
    done = cli("solve", "-", stdin=f"{ask(0)}\n" + f"{ONE_OFF}\n" * 1_200)
    assert done.code == 1
    told = "not answered: 1,200 requests (first: 2): no tool answers this, and no solver is set\n"
    assert told in done.err
    assert done.err.count("not answered") == 1


def test_of_many_reasons_the_commonest_are_told_and_the_others_counted(capsys: pytest.CaptureFixture[str]) -> None:
    tally = SolveTally()
    for number in range(30):
        tally.add(Answered(id=str(number), question="", answer=None, route=None, error=f"reason {number % 12}"))
    tally.show()
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("not answered:")]
    assert told[0] == "not answered: 3 requests (first: 0): reason 0"
    assert told[10:] == ["not answered: 4 more, for other reasons; --json lists them all"]


@pytest.fixture
def silent(made: Path, tmp_path: Path) -> str:
    """A solver whose recorded reply to the one-off question holds no answer."""
    model = RecordingModel(FunctionModel(lambda _: ""), tmp_path / "silent.jsonl")
    with open_blocking(copytree(made, tmp_path / "copy"), solver=model) as loop:
        loop.solve(ONE_OFF)
    return f"recorded:{tmp_path / 'silent.jsonl'}"


@pytest.mark.usefixtures("made")
def test_a_request_that_its_solver_did_not_answer_has_failed(cli: Cli, silent: str) -> None:
    done = cli("solve", "-", "--solver", silent, stdin=f"{ask(0)}\n{ONE_OFF}\n")
    assert done.code == 1
    assert "failed 1 - - 3 unknown" in " ".join(done.err.split())
    assert "\n solver " not in done.err
    assert re.search("^not answered: request 2: the solver gave no answer: its reply", done.err, re.MULTILINE)
    assert any(row.startswith("not answered 1 - ") for row in cli("ledger").rows)


@pytest.mark.usefixtures("made")
def test_a_line_that_cannot_be_read_is_reported_with_its_number_and_the_rest_goes_on(cli: Cli, tmp_path: Path) -> None:
    rows = [requests(1)[0], "{broken", requests(1, start=1)[0], '{"question": ""}']
    done = cli("solve", write_lines(tmp_path / "sums.jsonl", rows))
    assert done.code == 2
    assert done.out == "sum-0\tparser\t7\nsum-1\tparser\t22\n"
    assert "error: line 2: the line is not JSON" in done.err
    assert "error: line 4: its question is empty" in done.err


@pytest.mark.usefixtures("made")
def test_of_many_lines_that_cannot_be_read_the_first_are_shown_and_the_others_counted(cli: Cli) -> None:
    done = cli("solve", "-", stdin='{"question": "half\n' * 2_000 + json.dumps({"question": ask(0)}))
    assert (done.code, done.out) == (2, "2001\tparser\t7\n")
    assert done.err.count("the line is not JSON") == 10
    assert "error: 1990 more lines cannot be used\n" in done.err


@pytest.mark.usefixtures("made")
def test_ignored_fields_are_named_once(cli: Cli) -> None:
    row = json.dumps({"question": ask(0), "score": 1, "split": "dev"})
    done = cli("solve", "-", stdin=f"{row}\n{row}\n")
    assert done.code == 0
    assert done.err.count("ignored:") == 1
    assert "ignored: score, split (not part of the question)\n" in done.err


@pytest.mark.usefixtures("made")
def test_a_field_that_could_change_the_answer_is_never_dropped(cli: Cli) -> None:
    rows = [{"question": ask(0), "functions": [{"name": "add"}]}, {"question": ask(0), "system": "Answer in hex."}]
    done = cli("solve", "-", stdin="\n".join(map(json.dumps, rows)))
    assert done.code == 2
    assert "error: line 1: a field that hammerstone does not read could change the answer: `functions`" in done.err
    assert "\tparser\t" not in done.out


def test_a_tool_is_made_on_the_way_and_answers_from_then_on(cli: Cli, tmp_path: Path, recorded: Recorded) -> None:
    cold = cli("solve", write_lines(tmp_path / "cold.jsonl", TWELVE), *recorded.options, "--json")
    assert cold.code == 0
    assert [one["route"] for one in cold.lines] == ["solver"] * 12
    assert "building a tool for sum" in cold.err
    assert "live: the tool sum, routes parser, user" in cold.err
    warm = cli("solve", write_lines(tmp_path / "warm.jsonl", LATER), *recorded.options, "--json")
    assert [(one["route"], one["answer"]) for one in warm.lines] == [
        *(("parser", answer(one.question)) for one in LATER[:2]),
        ("user", answer(reworded(15))),
    ]


def test_the_same_file_again_pays_nothing(cli: Cli, tmp_path: Path, recorded: Recorded) -> None:
    file = write_lines(tmp_path / "sums.jsonl", TWELVE[:3])
    assert [one["model_calls"] for one in cli("solve", file, *recorded.options, "--json").lines] == [1, 1, 1]
    assert [one["model_calls"] for one in cli("solve", file, *recorded.options, "--json").lines] == [0, 0, 0]


def test_a_prompt_that_was_not_recorded_is_reported_with_the_nearest_one(cli: Cli, recorded: Recorded) -> None:
    done = cli("solve", "-", "--solver", recorded.strong, stdin=f"{ONE_OFF}\n")
    assert done.code == 2
    assert "has no recording of this prompt (key " in done.err
    assert "the nearest recorded one is " in done.err
    assert f"+{ONE_OFF}" in done.err
    assert "hint: to record it, run again with a live model and --record " in done.err


def test_with_a_labeler_requests_wait_in_the_queue(cli: Cli, home: Path) -> None:
    done = cli("solve", "-", "--solver", "labeler", stdin=f"{ask(0)}\n")
    assert (done.code, done.out) == (0, "1\tlabeler\t(waits for a labeler)\n")
    assert "not answered" not in done.err
    with open_store(home) as store:
        assert [one.question for one in store.queue()] == [ask(0)]


@pytest.mark.usefixtures("made")
def test_a_line_in_another_encoding_is_reported_with_its_conversion_and_the_rest_goes_on(cli: Cli) -> None:
    done = cli("solve", "-", stdin="café\n".encode("latin-1") + ask(0).encode())
    assert (done.code, done.out) == (2, "2\tparser\t7\n")
    assert "error: line 1: it is not UTF-8 (byte 0xE9)" in done.err
    assert "iconv -f WINDOWS-1252 -t UTF-8" in done.err


def test_long_answers_stay_on_one_line(cli: Cli, tmp_path: Path, recorded: Recorded) -> None:
    done = cli("solve", write_lines(tmp_path / "one.jsonl", TWELVE[:1]), *recorded.options)
    assert done.out.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "error", "hint"),
    [
        (("solve", "nowhere.jsonl"), 2, "there is no file nowhere.jsonl", "check the path"),
        (("solve", "."), 2, ". is a folder", "name one file in it"),
        (("solve", ""), 2, "no file is named", "`-` for standard input"),
        (("solve", "-", "--maker", "gpt"), 2, "'gpt' does not name a model", "name it as provider:model"),
        (("solve", "-", "--maker", "recorded:nowhere"), 2, "cannot read the recording nowhere", "check the path"),
        (("solve", "-", "--maker", "openai:gpt-x"), 2, "OPENAI_API_KEY", ""),
        (("solve", "-", "--sandbox", "docker"), 2, "docker", "bubblewrap"),
        (("solve", "-", "--home", "~no-such-user/home"), 2, "is in nobody's home folder", "a name after ~ is a user's"),
        (("solve", "-", "--home", "mysql://host/db"), 2, "this database URL cannot be used", "name a folder"),
        (("solve", "-", "--recipe", "soup"), 2, "soup", ""),
        (("solve", "-", "--concurrency", "0"), 2, "--concurrency", ""),
        (("solve",), 2, "Missing argument", ""),
    ],
)
def test_a_mistake_is_reported_in_a_sentence_with_what_repairs_it(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, error: str, hint: str
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    done = cli(*arguments, stdin=f"{ask(0)}\n")
    assert (done.code, done.out) == (code, "")
    assert error in done.err
    assert hint in done.err


def test_a_home_that_is_a_file_is_reported(cli: Cli, home: Path) -> None:
    home.write_text("")
    done = cli("solve", "-", stdin=f"{ask(0)}\n")
    assert done.code == 1
    assert f"error: {home} is not a folder\nhint: name another with --home or HAMMERSTONE_HOME\n" in done.err
