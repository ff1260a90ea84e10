"""Requests from every format, and every way a file or a line can be wrong."""

from __future__ import annotations

import io
import json
import os
import string
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.errors import InputError
from hammerstone.requests import (
    MAX_LINE_CHARS,
    MAX_QUESTION_CHARS,
    InstanceForm,
    Unreadable,
    read_requests,
    write_instances,
)
from hammerstone.types import Instance, Request, Source


def read(folder: Path, name: str, content: str | bytes) -> list[Request | Unreadable]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_requests(path))


def questions(items: list[Request | Unreadable]) -> list[str]:
    assert all(isinstance(item, Request) for item in items), items
    return [item.question for item in items if isinstance(item, Request)]


def why(items: list[Request | Unreadable], line: int) -> str:
    """The reason for the one unreadable line, which must not have cost the others."""
    bad = [item for item in items if isinstance(item, Unreadable)]
    assert [item.line for item in bad] == [line]
    assert len(items) > 1
    return bad[0].why


# Formats


def test_json_lines_carry_id_task_tenant_and_answer(tmp_path: Path) -> None:
    rows = (
        '{"id": "a", "question": "Q1", "task": "t", "tenant": "x", "answer": "A"}\n\n'
        '{"input": "Q2", "target": 7, "n": 1}\n'
    )
    assert read(tmp_path, "r.jsonl", rows) == [
        Request.plain(id="a", question="Q1", task="t", tenant="x", answer="A"),
        Request.plain(id="3", question="Q2", answer="7"),
    ]


def test_a_bigbench_file_is_read_with_its_first_target(tmp_path: Path) -> None:
    value = {"canary": "x", "name": "n", "examples": [{"input": "Q1", "target": ["A", "B"]}, {"input": "Q2"}]}
    expected = [Request.plain(id="1", question="Q1", answer="A"), Request.plain(id="2", question="Q2")]
    for number, text in enumerate((json.dumps(value), json.dumps(value, indent=2), json.dumps(value, indent=0))):
        assert read(tmp_path, f"{number}.json", text) == expected
        assert read(tmp_path, f"{number}.other", text) == expected


def test_a_json_array_is_read(tmp_path: Path) -> None:
    value = [{"id": 5, "question": "Q1"}, {"question": "Q2", "answer": None}]
    expected = [Request.plain(id="5", question="Q1"), Request.plain(id="2", question="Q2")]
    for number, text in enumerate((json.dumps(value), json.dumps(value, indent=2), "\n [\n" + json.dumps(value)[1:])):
        assert read(tmp_path, f"{number}.json", text) == expected
        assert read(tmp_path, f"{number}.other", text) == expected


def test_a_bigbench_file_may_begin_with_its_canary(tmp_path: Path) -> None:
    text = '{"canary": "x",\n"examples": [{"input": "Q"}]}'
    assert questions(read(tmp_path, "r.json", text)) == questions(read(tmp_path, "r", text)) == ["Q"]


def test_json_lines_under_the_name_json_are_read_too(tmp_path: Path) -> None:
    assert questions(read(tmp_path, "r.json", '{"question": "Q1"}\n{"question": "Q2"}\n')) == ["Q1", "Q2"]


def test_one_object_over_several_lines_is_one_request(tmp_path: Path) -> None:
    assert questions(read(tmp_path, "r.json", '{\n "question": "Q1",\n "answer": 2\n}\n')) == ["Q1"]


def test_csv_columns_come_in_any_order_and_case(tmp_path: Path) -> None:
    text = 'Target, QUESTION ,Split,ID\n4,"2+2, or ""two and two""?",x,a\n,"two\nlines",,\n'
    assert read(tmp_path, "r.csv", text) == [
        Request.plain(id="a", question='2+2, or "two and two"?', answer="4"),
        Request.plain(id="4", question="two\nlines"),
    ]


def test_a_line_break_in_a_csv_cell_stays_as_it_is(tmp_path: Path) -> None:
    assert questions(read(tmp_path, "r.csv", 'question\r\n"two\r\nlines"\r\n')) == ["two\r\nlines"]


def test_plain_text_is_a_question_a_line(tmp_path: Path) -> None:
    assert read(tmp_path, "r.txt", "First?\r\n\r\n  {Second?}  \r\n") == [
        Request.plain(id="1", question="First?"),
        Request.plain(id="3", question="  {Second?}  "),
    ]


