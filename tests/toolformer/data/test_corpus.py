"""Texts of all kinds become documents; what is wrong with one of them is counted."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from hammerstone.errors import InputError, SettingsError
from hammerstone.toolformer.corpus_document import CorpusDocument
from hammerstone.toolformer.data.corpus import CorpusSettings, build_corpus, open_dataset
from hammerstone.toolformer.data.piece_selection import NearText
from hammerstone.toolformer.near_questions import EvaluationQuestions
from hammerstone.toolformer.shards import read_shards
from hammerstone.toolformer.stage_folder import shard_paths
from hammerstone.toolformer.stage_progress import StageProgress

SUM = "Out of 1400 participants, 400 (or 29%) passed the test, we are told."
PLAIN = "The name derives from la tortuga, the Spanish word for turtle, see above."
ANY = CorpusSettings(min_tokens=1)


def lines(path: Path, *rows: Mapping[str, object] | str | bytes) -> Path:
    """A file of JSON lines; text and bytes stand in it as they are."""
    written = [
        row if isinstance(row, bytes) else (row if isinstance(row, str) else json.dumps(row)).encode() for row in rows
    ]
    path.write_bytes(b"".join(line + b"\n" for line in written))
    return path


def build(
    target: Path, *sources: str | Path, apis: Sequence[str] = (), settings: CorpusSettings = ANY, **more: Any
) -> tuple[list[CorpusDocument], Counter[str]]:
    counts = build_corpus(sources, target, apis, settings, **more)
    return [*read_shards(target)], counts


def texts(documents: Sequence[CorpusDocument]) -> dict[str, str]:
    return {document.id: document.text for document in documents}


# --- What is read ---


def test_a_text_file_is_one_text(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_text("One.\n\nTwo.\n")
    documents, counts = build(tmp_path / "out", file)
    assert documents == [CorpusDocument(id="a.txt:1", text="One.\n\nTwo.")]
    assert counts == {"read": 1, "pieces": 1, "kept": 1}


MEGABYTE = 1_000_000


def test_a_long_text_file_is_read_in_sections_that_end_with_a_blank_line(tmp_path: Path) -> None:
    paragraphs = [f"Paragraph {k} has\nsome words äöü." for k in range(80_000)]
    file = tmp_path / "a.txt"
    file.write_text("\n\n".join(paragraphs))
    documents, counts = build(tmp_path / "out", file, settings=CorpusSettings(max_tokens=MEGABYTE))
    assert counts["read"] >= 3
    assert [part for document in documents for part in document.text.split("\n\n")] == paragraphs
    assert [document.id for document in documents] == [f"a.txt:{k}" for k in range(1, counts["read"] + 1)]


@pytest.mark.parametrize("text", ["é", "日", "𝄞", "a", "ab ", "ab\n", "ab\r\n\r\n"])
def test_no_section_ends_within_a_character_or_a_word(tmp_path: Path, text: str) -> None:
    file = tmp_path / "a.txt"
    file.write_text("x" + text * (3 * MEGABYTE // len(text.encode())), newline="")
    documents, counts = build(tmp_path / "out", file, settings=CorpusSettings(min_tokens=0, max_tokens=3 * MEGABYTE))
    assert set(counts) <= {"read", "pieces", "kept", "dropped: same text as before"}
    assert counts["read"] >= 3
    assert set("".join(document.text for document in documents)) <= set("x" + text)
    assert {word.lstrip("x") for document in documents for word in document.text.split()} <= {text.strip()} or (
        text.strip() == text  # one word of megabytes
    )


def test_json_lines_have_ids_urls_and_dates(tmp_path: Path) -> None:
    file = lines(
        tmp_path / "a.jsonl",
        {"text": "one", "id": "x", "date": "2023-02-09T10:00:00Z"},
        "",
        {"text": "two", "id": 7, "url": "https://example.org/2020/01/31/x"},
        {"text": "three", "id": None, "url": None, "date": None, "more": [1]},
        {"text": "four", "date": "1999-01-02", "url": "https://example.org/2020/01/31/x"},
    )
    documents, counts = build(tmp_path / "out", file)
    assert documents == [
        CorpusDocument(id="x", text="one", date="2023-02-09"),
        CorpusDocument(id="7", text="two", date="2020-01-31"),
        CorpusDocument(id="a.jsonl:3", text="three"),
        CorpusDocument(id="a.jsonl:4", text="four", date="1999-01-02"),
    ]
    assert counts == {"read": 4, "pieces": 4, "kept": 4}


def test_the_fields_may_have_other_names(tmp_path: Path) -> None:
    file = lines(tmp_path / "a.jsonl", {"body": "one", "key": "x", "link": "/2020/01/31/", "when": "2020-02-01"})
    named = CorpusSettings(text_field="body", id_field="key", url_field="link", date_field="when", min_tokens=1)
    assert build(tmp_path / "out", file, settings=named)[0] == [CorpusDocument(id="x", text="one", date="2020-02-01")]


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.json.gz", "A.JSON.GZ", "a.txt.gz"])
def test_files_may_be_compressed(tmp_path: Path, name: str) -> None:
    text = "one" if name.endswith("txt.gz") else '{"text": "one"}\n'
    (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    assert texts(build(tmp_path / "out", tmp_path / name)[0]) == {f"{name}:1": "one"}


def test_parquet_is_read_by_its_columns(tmp_path: Path) -> None:
    when = datetime(2023, 2, 9, 10, tzinfo=UTC)
    table = pa.table(
        {
            "text": pa.array(["one", None, "three"]).dictionary_encode(),
            "id": [5, 6, 7],
            "date": [when, when, None],
            "url": pa.array([None, None, "/2020/01/31/"], pa.large_string()),
            "numbers": [[1], [2], [3]],
        }
    )
    pa.parquet.write_table(table, tmp_path / "a.parquet")
    documents, counts = build(tmp_path / "out", tmp_path / "a.parquet")
    assert documents == [
        CorpusDocument(id="5", text="one", date="2023-02-09"),
        CorpusDocument(id="7", text="three", date="2020-01-31"),
    ]
    assert counts == {"read": 3, "dropped: no text": 1, "pieces": 2, "kept": 2}


def test_parquet_that_is_not_utf_8_is_counted(tmp_path: Path) -> None:
    bad = pa.Array.from_buffers(pa.string(), 2, pa.array([b"\xff\xfe\xfd", b"good"], pa.binary()).buffers())
    pa.parquet.write_table(pa.table({"text": bad}), tmp_path / "a.parquet")
    documents, counts = build(tmp_path / "out", tmp_path / "a.parquet")
    assert [document.text for document in documents] == ["good"]
    assert counts["dropped: not UTF-8"] == 1


def test_a_folder_and_a_pattern_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("b/two.txt", "a/one.txt", "c.txt", "ignored.md", "b/.hidden"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_text(name)
    everything = {"a/one.txt:1": "a/one.txt", "b/two.txt:1": "b/two.txt", "c.txt:1": "c.txt"}
    assert texts(build(tmp_path / "out1", tmp_path / "in")[0]) == everything
    assert texts(build(tmp_path / "out2", f"{tmp_path}/in/**/*.txt")[0]) == everything
    assert texts(build(tmp_path / "out3", f"{tmp_path}/in/[ab]")[0]) == dict([*everything.items()][:2])


def test_a_file_that_is_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one")
    assert build(tmp_path / "out", tmp_path, tmp_path / "a.txt", f"{tmp_path}/*.txt")[1]["read"] == 1


def test_files_of_one_name_have_names_of_their_own(tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.txt").write_text(folder)
    documents, _ = build(tmp_path / "out", tmp_path / "y" / "a.txt", tmp_path / "x" / "a.txt")
    assert texts(documents) == {"y/a.txt:1": "y", "x/a.txt:1": "x"}


def test_anything_else_is_the_name_of_a_dataset(tmp_path: Path) -> None:
    asked: list[tuple[str, str]] = []

    def load(name: str, split: str) -> Iterator[Mapping[str, object]]:
        asked.append((name, split))
        yield from ({"text": "one"}, {"text": "two", "id": 3})

    documents, _ = build(
        tmp_path / "out", "owner/name:small", settings=CorpusSettings(split="test", min_tokens=1), load=load
    )
    assert asked == [("owner/name:small", "test")]
    assert texts(documents) == {"owner/name:small:1": "one", "3": "two"}


def test_a_dataset_is_streamed_by_the_library(tmp_path: Path) -> None:
    lines(tmp_path / "train.jsonl", {"text": "one", "n": 1}, {"text": "two"})
    assert [row["text"] for row in open_dataset(str(tmp_path), "train")] == ["one", "two"]


def test_a_dataset_is_shuffled_by_seed(tmp_path: Path) -> None:
    lines(tmp_path / "train.jsonl", *({"text": f"{k}"} for k in range(50)))
    drawn = [[row["text"] for row in open_dataset(str(tmp_path), "train", seed=seed)] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert sorted(map(int, map(str, drawn[0]))) == [*range(50)] != [*map(int, map(str, drawn[0]))]


def test_a_dataset_that_cannot_be_read_is_reported_with_a_hint(tmp_path: Path) -> None:
    def load(name: str, split: str) -> Iterator[Mapping[str, object]]:
        yield {"text": f"{name} {split}"}
        raise ConnectionError("the hub is out of reach")

    with pytest.raises(SettingsError, match=r"owner/name .split train. cannot be read: the hub") as caught:
        build(tmp_path / "out", "owner/name", load=load)
    assert "connection" in caught.value.hint
    with pytest.raises(SettingsError, match="cannot be read"):
        build(tmp_path / "out", "owner/name", load=lambda _name, _split: open_dataset(str(tmp_path), "none"))


# --- Bad input ---


def test_what_is_no_text_is_counted_and_the_rest_goes_on(tmp_path: Path) -> None:
    file = lines(
        tmp_path / "a.jsonl",
        {"text": "good"},
        "{",
        "17",
        '"text"',
        '{"text": ' + "[" * 100_000,
        {"text": ""},
        {"text": " \n"},
        {"text": 5},
        {"text": None},
        {},
        {"text": " good "},
        {"text": "better", "id": "a"},
        {"text": "best", "id": "a"},
        {"text": "dated", "date": "last week"},
    )
    documents, counts = build(tmp_path / "out", file)
    assert texts(documents) == {"a.jsonl:1": "good", "a": "better", "a.jsonl:13": "best", "a.jsonl:14": "dated"}
    assert counts == {
        "read": 14,
        "dropped: not a JSON object": 4,
        "dropped: no text": 5,
        "dropped: same text as before": 1,
        "repaired: id given before": 1,
        "repaired: unreadable date left out": 1,
        "pieces": 4,
        "kept": 4,
    }


def test_a_line_beyond_all_measure_is_passed_over(tmp_path: Path) -> None:
    file = lines(tmp_path / "a.jsonl", {"text": "x" * (1 << 24)}, {"text": "good"}, {"text": "y" * ((1 << 24) - 13)})
    documents, counts = build(tmp_path / "out", file)
    assert [document.text[:4] for document in documents] == ["good", "yyyy"]
    assert counts["dropped: not a JSON object"] == 1


def test_invalid_utf_8_is_repaired_or_dropped_and_counted(tmp_path: Path) -> None:
    good = b'{"text": "' + b"many good words " * 20
    file = lines(
        tmp_path / "a.jsonl",
        good + b'and one caf\xe9"}',
        good + rb'and half a pair \ud83d"}',
        good + rb'and a whole one \ud83d\ude00"}',
        '{"text": "Grüße aus Köln, schöne Füße"}'.encode("latin-1"),
        b"\xff\xfe\x00binary",
        b'\xef\xbb\xbf{"text": "after a byte order mark", "id": "\xff\\ud800", "url": "\xff"}',
    )
    documents, counts = build(tmp_path / "out", file)
    assert [document.text[-8:] for document in documents] == [
        "one caf\ufffd",
        "a pair \ufffd",
        "le one \U0001f600",
        "der mark",
    ]
    assert documents[-1].id == "\ufffd\ufffd"
    assert counts["repaired: invalid UTF-8"] == 2
    assert counts["dropped: not UTF-8"] == 1
    assert counts["dropped: not a JSON object"] == 1
    assert counts["kept"] == 4


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\xff\xfe\xfd", "Grüße".encode("utf-16")])
def test_a_text_file_that_is_none_is_dropped(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    (tmp_path / "b.txt").write_text("\ufeffgood")
    documents, counts = build(tmp_path / "out", tmp_path)
    assert texts(documents) == {"b.txt:1": "good"}
    assert counts["dropped: not UTF-8"] == 1


def test_brackets_and_arrows_of_a_document_stay_as_they_are(tmp_path: Path) -> None:
    text = "See [1] and a -> b, [Calculator] (no call) and [Other(1) -> 2]."
    file = lines(tmp_path / "a.jsonl", {"text": text}, {"text": "so [QA(who?) -> me] it is"}, {"text": "[QA(who?)]"})
    documents, counts = build(tmp_path / "out", file, apis=["QA"])
    assert [document.text for document in documents] == [text]
    assert counts["dropped: holds a call of its own"] == 2


def test_a_text_near_an_evaluation_question_is_left_out_counted_and_reported(tmp_path: Path) -> None:
    asked = EvaluationQuestions(["A farmer sells 12 eggs a day at 3 dollars each."])
    rows = [{"id": "far", "text": "Hens lay eggs."}, {"id": "near", "text": "A farmer sells 7 eggs a day, at 2."}]
    file, near = lines(tmp_path / "a.jsonl", *rows), list[NearText]()
    documents, counts = build(tmp_path / "out", file, questions=asked, on_near=near.append)
    assert [one.id for one in documents] == ["far"]
    assert counts == {"read": 2, "pieces": 2, "kept": 1, "dropped: near an evaluation question": 1}
    assert near == [NearText("A farmer sells 7 eggs a day, at 2.", "a farmer sells 0 eggs a day at")]
    with pytest.raises(InputError, match="other settings"):
        build(tmp_path / "out", file, questions=EvaluationQuestions(["How many eggs does she sell today?"]))
    kept = replace(ANY, near_questions="keep")
    assert len(build(tmp_path / "kept", file, settings=kept, questions=asked)[0]) == 2


@pytest.mark.parametrize("rows", [[], [{"text": ""}], ["", ""], [{"text": "short"}]])
def test_an_empty_corpus_is_reported_with_a_hint_and_leaves_no_folder(tmp_path: Path, rows: list[Any]) -> None:
    file = lines(tmp_path / "a.jsonl", *rows)
    with pytest.raises(InputError, match="the corpus contains no document") as caught:
        build(tmp_path / "out", file, settings=CorpusSettings())
    assert caught.value.hint
    assert not (tmp_path / "out").exists()


def test_an_empty_file_among_others_is_nothing(tmp_path: Path) -> None:
    for name, text in {"a.txt": "", "b.txt": "\n\n", "c.txt": "one"}.items():
        (tmp_path / name).write_text(text)
    assert build(tmp_path / "out", tmp_path)[1] == {"read": 1, "pieces": 1, "kept": 1}


def test_a_corpus_without_the_field_of_the_text_is_told_which_setting_to_give(tmp_path: Path) -> None:
    file = lines(tmp_path / "a.jsonl", {"body": "one"}, {"body": "two"})
    with pytest.raises(InputError, match="no text 2") as caught:
        build(tmp_path / "out", file)
    assert "text_field" in caught.value.hint


def a_table(path: Path) -> None:
    pa.parquet.write_table(pa.table({"body": ["one"], "x": [1]}), path)


def a_broken_table(path: Path) -> None:
    a_table(path)
    path.write_bytes(path.read_bytes()[:-9])


BROKEN_GZIP = gzip.compress(b'{"text": "one"}\n' * 1000)[:-20]


@pytest.mark.parametrize(
    ("name", "make", "why", "hint"),
    [
        ("none.txt", lambda _: None, "no file", "path"),
        ("./none", lambda _: None, "no file", "path"),
        ("*.txt", lambda _: None, "no file matches", "quotes"),
        ("folder", Path.mkdir, "contains no texts", ".jsonl"),
        ("a.csv", Path.touch, "unsupported file ending", ".jsonl"),
        ("a.parquet", a_table, "no column 'text'", "body, x"),
        ("a.parquet", a_broken_table, "cannot be read", "complete"),
        ("a.parquet", Path.touch, "cannot be read", "complete"),
        ("a.json", lambda path: path.write_text('[\n{"text": "one"}]'), "JSON array", "jq"),
        ("a.jsonl.gz", lambda path: path.write_bytes(BROKEN_GZIP), "cannot be read", "complete"),
        ("a.jsonl.gz", lambda path: path.write_text("not compressed"), "cannot be read", "complete"),
    ],
)
def test_a_source_that_cannot_be_read_is_reported_with_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, make: Any, why: str, hint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / name)
    with pytest.raises(InputError, match=why) as caught:
        build(tmp_path / "out", name)
    assert hint in caught.value.hint
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch(mode=0)
    with pytest.raises(InputError, match="Permission denied"):
        build(tmp_path / "out", tmp_path / "a.txt")


@pytest.mark.parametrize(
    "wrong", [{"max_tokens": 0, "min_tokens": 0}, {"min_tokens": 600}, {"min_tokens": -1}, {"limit": 0}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(SettingsError) as caught:
        CorpusSettings(**wrong)  # type: ignore[arg-type]
    assert caught.value.hint


def test_mt_needs_something_that_tells_languages_apart(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="language identification"):
        build(tmp_path / "out", "owner/name", apis=["MT"])


FULL = """
import resource, sys
from pathlib import Path
from hammerstone.errors import OperatorError
from hammerstone.toolformer.data import corpus
size = 150_000
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
rows = [{"text": f"document {k} " + "word " * (10 if k < 1000 else 500)} for k in range(2000)]
try:
    corpus.build_corpus(["x"], Path(sys.argv[1]), [], corpus.CorpusSettings(), load=lambda *_: rows)
