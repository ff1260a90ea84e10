"""Requests that are chats: `messages` lines, batch files and logs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hammerstone.requests import Unreadable, read_batch_answers, read_requests
from hammerstone.types import Chat, Message, Request

SYSTEM = {"role": "system", "content": "Rules."}
ASK = {"role": "user", "content": "1 + 2?"}


def read(folder: Path, *rows: object) -> list[Request | Unreadable]:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return list(read_requests(path))


def one(folder: Path, row: object) -> Request:
    (item,) = read(folder, row)
    assert isinstance(item, Request), item
    return item


def why(folder: Path, row: object) -> str:
    before, item, after = read(folder, {"question": "a"}, row, {"question": "b"})
    assert isinstance(before, Request)
    assert isinstance(after, Request)
    assert isinstance(item, Unreadable), item
    return item.why


def test_a_line_of_messages_is_a_request_and_a_final_assistant_turn_its_answer(tmp_path: Path) -> None:
    row = {"messages": [SYSTEM, ASK, {"role": "assistant", "content": "3"}], "temperature": 0.5, "task": "sums"}
    request = one(tmp_path, row)
    assert request.chat.messages == (Message(role="system", content="Rules."), Message(role="user", content="1 + 2?"))
    assert (request.answer, request.task, request.question, request.id) == ("3", "sums", "1 + 2?", "1")


def test_a_line_of_a_batch_file_is_a_request_with_its_custom_id(tmp_path: Path) -> None:
    body = {"model": "gpt", "messages": [ASK], "response_format": {"type": "json_object"}, "max_tokens": 50}
    row = {"custom_id": "a-1", "method": "POST", "url": "/v1/chat/completions", "body": body}
    request = one(tmp_path, row)
    assert (request.id, request.chat.model, request.chat.response_format) == ("a-1", "gpt", {"type": "json_object"})
    assert not request.chat.plain


def test_a_line_of_a_log_is_a_request_with_the_answer_that_was_given(tmp_path: Path) -> None:
    response = {"choices": [{"message": {"role": "assistant", "content": "3"}, "finish_reason": "stop"}]}
    request = one(tmp_path, {"id": "x", "request": {"model": "gpt", "messages": [ASK]}, "response": response})
    assert (request.id, request.answer) == ("x", "3")


def test_text_is_text_in_one_piece_or_in_parts_and_as_a_response_format(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "1 +"}, {"type": "text", "text": " 2?"}]
    row = {"messages": [{"role": "user", "content": parts}], "response_format": {"type": "text"}}
    assert one(tmp_path, row).chat == Chat.of("1 + 2?")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"messages": [ASK], "tools": [{"type": "function"}]}, "`tools`"),
        ({"messages": [ASK], "functions": [{"name": "f"}]}, "`functions`"),
        ({"messages": [ASK], "n": 2}, "`n`"),
        ({"messages": [ASK], "logprobs": True}, "`logprobs`"),
        ({"messages": [ASK], "modalities": ["text", "audio"]}, "`modalities`"),
        ({"messages": [ASK], "secret_sauce": {"x": 1}}, "`secret_sauce`"),
        ({"messages": []}, "not a list of messages"),
        ({"messages": [SYSTEM]}, "do not end with a user's message"),
        ({"messages": [{"role": "user", "content": "  "}]}, "do not end with a user's message"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "message 1 is not one of"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}]}, "than text"),
        ({"messages": [ASK | {"tool_calls": [{"id": "1"}]}]}, "more than text: `tool_calls`"),
        ({"messages": [ASK], "question": "Q"}, "both `messages` and a question"),
        ({"messages": [ASK], "body": {"messages": [ASK]}}, "two requests"),
        ({"messages": [ASK, {"role": "assistant", "content": "3"}], "answer": "4"}, "different answers"),
        ({"messages": [ASK], "model": 3}, "its model is not a string"),
        ({"messages": [ASK], "response_format": "json"}, "its response_format is not an object"),
    ],
)
def test_what_is_no_question_that_a_tool_could_answer_is_refused_by_name(
    tmp_path: Path, row: object, reason: str
) -> None:
    assert reason in why(tmp_path, row)


@pytest.mark.parametrize(
    "fields",
    [
        {"negate": True, "year": 2024},
        {"temperature": 0, "max_tokens": 5, "seed": 1, "user": "u", "metadata": {"a": "b"}},
        {"date": "2024-02-03"},
    ],
)
def test_what_is_no_part_of_a_chat_is_ignored_with_a_word(tmp_path: Path, fields: dict[str, object]) -> None:
    told: list[str] = []
    path = tmp_path / "rows.jsonl"
    rows = ({"messages": [ASK], **fields}, {"custom_id": "a", "body": {"messages": [ASK], **fields}})
    for row in rows:
        path.write_text(f"{json.dumps(row)}\n" * 2)
        assert isinstance(next(read_requests(path, on_ignored=told.extend)), Request)
    assert told == 2 * list(fields)


@pytest.mark.parametrize("shaping", [{"stop": ["3"]}, {"stop": "\n"}, {"logit_bias": {"18": -100}}])
def test_a_parameter_that_changes_what_an_answer_says_is_refused_by_name(
    tmp_path: Path, shaping: dict[str, object]
) -> None:
    said = f"its `{next(iter(shaping))}` changes what an answer says"
    log = {"request": {"messages": [ASK], **shaping}, "response": completion("3")}
    for row in ({"messages": [ASK], **shaping}, {"body": {"messages": [ASK], **shaping}}, log):
        assert why(tmp_path, row) == said
    assert one(tmp_path, {"messages": [ASK], "stop": None, "logit_bias": {}}).question == "1 + 2?"


@pytest.mark.parametrize("part", [{"title": 5}, {"context": True}, {"question": "Q"}])
def test_a_part_of_a_question_beside_a_chat_is_refused(tmp_path: Path, part: dict[str, object]) -> None:
    assert "both `messages` and a question" in why(tmp_path, {"messages": [ASK], **part})


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_a_blank_answer_is_none_wherever_a_chat_has_it(tmp_path: Path, blank: str) -> None:
    turn = {"role": "assistant", "content": blank}
    parts = completion([{"type": "text", "text": blank}])
    for row in (
        {"messages": [ASK, turn]},
        {"messages": [ASK], "answer": blank},
        {"messages": [ASK], "response": parts},
    ):
        assert one(tmp_path, row).answer is None
    assert one(tmp_path, {"messages": [ASK, turn], "answer": "3"}).answer == "3"


@pytest.mark.parametrize(("turn", "answer"), [('{"a": 1, "b": 2}', {"b": 2.0, "a": 1}), ("3\n", "3"), ("3", 3.0)])
def test_answers_that_are_one_label_in_two_spellings_do_not_differ(tmp_path: Path, turn: str, answer: object) -> None:
    row = {"messages": [ASK, {"role": "assistant", "content": turn}], "answer": answer}
    assert one(tmp_path, row).answer == turn


def completion(content: object, **fields: object) -> dict[str, object]:
    return {"choices": [{"message": {"role": "assistant", "content": content}} | fields]}


@pytest.mark.parametrize("odd", [{}, [], [[1]], {"a": []}])
def test_a_list_or_an_object_where_a_name_belongs_is_refused_and_ends_nothing(tmp_path: Path, odd: object) -> None:
    """A set cannot look such a value up."""
    text = {"type": odd, "text": "1 + 2?"}
    item = {"type": odd, "content": [text]}
    ended = {"type": "message", "content": [text], "stop_reason": odd}
    for row in (
        {"messages": [{"role": odd, "content": "1 + 2?"}]},
        {"messages": [{"role": "user", "content": [text]}]},
        {"input": [{"role": "user", "content": [text]}], "model": "gpt"},
        *({"messages": [ASK], "response": {"output": [item], "status": status}} for status in ("completed", odd)),
        *({"messages": [ASK], "response": reply} for reply in (ended, completion("3", finish_reason=odd))),
    ):
        assert why(tmp_path, row)


def test_the_answers_of_a_batch_belong_to_its_requests_by_their_ids(tmp_path: Path) -> None:
    lines = [
        {"custom_id": "a", "response": {"status_code": 200, "body": completion("3")}, "error": None},
        {"custom_id": "b", "response": {"status_code": 500, "body": {}}},
        {"custom_id": "c", "response": {"status_code": 200, "body": completion("cut", finish_reason="length")}},
        {"custom_id": "d", "response": {"status_code": 200, "body": completion(None)}},
        {"custom_id": "e", "response": {"status_code": 200, "body": completion("5")}},
        {"custom_id": "a", "response": {"status_code": 200, "body": completion("4")}},
    ]
    path = tmp_path / "output.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = list(read_batch_answers(path))
    assert [item[:2] for item in found if not isinstance(item, Unreadable)] == [("a", "3"), ("e", "5")]
    reasons = [item.why for item in found if isinstance(item, Unreadable)]
    said = ["500", "'length'", "no `custom_id`", "`custom_id` 'a' is that of line 1 already"]
    assert all(word in why for word, why in zip(said, reasons, strict=True))