@pytest.mark.parametrize("first", ["[ { ( )", "{ ( )", "[ [", "What, if anything, is an input?", '"quoted"', "{ }"])
def test_a_plain_question_may_begin_like_another_format(tmp_path: Path, first: str) -> None:
    assert questions(read(tmp_path, "r.unknown", f"{first}\nsecond\n")) == [first, "second"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"question": "Q"}', "Q"),
        ('{"examples": [{"input": "Q"}]}', "Q"),
        ('[{"input": "Q"}]', "Q"),
        ("answer,question\n1,Q", "Q"),
        ("question\nQ", "Q"),
        ("Q", "Q"),
    ],
)
def test_without_a_telling_suffix_the_first_line_tells_the_format(tmp_path: Path, text: str, expected: str) -> None:
    assert questions(read(tmp_path, "requests", text)) == [expected]
    assert questions(read(tmp_path, "requests.md", f"\n{text}\n")) == [expected]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("r.jsonl", '{"question": "Größe 尺寸 🪨?"}\r\n'),
        ("r.json", '[\n{"question": "Größe 尺寸 🪨?"}\n]'),
        ("r.csv", "question\nGröße 尺寸 🪨?\n"),
        ("r.txt", "Größe 尺寸 🪨?"),
        ("r", '{"question": "Größe 尺寸 🪨?"}'),
    ],
)
def test_utf8_and_utf16_with_a_byte_order_mark_are_read(tmp_path: Path, name: str, text: str, encoding: str) -> None:
    assert questions(read(tmp_path, name, text.encode(encoding))) == ["Größe 尺寸 🪨?"]


def test_json_lines_that_were_put_together_may_have_a_byte_order_mark_in_the_middle(tmp_path: Path) -> None:
    assert questions(read(tmp_path, "r.jsonl", '\ufeff{"question": "Q1"}\n\ufeff{"question": "Q2"}\n')) == ["Q1", "Q2"]


def test_big_endian_utf16_is_read(tmp_path: Path) -> None:
    assert questions(read(tmp_path, "r.txt", b"\xfe\xff" + "Größe?\nZwei?\n".encode("utf-16-be"))) == [
        "Größe?",
        "Zwei?",
    ]


@pytest.mark.parametrize("name", ["r.jsonl", "r.json", "r.csv", "r.txt", "r"])
def test_an_empty_file_holds_no_requests(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, name, "") == []
    assert read(tmp_path, name, "\n \r\n") == []


@pytest.mark.parametrize(
    ("written", "answer"),
    [("7", "7"), ("1.50", "1.50"), ("1e3", "1e3"), ("true", "true"), ('"x"', "x"), ("null", None)],
)
def test_an_answer_becomes_text_as_it_was_written(tmp_path: Path, written: str, answer: str | None) -> None:
    assert read(tmp_path, "r.jsonl", f'{{"question": "Q", "answer": {written}}}') == [
        Request.plain(id="1", question="Q", answer=answer)
    ]


def test_a_number_of_ten_thousand_digits_is_an_answer(tmp_path: Path) -> None:
    items = read(tmp_path, "r.jsonl", '{"question": "Q", "answer": ' + "9" * 10_000 + "}")
    assert items == [Request.plain(id="1", question="Q", answer="9" * 10_000)]


# Bad lines

GOOD = '{"question": "fine"}'
BAD_LINES = {
    '{"question": "half': "not JSON",
    '{"answer": "3"}': "no `question`",
    '{"question": null}': "no `question`",
    '{"question": 5}': "not a string",
    '{"question": ["Q"]}': "not a string",
    '{"question": ""}': "empty",
    '{"question": " \\n"}': "empty",
    '["question"]': "not a JSON object",
    '"question"': "not a JSON object",
    "7": "not a JSON object",
    '{"question": "Q", "answer": NaN}': "NaN",
    '{"question": "Q", "id": {}}': "id is neither",
    '{"question": "Q", "task": {}}': "task is neither",
    "[" * 100_000: "nested",
    f'{{"question": "{"x" * (MAX_QUESTION_CHARS + 1)}"}}': f"{MAX_QUESTION_CHARS} are allowed",
    f'{{"question": "Q", "more": "{"x" * MAX_LINE_CHARS}"}}': "longer than",
}


