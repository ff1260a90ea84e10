"""The requests of a command's file, with the answers of a batch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hammerstone.cli.requests import RequestFile


def lines(path: Path, *rows: object) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def asked(question: str, **fields: str) -> dict[str, object]:
    return {"body": {"messages": [{"role": "user", "content": question}]}, **fields}


def answered(name: str, answer: str) -> dict[str, object]:
    body = {"choices": [{"message": {"content": answer}, "finish_reason": "stop"}]}
    return {"custom_id": name, "response": {"status_code": 200, "body": body}}


def test_a_batchs_answer_goes_to_the_request_of_its_custom_id_alone(tmp_path: Path) -> None:
    file = lines(tmp_path / "in.jsonl", asked("none?"), asked("one?", custom_id="1"))
    requests = RequestFile(file, lines(tmp_path / "out.jsonl", answered("1", "first")))
    assert [(one.question, one.answer) for one in requests] == [("none?", None), ("one?", "first")]


def test_of_two_answers_to_one_custom_id_the_first_counts_and_the_other_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = lines(tmp_path / "in.jsonl", asked("one?", custom_id="a"))
    requests = RequestFile(file, lines(tmp_path / "out.jsonl", answered("a", "first"), answered("a", "second")))
    assert [one.answer for one in requests] == ["first"]
    assert requests.unusable == 1
    assert "its `custom_id` 'a' is that of line 1 already" in " ".join(capsys.readouterr().err.split())