except OperatorError as error:
    print(error.message, "|", error.hint)
"""


def test_a_full_disk_is_reported_and_finished_shards_stay(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"cannot write {tmp_path / '00002.jsonl'}: File too large | free some space")
    assert len([*read_shards(tmp_path)]) == 1000
    assert not [*tmp_path.glob(".*")]


# --- What is kept ---


def test_a_document_knows_the_tools_that_it_is_good_for(tmp_path: Path) -> None:
    file = lines(
        tmp_path / "a.jsonl",
        {"text": SUM},
        {"text": PLAIN, "url": "https://example.org/2020/01/31/x"},
        {"text": SUM + " Really.", "date": "2020-01-31"},
        {"text": PLAIN + " Really.", "url": "https://example.org/blog/post-12"},
    )
    documents, counts = build(tmp_path / "out", file, apis=["Calculator", "Calendar"])
    assert [document.apis for document in documents] == [("Calculator",), ("Calendar",), ("Calculator", "Calendar")]
    assert counts == {
        "read": 4,
        "pieces": 4,
        "kept": 3,
        "kept: Calculator: result of two others": 2,
        "kept: Calendar: date in the URL": 1,
        "kept: Calendar: date in the data": 1,
        "dropped: good for no tool": 1,
    }


def test_every_document_is_good_for_a_tool_of_ones_own(tmp_path: Path) -> None:
    documents, counts = build(tmp_path / "out", lines(tmp_path / "a.jsonl", {"text": PLAIN}), apis=["Mine", "Calendar"])
    assert [document.apis for document in documents] == [("Mine",)]
    assert counts["kept: Mine: every document"] == 1


def test_mt_keeps_what_holds_another_language(tmp_path: Path) -> None:
    def by_case(text: str) -> tuple[str, float]:
        return ("es" if text.isupper() else "en", 1.0)

    file = lines(tmp_path / "a.jsonl", {"text": "word " * 12 + "PALABRA " * 12 + "word " * 12}, {"text": "word " * 36})
    documents, _ = build(tmp_path / "out", file, apis=["MT"], identify=by_case)
    assert [document.id for document in documents] == ["a.jsonl:1"]


def test_long_texts_are_cut_before_they_are_judged(tmp_path: Path) -> None:
    text = f"{SUM} {PLAIN} {PLAIN} Yes. {SUM}"
    file = lines(tmp_path / "a.jsonl", {"text": text, "id": "a", "date": "2020-01-31"})
    settings = CorpusSettings(max_tokens=13)
    documents, counts = build(tmp_path / "out", file, apis=["Calculator"], settings=settings)
    assert texts(documents) == {"a#1": SUM, "a#5": SUM}
    assert {document.date for document in documents} == {"2020-01-31"}
    assert counts["pieces"] == 5
    assert counts["dropped: too short"] == 1
    assert counts["dropped: good for no tool"] == 2


def test_pieces_are_measured_by_the_tokens_that_are_given(tmp_path: Path) -> None:
    file = lines(tmp_path / "a.jsonl", {"text": "One two. Three four. Five."})
    documents, _ = build(tmp_path / "out", file, settings=CorpusSettings(min_tokens=6, max_tokens=12), count_tokens=len)
    assert [document.text for document in documents] == ["One two.", "Three four."]


def test_a_limit_ends_the_stage(tmp_path: Path) -> None:
    def load(_name: str, _split: str) -> Iterator[Mapping[str, object]]:
        yield {"text": "A b c. D e f. G h i."}
        yield {"text": "J k l. M n o. P q r."}
        raise AssertionError("read on")

    limited = CorpusSettings(min_tokens=1, max_tokens=3, limit=5)
    documents, counts = build(tmp_path / "out", "x", settings=limited, load=load)
    assert [document.text for document in documents] == ["A b c.", "D e f.", "G h i.", "J k l.", "M n o."]
    assert counts == {"read": 2, "pieces": 5, "kept": 5}


def names(documents: Sequence[CorpusDocument]) -> list[str]:
    return [document.id for document in documents]


def test_a_limit_samples_the_texts_of_files_by_seed(tmp_path: Path) -> None:
    file = many(tmp_path / "a.jsonl", 300)
    drawn = [
        build(tmp_path / f"{seed}", file, settings=CorpusSettings(min_tokens=1, limit=40, seed=seed)) for seed in (0, 1)
    ]
    for documents, counts in drawn:
        numbers = [int(name.split(":")[1]) for name in names(documents)]
        assert len(documents) == counts["kept"] == 40
        assert counts["read"] == 300 == counts["dropped: not in the sample"] + 40
        assert numbers == sorted(numbers), "in the order of the file"
        assert max(numbers) > 250, "not the first of them"
    assert names(drawn[0][0]) != names(drawn[1][0])
    again = build(tmp_path / "again", file, settings=CorpusSettings(min_tokens=1, limit=40))
    assert again == drawn[0]


def test_a_larger_sample_holds_the_smaller_one_and_one_of_everything_is_everything(tmp_path: Path) -> None:
    file = many(tmp_path / "a.jsonl", 90)
    samples = [
        names(build(tmp_path / f"{limit}", file, settings=CorpusSettings(min_tokens=1, limit=limit))[0])
        for limit in (10, 30, 90, 1000)
    ]
    assert {*samples[0]} < {*samples[1]} < {*samples[2]}
    assert samples[2] == samples[3] == names(build(tmp_path / "all", file)[0])


def test_a_sample_of_texts_with_many_pieces_has_exactly_the_limit(tmp_path: Path) -> None:
    rows = [{"text": f"A b {k}. C d {k}. E f {k}."} for k in range(50)]
    settings = CorpusSettings(min_tokens=1, max_tokens=3, limit=20)
    documents, counts = build(tmp_path / "out", lines(tmp_path / "a.jsonl", *rows, "{"), settings=settings)
    assert len(documents) == counts["kept"] == counts["pieces"] == 20
    assert (counts["read"], counts["dropped: not a JSON object"]) == (51, 1)
    texts_in = {document.id.split("#")[0] for document in documents}
    assert len(texts_in) == 7
    assert counts["dropped: not in the sample"] == 50 - 7


def test_few_texts_are_tokenised_for_a_small_sample(tmp_path: Path) -> None:
    counted: list[str] = []

    def count_tokens(text: str) -> int:
        counted.append(text)
        return len(text.split())

    settings = CorpusSettings(min_tokens=1, limit=10)
    build(tmp_path / "out", many(tmp_path / "a.jsonl"), settings=settings, count_tokens=count_tokens)
    assert len({*counted}) < 120


def test_a_broken_sample_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    file, settings = many(tmp_path / "a.jsonl", 1500), CorpusSettings(min_tokens=1, limit=1200)

    def stop(progress: StageProgress) -> None:
        assert progress.total == 1200
        raise KeyboardInterrupt

    whole = build(tmp_path / "whole", file, settings=settings)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "out", file, settings=settings, on_progress=stop)
    assert len([*read_shards(tmp_path / "out")]) == 500
    assert build(tmp_path / "out", file, settings=settings) == whole
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")


def test_every_text_and_piece_is_accounted_for(tmp_path: Path) -> None:
    rows = [{"text": f"{SUM if k % 3 else PLAIN} {'x. ' * (k % 50)} {k % 400}"} for k in range(1200)]
    file = lines(tmp_path / "a.jsonl", *rows, "{", {"text": ""})
    settings = CorpusSettings(max_tokens=20, min_tokens=5)
    documents, counts = build(tmp_path / "out", file, apis=["Calculator"], settings=settings)
    lost = {"dropped: not a JSON object", "dropped: no text", "dropped: same text as before"}
    assert counts["read"] == 1202
    assert counts["pieces"] >= counts["read"] - sum(counts[name] for name in lost) > 0
    rest = [count for name, count in counts.items() if name.startswith("dropped") and name not in lost]
    assert counts["pieces"] == counts["kept"] + sum(rest)
    assert counts["kept"] == len(documents) == sum(count for name, count in counts.items() if name.startswith("kept: "))
    assert len({document.id for document in documents}) == len(documents)


# --- Progress, and going on ---


def many(path: Path, count: int = 1700) -> Path:
    return lines(
        path, *({"text": f"document {k} of many, it has some words. And then a few more."} for k in range(count))
    )


def test_the_progress_tells_rates_and_estimates_the_time_left(tmp_path: Path) -> None:
    told: list[StageProgress] = []
    build(tmp_path / "out", many(tmp_path / "a.jsonl"), on_progress=told.append)
    assert [each.done for each in told] == [500, 1000, 1500, 1700]
    assert [each.total for each in told] == [pytest.approx(1700, rel=0.02) for _ in told]  # estimated by bytes
    assert all(each.per_second > 0 for each in told)
    left = [each.seconds_left for each in told]
    assert left[-1] == 0
    assert all(seconds is not None and seconds > 0 for seconds in left[:-1])


def test_the_estimate_is_over_all_files(tmp_path: Path) -> None:
    told: list[StageProgress] = []
    for k in range(4):
        rows = ({"text": f"document {number} of file {k}, it has words."} for number in range(1000, 1500))
        lines(tmp_path / f"{k}.jsonl", *rows)
    build(tmp_path / "out", tmp_path, on_progress=told.append)
    assert [(each.done, each.total) for each in told] == [(500 * k, 2000) for k in range(1, 5)]


def test_what_comes_after_the_last_document_makes_no_shard(tmp_path: Path) -> None:
    told: list[StageProgress] = []
    rows = ({"text": f"document {k} of them, it has words."} for k in range(500))
    documents, counts = build(tmp_path / "out", lines(tmp_path / "a.jsonl", *rows, "{", "{"), on_progress=told.append)
    assert (len(documents), counts["read"]) == (500, 502)
    assert len(told) == 1
    assert [path.name for path in shard_paths(tmp_path / "out")] == ["00000.jsonl"]


def test_no_time_left_is_reported_where_it_is_not_known(tmp_path: Path) -> None:
    told: list[StageProgress] = []
    build(tmp_path / "out", "x", load=lambda *_: [{"text": "one"}], on_progress=told.append)
    assert [(each.done, each.total, each.seconds_left) for each in told] == [(1, None, None)]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_broken_run_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(progress: StageProgress) -> None:
        if progress.done == 1000:
            raise StoppedError

    file = many(tmp_path / "a.jsonl")
    whole = build(tmp_path / "whole", file)
    with pytest.raises(StoppedError):
        build(tmp_path / "out", file, on_progress=stop)
    finished = snapshot(tmp_path / "out")
    assert {"00000.jsonl", "00001.jsonl"} <= finished.keys() < snapshot(tmp_path / "whole").keys()
    assert build(tmp_path / "out", file) == whole
    assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")


@pytest.mark.parametrize("limit", [None, 2500])
def test_no_finished_shard_of_a_broken_corpus_is_made_again(tmp_path: Path, limit: int | None) -> None:
    """What is made can be told by the counting of its tokens. Texts of old shards are still known as read before."""
    rows = [{"text": f"document {k % 1450} of many. It has words, {k % 1450} say."} for k in range(1600)]
    settings = CorpusSettings(max_tokens=5, min_tokens=1, limit=limit)
    counted: list[str] = []

    def count_tokens(text: str) -> int:
        counted.append(text)
        return len(text.split())

    def breaking(*_: str) -> Iterator[Mapping[str, object]]:
        yield from rows[:1200]
        raise ConnectionError

    whole = build(tmp_path / "whole", "x", settings=settings, load=lambda *_: rows)
    assert whole[1]["kept"] == (limit or 2900)
    with pytest.raises(SettingsError):
        build(tmp_path / "out", "x", settings=settings, load=breaking)
    finished = {document.text for document in read_shards(tmp_path / "out")}
    assert len(finished) == 2000
    for is_first in (True, False):
        counted.clear()
        again = build(tmp_path / "out", "x", settings=settings, load=lambda *_: rows, count_tokens=count_tokens)
        assert again == whole
        assert snapshot(tmp_path / "out") == snapshot(tmp_path / "whole")
        assert not finished & {*counted}
        assert bool(counted) is is_first


KILLED = """
import os, signal, sys
from pathlib import Path
from hammerstone.toolformer.data.corpus import CorpusSettings, build_corpus

