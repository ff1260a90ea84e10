"""Logs as they are: in any order, of several files, with lines of no use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hammerstone.errors import InputError
from hammerstone.learn import Log, read_log


def row(number: int, **fields: Any) -> dict[str, Any]:
    """A call of a log."""
    response = {"choices": [{"message": {"content": str(number)}, "finish_reason": "stop"}]}
    request = {"model": "m", "messages": [{"role": "user", "content": f"{number}?"}]}
    return {"id": f"r{number}", "request": request, "response": response, **fields}


def write(path: Path, *rows: object) -> str:
    path.write_text("".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in rows))
    return str(path)


def ids(log: Log) -> list[str]:
    return [one.id for one in log.lines]


def test_lines_are_put_in_order_of_time_whatever_the_files_do(tmp_path: Path) -> None:
    late = write(tmp_path / "a.jsonl", row(3, timestamp="2026-09-03T00:00:00Z"), row(1, timestamp=1_788_220_800_000))
    early = write(tmp_path / "b.jsonl", row(2, timestamp="2026-09-02 00:00:00"))
    log = read_log([late, early])
    assert (ids(log), log.timed, log.days) == (["r1", "r2", "r3"], True, 2.0)


def test_where_a_line_has_no_time_the_files_order_holds(tmp_path: Path) -> None:
    log = read_log([write(tmp_path / "a.jsonl", row(3, timestamp="2026-09-03T00:00:00Z"), row(1))])
    assert (ids(log), log.timed, log.untimed, log.days) == (["r3", "r1"], False, 1, None)


def test_of_a_batchs_files_each_is_known_for_what_it_is(tmp_path: Path) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "1?"}]}
    asked = write(tmp_path / "in.jsonl", {"custom_id": "a", "url": "/v1/chat/completions", "body": body})
    reply = {"choices": [{"message": {"content": "1"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 7}}
    answered = write(tmp_path / "out.jsonl", {"custom_id": "a", "response": {"status_code": 200, "body": reply}})
    for log in (read_log([asked, answered]), read_log([answered, asked]), read_log([asked], answered)):
        (line,) = log.lines
        assert line.answer == "1"
        assert line.logged is not None
        assert line.logged.usage.input_tokens == 7


def batch(name: Path, **questions: str) -> str:
    return write(
        name,
        *[
            {"custom_id": one, "body": {"model": "m", "messages": [{"role": "user", "content": text}]}}
            for one, text in questions.items()
        ],
    )


def outcome(name: Path, **answers: str) -> str:
    return write(
        name,
        *[
            {
                "custom_id": one,
                "response": {
                    "status_code": 200,
                    "body": {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]},
                },
            }
            for one, text in answers.items()
        ],
    )


def test_an_id_that_two_batches_use_gives_no_request_the_others_answer(tmp_path: Path) -> None:
    first, second = batch(tmp_path / "1.jsonl", a="2+2?", b="3+3?"), batch(tmp_path / "2.jsonl", a="The capital?")
    answers, others = outcome(tmp_path / "1o.jsonl", a="4", b="6"), outcome(tmp_path / "2o.jsonl", a="Paris")
    for files in ((first, second, answers, others), (first, answers, others), (first, second, answers)):
        log = read_log(files)
        assert [(one.question, one.answer) for one in log.lines] == [("3+3?", "6")]
        assert log.not_for_tools["an id of two batches"] == len(files) - 2 - (len(files) == 4) + (files[1] is second)


def test_a_batch_of_which_there_are_copies_is_read_as_one(tmp_path: Path) -> None:
    asked, again = batch(tmp_path / "1.jsonl", a="2+2?"), batch(tmp_path / "2.jsonl", a="2+2?")
    answers, copy = outcome(tmp_path / "1o.jsonl", a="4"), outcome(tmp_path / "2o.jsonl", a="4")
    assert [one.answer for one in read_log([asked, again, answers, copy]).lines] == ["4", "4"]


def test_a_batchs_answer_belongs_to_an_id_that_the_file_gives_and_to_no_number_of_a_line(tmp_path: Path) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "1?"}]}
    asked = write(tmp_path / "in.jsonl", {"body": body}, {"body": body})
    reply = {"choices": [{"message": {"content": "1"}, "finish_reason": "stop"}]}
    answered = write(tmp_path / "out.jsonl", {"custom_id": "1", "response": {"status_code": 200, "body": reply}})
    assert read_log([asked], answered).not_for_tools == {"no answer": 2}


def test_bad_lines_are_counted_and_shown_and_lines_of_no_use_are_counted_by_their_reason(tmp_path: Path) -> None:
    cut = row(2)
    cut["response"]["choices"][0]["finish_reason"] = "length"
    varied = row(4)
    varied["request"]["temperature"] = 1.5
    bad: list[tuple[int, str]] = []
    file = write(tmp_path / "a.jsonl", row(1), "{", cut, varied, row(1), {"messages": row(5)["request"]["messages"]})
    log = read_log([file], on_bad=lambda _file, line, why: bad.append((line, why)))
    assert (ids(log), log.bad, [line for line, _ in bad]) == (["r1"], 1, [2])
    assert log.not_for_tools == {
        "cut short or filtered": 1,
        "asks for variety": 1,
        "an id that was used before": 1,
        "no answer": 1,
    }


def test_a_log_of_a_byte_order_mark_and_one_line_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(row(1)).encode())
    log = read_log([str(path)])
    assert (ids(log), log.training) == (["r1"], 1)


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text(json.dumps({"question": "a?", "answer": "1"}) + "\n")
    other = tmp_path / "." / "link.jsonl"
    other.symlink_to(file)
    assert len(read_log([str(file), str(file), str(other)]).lines) == 1


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no file"):
        read_log([str(tmp_path / "none.jsonl")])