@pytest.mark.parametrize("bad", BAD_LINES, ids=BAD_LINES.values())
def test_a_bad_json_line_does_not_cost_the_others(tmp_path: Path, bad: str) -> None:
    items = read(tmp_path, "r.jsonl", f"{GOOD}\n{bad}\n{GOOD}\n")
    assert BAD_LINES[bad] in why(items, 2)
    assert [item.id for item in items if isinstance(item, Request)] == ["1", "3"]


def test_a_half_first_line_does_not_cost_the_others(tmp_path: Path) -> None:
    for name in ("r.jsonl", "r.json", "r"):
        assert "not JSON" in why(read(tmp_path, name, f'{{"question": "half\n{GOOD}\n'), 1)


def test_a_question_of_the_greatest_length_is_read(tmp_path: Path) -> None:
    question = "\N{ROCK}" * MAX_QUESTION_CHARS
    assert questions(read(tmp_path, "r.jsonl", json.dumps({"question": question}))) == [question]
    assert questions(read(tmp_path, "r.csv", f"question\n{question}\n")) == [question]


def test_a_question_that_is_too_long_is_unreadable_in_every_format(tmp_path: Path) -> None:
    question = "x" * (MAX_QUESTION_CHARS + 1)
    assert "are allowed" in why(read(tmp_path, "r.txt", f"{question}\nfine\n"), 1)
    assert "limit" in why(read(tmp_path, "r.csv", f"question\n{question}\nfine\n"), 2)
    assert "are allowed" in why(read(tmp_path, "r.json", json.dumps([{"input": question}, {"input": "fine"}])), 1)


def test_an_endless_line_of_text_is_passed_over(tmp_path: Path) -> None:
    assert "are allowed" in why(read(tmp_path, "r.txt", "x" * (2 * MAX_LINE_CHARS + 3) + "\nfine\n"), 1)


def test_an_id_that_was_used_before_is_unreadable(tmp_path: Path) -> None:
    items = read(
        tmp_path, "r.jsonl", '{"id": "a", "question": "Q1"}\n{"id": "a", "question": "Q2"}\n{"question": "Q3"}\n'
    )
    assert "'a'" in why(items, 2)


def test_a_request_without_an_id_makes_room_for_those_that_have_one(tmp_path: Path) -> None:
    rows = '{"id": 2, "question": "Q1"}\n{"question": "Q2"}\n{"id": "line 3", "question": "Q3"}\n{"question": "Q4"}\n'
    items = read(tmp_path, "r.jsonl", rows)
    assert [item.id for item in items if isinstance(item, Request)] == ["2", "line 2", "line 3", "4"]


LATER = '{"question": "Q1"}\n{"id": "1", "question": "Q2"}\n{"id": "1", "question": "Q3"}\n{"question": "Q4"}\n'


def test_an_id_that_a_later_line_of_the_file_gives_is_left_to_that_line(tmp_path: Path) -> None:
    items = read(tmp_path, "r.jsonl", LATER)
    assert [item.id for item in items if isinstance(item, Request)] == ["line 1", "1", "4"]
    assert why(items, 3) == "its id '1' is that of line 2 already: ids must differ"
    items = read(tmp_path, "r.csv", "question,id\nQ1,\nQ2,2\nQ3,line 2\n")
    assert [item.id for item in items if isinstance(item, Request)] == ["line line 2", "2", "line 2"]


def test_in_a_stream_an_id_that_an_earlier_line_got_as_its_number_is_unreadable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LATER.encode())))
    items = list(read_requests("-"))
    assert [item.id for item in items if isinstance(item, Request)] == ["1", "4"]
    assert {item.line: item.why for item in items if isinstance(item, Unreadable)} == dict.fromkeys(
        (2, 3), "its id '1' is that of line 1 already: ids must differ"
    )


def test_a_line_of_plain_text_that_was_cut_is_reported_with_the_bound_and_no_count(tmp_path: Path) -> None:
    items = read(tmp_path, "long.txt", f"What is it?\n{'x' * (MAX_LINE_CHARS + 50)}\nAnd this?\n")
    assert why(items, 2) == f"its question has more than {MAX_LINE_CHARS} characters; {MAX_QUESTION_CHARS} are allowed"
    assert [item.id for item in items if isinstance(item, Request)] == ["1", "3"]