file, targets = Path(sys.argv[1]), Path(sys.argv[2])
left = -1

def die(event, arguments):
    global left
    if event in ("open", "os.rename", "os.mkdir") and str(targets) in str(arguments[0]):
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

sys.addaudithook(die)
step = status = -1
while status != 0:
    step += 1
    child = os.fork()
    if child == 0:
        left = step
        build_corpus([file], targets / f"{step:03}", [], CorpusSettings())
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL), status
"""


def test_a_corpus_killed_at_any_step_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    file, targets = many(tmp_path / "a.jsonl", 1100), tmp_path / "killed"
    subprocess.run([sys.executable, "-c", KILLED, str(file), str(targets)], check=True)
    whole = build(tmp_path / "whole", file, settings=CorpusSettings())
    deaths = sorted(targets.iterdir())
    assert len(deaths) > 10
    for target in deaths:
        assert build(target, file, settings=CorpusSettings()) == whole
        assert snapshot(target) == snapshot(tmp_path / "whole")


def test_the_same_texts_elsewhere_give_the_same_bytes(tmp_path: Path) -> None:
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        build(tmp_path / place / "out", many(tmp_path / place / "a.jsonl", 10))
    assert snapshot(tmp_path / "here" / "out") == snapshot(tmp_path / "there" / "out")


@pytest.mark.parametrize("change", ["settings", "apis", "texts"])
def test_a_folder_of_another_corpus_is_refused(tmp_path: Path, change: str) -> None:
    file = many(tmp_path / "a.jsonl", 10)
    build(tmp_path / "out", file)
    if change == "texts":
        file.write_bytes(file.read_bytes().replace(b"some", b"more"))
    settings = CorpusSettings(min_tokens=1, seed=1) if change == "settings" else ANY
    with pytest.raises(InputError, match="other settings or from another source"):
        build(tmp_path / "out", file, settings=settings, apis=["QA"] if change == "apis" else [])


def test_the_corpus_needs_no_torch() -> None:
    code = (
        "import sys, hammerstone.toolformer.data.corpus as _;"
        "print({'torch', 'datasets', 'pyarrow'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
