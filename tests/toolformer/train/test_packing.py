"""Rows of tokens: every token of every document once, in order, and no call cut."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hammerstone.errors import InputError
from hammerstone.toolformer.call_format import find_calls
from hammerstone.toolformer.train.packing import TrainingText, hold_out, read_texts, token_rows

from ..tiny_models import TOKENIZERS, language_model

LANGUAGE_MODELS = {tokenizer: language_model(tokenizer=tokenizer) for tokenizer in TOKENIZERS}
CALL = "[Calculator(1 + 2) -> 3]"
pieces = st.lists(
    st.sampled_from(["one", "shop", "(2019)", CALL, "see [1]", "\n", "[Calendar() -> Monday]"]), max_size=30
)


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@settings(max_examples=40)
@given(words=pieces, length=st.integers(40, 90))
def test_a_row_holds_calls_whole_and_all_rows_hold_the_document(tokenizer: str, words: list[str], length: int) -> None:
    lm = LANGUAGE_MODELS[tokenizer]
    text = " ".join(words)
    made = token_rows(lm, [TrainingText(id="a", text=text)], length)
    ids = lm.encode(text)
    assert made.dropped == (not ids)
    assert [token for row in made.rows for token in row[1:]] == ([*ids, lm.tokenizer.eos_token_id] if ids else [])
    assert all(row[0] == lm.start_id and len(row) <= length for row in made.rows)
    apis = ("Calculator", "Calendar")
    assert sum(len(find_calls(lm.decode(row), apis)) for row in made.rows) == len(find_calls(text, apis))


def test_a_call_that_a_row_would_crop_is_moved_whole_into_the_next_with_what_led_to_it() -> None:
    lm = LANGUAGE_MODELS["byte-level"]
    text = f"{'word ' * 80}{CALL} and then it ends"
    ids = lm.encode(text)
    where = next(at for at in range(len(ids)) if lm.decode(ids[: at + 1]).endswith("[Calculator("))
    for length in range(where - 5, where + 12):  # rows that would end before, within and after the call
        first, second = token_rows(lm, [TrainingText(id="a", text=text)], length).rows
        assert "[" not in lm.decode(first)
        before, _, after = lm.decode(second).partition(CALL)
        assert len(lm.encode(before)) >= 30
        assert after == " and then it ends"


def test_a_call_longer_than_a_row_drops_its_document_and_is_counted() -> None:
    lm = LANGUAGE_MODELS["byte-level"]
    long = f"so [Calculator({'1 + ' * 40}2) -> 42] it is"
    made = token_rows(
        lm, [TrainingText(id="a", text=long), TrainingText(id="b", text="short"), TrainingText(id="c", text="")], 40
    )
    assert made.dropped == 2
    assert [lm.decode(row) for row in made.rows] == ["short"]
    assert made.tokens == len(lm.encode("short")) + 2


def test_every_document_ends_where_the_tokenizer_says_so() -> None:
    lm = language_model(tokenizer="sentencepiece-like")
    (row,) = token_rows(lm, [TrainingText(id="a", text="one")], 40).rows
    assert lm.tokenizer.convert_ids_to_tokens([row[0], row[-1]]) == ["<s>", "</s>"]


def texts(count: int) -> list[TrainingText]:
    return [TrainingText(id=f"d{number}", text="x") for number in range(count)]


def test_the_same_documents_are_held_out_of_a_file_and_its_control() -> None:
    _, held = hold_out(texts(100), 10, seed=1)
    _, control = hold_out([TrainingText(id=one.id, text="other") for one in reversed(texts(100))], 10, seed=1)
    _, other = hold_out(texts(100), 10, seed=2)
    assert len(held) == 10
    assert {one.id for one in held} == {one.id for one in control} != {one.id for one in other}


@pytest.mark.parametrize(("count", "asked", "held"), [(2, 1000, 1), (25, 1000, 2), (5000, 100, 100)])
def test_no_more_than_a_tenth_is_held_out(count: int, asked: int, held: int) -> None:
    kept, out = hold_out(texts(count), asked, seed=0)
    assert (len(kept), len(out)) == (count - held, held)


def test_one_document_is_too_few() -> None:
    with pytest.raises(InputError, match="too few"):
        hold_out(texts(1), 1, seed=0)


def test_a_training_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(
        json.dumps({"id": "a", "text": "é", "calls": 1}) + "\n\n" + json.dumps({"id": "b", "text": ""}) + "\n"
    )
    assert read_texts(path) == (TrainingText(id="a", text="é"), TrainingText(id="b", text=""))


@pytest.mark.parametrize("line", ["{", "[]", '{"id": "a"}', '{"id": 1, "text": "a"}'])
def test_a_line_of_another_shape_is_reported_with_its_number(line: str, tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"id": "a", "text": "b"}\n' + line + "\n")
    with pytest.raises(InputError, match=r"line 2 is not an object"):
        read_texts(path)


def test_a_missing_binary_or_empty_file_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    with pytest.raises(InputError, match="cannot read"):
        read_texts(path)
    path.write_bytes(b"\xff\xfe{")
    with pytest.raises(InputError, match="cannot read"):
        read_texts(path)
    path.write_text("\n")
    with pytest.raises(InputError, match="contains no document"):
        read_texts(path)
