"""The training texts: which calls are inserted, into how many documents, and in which forms."""

from __future__ import annotations

import json
from pathlib import Path

import datasets
import pytest

from hammerstone.errors import InputError
from hammerstone.toolformer.call_format import find_calls, remove_calls
from hammerstone.toolformer.corpus_document import CorpusDocument, Losses, Proposal
from hammerstone.toolformer.data.dataset import DatasetSettings, build_dataset, selected_calls
from hammerstone.toolformer.shards import write_shards

TEXT = "Out of 1400 participants, 400 (or 29%) passed on a Monday."


def propose(position: int, gain: float, api: str = "Calculator", text: str = "400 / 1400") -> Proposal:
    losses = Losses(with_result=0.0, with_call=gain, without=gain + 1)
    return Proposal(api=api, input=text, position=position, probability=0.1, result="0.29", losses=losses)


def document(*proposals: Proposal, name: str = "d") -> CorpusDocument:
    return CorpusDocument(id=name, text=TEXT, proposals=proposals)


def build(tmp_path: Path, documents: list[CorpusDocument], **settings) -> tuple[Path, dict[str, int]]:
    write_shards(tmp_path / "in", documents, settings={})
    counts = build_dataset(tmp_path / "in", tmp_path / "out", DatasetSettings(**settings))
    return tmp_path / "out", counts


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_kept_calls_stand_at_their_positions_with_their_results(tmp_path: Path) -> None:
    out, counts = build(tmp_path, [document(propose(30, 0.6), propose(50, 2.0, api="Calendar", text=""))])
    (row,) = rows(out / "train.jsonl")
    expected = (
        "Out of 1400 participants, 400 [Calculator(400 / 1400) -> 0.29] (or 29%) passed on a [Calendar() -> 0.29]"
    )
    assert row["text"].startswith(expected[:70])
    assert [found.call.api for found in find_calls(row["text"], ("Calculator", "Calendar"))] == [
        "Calculator",
        "Calendar",
    ]
    assert (row["calls"], counts["calls: Calculator"], counts["calls: Calendar"]) == (2, 1, 1)
    assert remove_calls(row["text"], ("Calculator", "Calendar")) == TEXT


def test_the_control_has_the_same_documents_without_any_call(tmp_path: Path) -> None:
    out, _ = build(tmp_path, [document(propose(30, 0.6)), document(propose(30, 0.1), name="e")])
    assert [row["id"] for row in rows(out / "train.jsonl")] == ["d"]
    assert rows(out / "control.jsonl") == [{"id": "d", "text": TEXT, "calls": 0}]


def test_each_tool_has_its_own_threshold_and_another_one_needs_no_new_pass() -> None:
    found = document(propose(30, 0.6), propose(40, 0.6, api="QA"))
    assert [one.api for one in selected_calls(found, DatasetSettings())] == ["Calculator"]
    assert [one.api for one in selected_calls(found, DatasetSettings(tau_f={"QA": 0.5}))] == ["Calculator", "QA"]


def test_at_one_position_the_call_that_helps_most_is_set_in() -> None:
    found = document(propose(30, 0.6), propose(30, 0.9, text="1 + 1"), propose(30, 0.7, text="2 + 2"))
    assert [one.input for one in selected_calls(found, DatasetSettings())] == ["1 + 1"]


def test_of_a_tool_with_too_many_documents_those_that_help_most_are_taken(tmp_path: Path) -> None:
    documents = [document(propose(30, 0.6 + k), name=str(k)) for k in range(4)]
    out, counts = build(tmp_path, documents, most=2)
    assert [row["id"] for row in rows(out / "train.jsonl")] == ["2", "3"]
    assert counts["dropped: no call"] == 2


