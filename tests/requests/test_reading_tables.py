"""Tables as spreadsheets write them; a stray quote costs its own row alone."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.errors import InputError
from hammerstone.requests import Unreadable, read_requests
from hammerstone.types import Request

WORDS = "Sort the following words alphabetically: List: pear fig"
EXPECTED = [Request.plain(id="a1", question=WORDS, answer="fig, pear; kiwi")]


def read(folder: Path, name: str, content: str | bytes) -> list[Request | Unreadable]:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_requests(path))


def table(delimiter: str, end: str = "\n") -> str:
    return f'id{delimiter}question{delimiter}answer{end}a1{delimiter}{WORDS}{delimiter}"fig, pear; kiwi"{end}'


@pytest.mark.parametrize("name", ["r.csv", "r.tsv", "r.tab", "r.txt", "r.md", "r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header(tmp_path: Path, name: str, delimiter: str) -> None:
    assert read(tmp_path, name, table(delimiter)) == EXPECTED


@pytest.mark.parametrize("name", ["r.csv", "r.txt", "r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"'])
def test_excels_first_line_names_the_delimiter(tmp_path: Path, name: str, encoding: str, first: str) -> None:
    lines = table(";", "\r\n")
    assert read(tmp_path, name, f"{first}\r\n{lines}".encode(encoding)) == EXPECTED


def test_excels_unicode_text_is_a_table(tmp_path: Path) -> None:
    assert read(tmp_path, "r.txt", table("\t", "\r\n").encode("utf-16")) == EXPECTED


@pytest.mark.parametrize(
    "sentence",
    [
        "Input, process, and output: what comes first?",
        "Input, process, output",
        "question: what is it; who says so?",
        "Is the question, then, an answer",
        "What\tis the question",
    ],
)
@pytest.mark.parametrize("name", ["r.txt", "r"])
def test_a_sentence_with_commas_is_no_header(tmp_path: Path, name: str, sentence: str) -> None:
    items = read(tmp_path, name, f"{sentence}\nsecond\n")
    assert [item.question for item in items if isinstance(item, Request)] == [sentence, "second"]


def test_a_line_of_one_word_in_a_text_file_is_a_question(tmp_path: Path) -> None:
    assert len(read(tmp_path, "r.txt", "question\nsecond\n")) == 2


def test_a_column_is_not_dropped_where_a_cell_of_it_could_change_the_answer(tmp_path: Path) -> None:
    items = read(tmp_path, "r.csv", "id,question,notes\n1,Q,in capitals\n2,R,\n3,S,7\n")
    assert isinstance(items[0], Unreadable)
    assert "could change the answer: `notes`" in items[0].why
    assert items[1:] == [Request.plain(id="2", question="R"), Request.plain(id="3", question="S")]


def test_the_numbered_column_of_a_data_frame_is_ignored(tmp_path: Path) -> None:
    assert read(tmp_path, "r.csv", ",question,answer\n0,Q,A\n") == [Request.plain(id="2", question="Q", answer="A")]


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20).filter(str.strip)


@given(st.lists(st.tuples(CELLS, CELLS), max_size=5), st.sampled_from([",", ";", "\t", "|"]))
def test_a_well_formed_table_is_read_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], delimiter: str
) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter).writerows([("question", "answer"), *rows])
    path = tmp_path_factory.getbasetemp() / "well-formed.csv"
    path.write_bytes(stream.getvalue().encode())
    items = [item for item in read_requests(path) if isinstance(item, Request)]
    assert [(item.question, item.answer) for item in items] == rows


STRAY = {
    "open quote": '1,"open,x\n',
    "open quote at the end": '1,open,"x\n',
    "text behind a quote": '1,"open"x,y\n',
    "quote in a quoted cell": '1,"a "b" c",x\n',
}


@pytest.mark.parametrize("stray", STRAY.values(), ids=STRAY)
@pytest.mark.parametrize("rows", [0, 1, 5])
@pytest.mark.parametrize("quoted", [False, True])
def test_a_stray_quote_costs_its_own_row_alone(tmp_path: Path, stray: str, rows: int, quoted: bool) -> None:
    good = [f'{number},"Sort: b, a","a, b"\n' if quoted else f"{number},Sort: b a,a b\n" for number in range(2, 12)]
    items = read(tmp_path, "r.csv", "id,question,answer\n" + "".join([*good[:rows], stray, *good[rows:]]))
    assert [item.line for item in items if isinstance(item, Unreadable)] == [rows + 2]
    assert [item.id for item in items if isinstance(item, Request)] == [str(number) for number in range(2, 12)]


def test_several_stray_quotes_cost_their_own_rows(tmp_path: Path) -> None:
    quotes = ('"' if number % 3 == 0 else "" for number in range(1, 10))
    rows = "".join(f"{number},{quote}Q{number},x\n" for number, quote in enumerate(quotes, 1))
    items = read(tmp_path, "r.csv", f"id,question,answer\n{rows}")
    assert [item.line for item in items if isinstance(item, Unreadable)] == [4, 7, 10]
    assert [item.id for item in items if isinstance(item, Request)] == ["1", "2", "4", "5", "7", "8"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_rows_between_two_stray_quotes_are_not_lost(tmp_path: Path, delimiter: str) -> None:
    rows = 'id,question,answer\n1,"open,x\n2,b,c\n3,d,"\n4,e,f\n'
    items = read(tmp_path, "r.csv", rows.replace(",", delimiter))
    assert {item.line for item in items if isinstance(item, Unreadable)} == {2, 4}
    assert [item.id for item in items if isinstance(item, Request)] == ["2", "4"]


@pytest.mark.parametrize("text", ["Sort these:\npear, fig\napple, kiwi", "a\nb, c", "\na, b\nc"])
def test_the_lines_of_a_cell_in_a_row_with_too_few_are_no_rows(tmp_path: Path, text: str) -> None:
    bad, good = read(tmp_path, "r.csv", f'question,answer\n"{text}"\nfine,x\n')
    assert isinstance(bad, Unreadable)
    assert "1 cells under 2 columns" in bad.why
    assert isinstance(good, Request)


@pytest.mark.parametrize("name", ["r.csv", "r.tsv"])
def test_a_byte_order_mark_inside_a_cell_is_a_character_of_it(tmp_path: Path, name: str) -> None:
    (item,) = read(tmp_path, name, '\ufeffquestion\n"one\n\ufefftwo"\n')
    assert isinstance(item, Request)
    assert item.question == "one\n\ufefftwo"


def test_the_end_of_a_broken_cell_is_no_row(tmp_path: Path) -> None:
    items = read(tmp_path, "r.csv", 'id,question\n1,"one\ntwo"x,y\n3,fine\n')
    assert [item.line for item in items if isinstance(item, Unreadable)] == [2, 3]
    assert items[-1] == Request.plain(id="3", question="fine")


def test_a_quote_inside_a_cell_is_a_character(tmp_path: Path) -> None:
    items = read(tmp_path, "r.csv", 'id,question\n1,a 5" pipe\n2,he said "no"\n')
    assert [item.question for item in items if isinstance(item, Request)] == ['a 5" pipe', 'he said "no"']


def test_thousands_of_stray_quotes_cost_no_more_than_their_lines(tmp_path: Path) -> None:
    items = read(tmp_path, "r.csv", "question,answer\n" + '"x,y\n' * 5_000 + "fine,z\n")
    assert len(items) == 5_001
    assert items[-1] == Request.plain(id="5002", question="fine", answer="z")


def test_a_row_of_a_million_cells_costs_itself_alone(tmp_path: Path) -> None:
    bad, good = read(tmp_path, "r.csv", "question,answer\n" + "," * 1_000_000 + "\nfine,x\n")
    assert isinstance(bad, Unreadable)
    assert "1000001 cells under 2 columns" in bad.why
    assert isinstance(good, Request)


def test_a_header_of_a_million_columns_is_refused(tmp_path: Path) -> None:
    header = "question," + ",".join(f"c{number}" for number in range(1_000_000))
    with pytest.raises(InputError, match="the header of the table cannot be read"):
        read(tmp_path, "r.csv", header)