def test_a_lone_surrogate_that_is_properly_escaped_is_read_beside_a_byte_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_bytes(b'[{"question": "a \\udc80"}, {"question": "caf\xe9"}]')
    items = list(read_requests(tmp_path / "r.json"))
    assert items[0] == Request.plain(id="1", question="a \udc80")
    assert why(items, 2).startswith("it is not UTF-8 (byte 0xE9)")


def test_an_unreadable_line_leaves_its_id_free(tmp_path: Path) -> None:
    items = read(tmp_path, "r.jsonl", '{"id": "a", "question": ""}\n{"id": "a", "question": "Q2"}\n')
    assert "empty" in why(items, 1)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("r.jsonl", b'{"question": "fine"}\n{"question": "', b'"}\n{"question": "fine"}\n'),
        ("r.txt", b"fine\n", b"\nfine\n"),
        ("r.csv", b"question\n", b"\nfine\n"),
        ("r.json", b'[{"question": "fine"},{"question": "', b'"}]'),
    ],
)
def test_a_line_that_is_not_utf8_names_the_conversion(tmp_path: Path, name: str, before: bytes, after: bytes) -> None:
    reason = why(read(tmp_path, name, before + "Größe".encode("windows-1252") + after), 2)
    assert "0xF6" in reason
    assert "iconv -f WINDOWS-1252 -t UTF-8" in reason


@pytest.mark.parametrize(
    ("row", "reason"),
    [("a,b", "2 cells"), ('"a"b', "broken"), ('""', "empty")],
)
def test_a_bad_csv_row_does_not_cost_the_others(tmp_path: Path, row: str, reason: str) -> None:
    assert reason in why(read(tmp_path, "r.csv", f"question\n{row}\nfine\n"), 2)


def test_blank_lines_before_a_csv_header_are_counted(tmp_path: Path) -> None:
    assert "2 cells" in why(read(tmp_path, "r.csv", "\n\nquestion\nfine\na,b\n"), 5)


def test_a_stray_nul_is_a_character_of_its_question(tmp_path: Path) -> None:
    for name, header in (("r.txt", ""), ("r.csv", "question\n")):
        lines = ["fine", "a\x00b", *["fine"] * 40_000, "c\x00d"]
        assert questions(read(tmp_path, name, header + "\n".join(lines))) == lines


# Bad files


def refused(path: Path | str) -> InputError:
    with pytest.raises(InputError) as caught:
        list(read_requests(path))
    assert caught.value.hint
    return caught.value


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    assert "no file" in refused(tmp_path / "none.jsonl").message


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert "folder" in refused(tmp_path).message


def test_a_path_that_cannot_be_one_is_refused() -> None:
    assert "cannot be opened" in refused("a\x00b").message
    assert "cannot be opened" in refused("x" * 5000).message


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.jsonl"
    path.write_text(GOOD)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("the superuser may read everything")
    assert "may not read" in refused(path).message


def test_a_file_that_fails_while_it_is_read_is_refused() -> None:
    path = Path("/proc/self/mem")  # opens, and then gives an input/output error
    if not path.exists():
        pytest.skip("no such file on this system")
    assert "to its end" in refused(path).message