def test_documents_without_calls_are_dropped_or_kept_by_choice(tmp_path: Path) -> None:
    documents = [document(propose(30, 0.6)), document(name="plain")]
    (tmp_path / "a").mkdir()
    out, counts = build(tmp_path / "a", documents)
    assert (len(rows(out / "train.jsonl")), counts["dropped: no call"]) == (1, 1)
    (tmp_path / "b").mkdir()
    out, counts = build(tmp_path / "b", documents, without_calls=True)
    assert [row["calls"] for row in rows(out / "train.jsonl")] == [1, 0]
    assert counts["documents without calls"] == 1


def test_as_many_plain_texts_as_documents_with_calls_go_into_both_files(tmp_path: Path) -> None:
    documents = [document(propose(30, 0.6), name=str(k)) for k in range(2)]
    write_shards(tmp_path / "in", documents, settings={})
    pieces = ["One.", "Two.", "Two.", "Four."]
    counts = build_dataset(tmp_path / "in", tmp_path / "out", DatasetSettings(plain="some.txt"), pieces)
    trained, control = rows(tmp_path / "out" / "train.jsonl"), rows(tmp_path / "out" / "control.jsonl")
    assert [row["calls"] for row in trained] == [1, 1, 0, 0]
    assert trained[2:] == control[2:]
    assert {row["text"] for row in trained[2:]} < {*pieces}
    assert counts["plain texts"] == 2


def test_a_plain_text_that_shows_a_call_is_left_out(tmp_path: Path) -> None:
    write_shards(tmp_path / "in", [document(propose(30, 0.6), name=str(k)) for k in range(3)], settings={})
    pieces = ["One.", "Two [Calculator(1 + 1) -> 2] 2.", "Three [Other(1)]."]
    build_dataset(tmp_path / "in", tmp_path / "out", DatasetSettings(plain="some.txt"), pieces)
    assert {row["text"] for row in rows(tmp_path / "out" / "control.jsonl")[3:]} == {"One.", "Three [Other(1)]."}


def test_where_no_plain_text_is_left_it_is_said(tmp_path: Path) -> None:
    write_shards(tmp_path / "in", [document(propose(30, 0.6))], settings={})
    with pytest.raises(InputError, match=r"no text of some\.txt can be mixed in"):
        build_dataset(tmp_path / "in", tmp_path / "out", DatasetSettings(plain="some.txt"), [])


def test_chat_messages_hold_the_same_calls_and_the_same_text(tmp_path: Path) -> None:
    out, _ = build(tmp_path, [document(propose(30, 0.6))])
    (row,) = rows(out / "messages.jsonl")
    user, before, tool, after = row["messages"]
    assert (user["role"], tool["content"]) == ("user", "0.29")
    (asked,) = before["tool_calls"]
    assert asked["function"]["name"] == "Calculator"
    assert json.loads(asked["function"]["arguments"]) == {"input": "400 / 1400"}
    assert tool["tool_call_id"] == asked["id"]
    assert before["content"] + after["content"] == TEXT


def test_the_files_can_be_read_as_a_dataset_and_the_manifest_tells_what_is_in_them(tmp_path: Path) -> None:
    out, counts = build(tmp_path, [document(propose(30, 0.6))])
    read = datasets.load_dataset(
        "json", data_files=str(out / "train.jsonl"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert read.column_names == ["id", "text", "calls"]
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["counts"] == dict(counts)
    assert set(manifest["sha256"]) == {"train.jsonl", "control.jsonl", "messages.jsonl"}


def test_the_same_shards_give_the_same_bytes(tmp_path: Path) -> None:
    out, _ = build(tmp_path, [document(propose(30, 0.6), name=str(k)) for k in range(3)])
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    build_dataset(tmp_path / "in", out, DatasetSettings())
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_no_kept_call_at_all_is_reported_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no call in .* reaches its threshold") as told:
        build(tmp_path, [document(propose(30, 0.1))])
    assert "lower tau_f" in told.value.hint
    assert not (tmp_path / "out").exists()


def test_a_folder_with_anything_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"contains notes\.txt"):
        build(tmp_path, [document(propose(30, 0.6))])