BAD_FILES = {
    "picture.txt": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "binary"),
    "packed.jsonl": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xabV", "to its end"),
    "little.txt": ("What is it?\nAnd this?\n".encode("utf-16-le"), "UTF-16LE without"),
    "big.txt": ("What is it?\nAnd this?\n".encode("utf-16-be"), "UTF-16BE without"),
    "wide.txt": ("What is it?".encode("utf-32"), "UTF-32"),
    "cut.txt": ("What is it?".encode("utf-16")[:-1], "to its end"),
    "broken.json": (b'[{"question": "Q1"},\n{"question"\n', "not valid JSON"),
    "trailing.json": (b'[{"question": "Q1"}]\n{"question": "Q2"}\n', "not valid JSON"),
    "nested.json": (b"[" * 100_000, "not valid JSON"),
    "shape.json": (b'{"examples": {"input": "Q"}}', "no list"),
    "headless.csv": (b"What is it?,4\n", "no column"),
    "twice.csv": (b"question,answer,Question\nQ,A,R\n", "two columns"),
    "quote.csv": (b'"question\n', "header"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_what_is_wrong_with_the_whole_file_is_said(tmp_path: Path, name: str) -> None:
    content, message = BAD_FILES[name]
    (tmp_path / name).write_bytes(content)
    assert message in refused(tmp_path / name).message


# Standard input

ECHO = """
from hammerstone.requests import read_requests
for item in read_requests("-"):
    print(item, flush=True)
"""


def test_standard_input_is_answered_as_lines_come() -> None:
    # Our own interpreter on a source of our own.
    with subprocess.Popen(
        [sys.executable, "-c", ECHO], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for number in (1, 2, 3):
            process.stdin.write(f'{{"question": "Q{number}"}}\n')
            process.stdin.flush()
            assert f"Q{number}" in process.stdout.readline()
        process.stdin.close()
        assert process.stdout.read() == ""


@pytest.mark.parametrize("text", ['{"examples": [\n{"input": "Q"}\n]}', "question\nQ\n", "Q", "[\n", ""])
def test_standard_input_is_reported_by_its_first_line(text: str) -> None:
    done = subprocess.run([sys.executable, "-c", ECHO], input=text, capture_output=True, text=True, check=False)
    if text == "[\n":
        assert "not valid JSON" in done.stderr
    else:
        assert done.stdout == (
            f"{Request.plain(id='2' if 'question' in text else '1', question='Q')}\n" if text else ""
        )


def test_a_replaced_standard_input_is_read_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Q1\nQ2\n")))
    assert questions(list(read_requests("-"))) == ["Q1", "Q2"]


def test_standard_input_stays_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"Q1\n"))))
    assert questions(list(read_requests("-"))) == ["Q1"]
    assert not sys.stdin.closed
    assert not sys.stdin.buffer.closed


# Writing, and properties

TEXTS = st.text(st.characters(exclude_categories=()), min_size=1).filter(str.strip)
INSTANCES = st.builds(
    Instance,
    question=TEXTS,
    answer=TEXTS,
    source=st.just(Source.CALLER),
)


@given(st.lists(INSTANCES, max_size=5), st.sampled_from(["jsonl", "bigbench"]))
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, instances: list[Instance], form: InstanceForm
) -> None:
    stream = io.StringIO()
    write_instances(instances, stream, form)
    path = tmp_path_factory.getbasetemp() / ("written.jsonl" if form == "jsonl" else "written.json")
    path.write_bytes(stream.getvalue().encode(errors="backslashreplace"))  # JSON's own escapes for half a character
    read_back = [item for item in read_requests(path) if isinstance(item, Request)]
    assert [(item.question, item.answer) for item in read_back] == [(i.question, i.answer) for i in instances]


def test_a_bigbench_file_is_written_as_such() -> None:
    stream = io.StringIO()
    write_instances([Instance(question="Q", answer="A", source=Source.SOLVER)], stream, "bigbench")
    assert json.loads(stream.getvalue()) == {"examples": [{"input": "Q", "target": "A"}]}


@given(st.binary(max_size=80), st.sampled_from([".jsonl", ".json", ".csv", ".tsv", ".txt", ""]))
def test_any_bytes_are_requests_or_unreadable_or_an_input_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(content)
    for item in tolerant(path):
        assert isinstance(item, Unreadable) or item.question.strip()
        json.dumps(str(item)).encode()


def tolerant(path: Path) -> list[Request | Unreadable]:
    """What can be read; an `InputError` is an allowed end, any other error is not."""
    try:
        return list(read_requests(path))
    except InputError:
        return []


PIECES = st.lists(
    st.sampled_from(['{"question"', ":", '"Q"', "}", "[", "]", "{", ",", "\n", '"', "question", "1", "é"])
)


@given(PIECES, st.sampled_from([".jsonl", ".json", ".csv", ".tsv", ".txt", ""]))
def test_broken_formats_never_break_the_reader(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[str], suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"pieces{suffix}"
    path.write_bytes("".join(pieces).encode("latin-1"))
    assert all(item.question.strip() for item in tolerant(path) if isinstance(item, Request))


@given(
    st.lists(st.text(string.printable.replace("\n", "").replace("\r", ""), min_size=1).filter(str.strip), min_size=1)
)
def test_plain_lines_come_out_as_they_went_in(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "plain.txt"
    path.write_bytes("\n".join(lines).encode())
    assert questions(list(read_requests(path))) == lines
