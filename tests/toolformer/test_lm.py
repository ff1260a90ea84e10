"""The ragged cache: whatever is branched, cut, joined or padded, a row's logits are those of reading it alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hammerstone.errors import InputError, SettingsError
from hammerstone.toolformer.kv_cache import join_caches
from hammerstone.toolformer.lm import LanguageModel, load_model

from .tiny_models import MODELS, TEXTS, TOKENIZERS, byte_level, language_model

LANGUAGE_MODELS = {name: language_model(name) for name in MODELS}
tokens = st.lists(st.integers(1, 300), min_size=1, max_size=9)


def alone(lm: LanguageModel, row: list[int]) -> torch.Tensor:
    """Logits (tokens, vocabulary) of one row, by the model itself, with no cache and no padding."""
    with torch.inference_mode():
        return lm.model(input_ids=torch.tensor([row])).logits[0]


def assert_alike(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=15)
@given(rows=st.lists(tokens, min_size=1, max_size=4))
def test_rows_of_different_lengths_are_read_as_each_alone(name: str, rows: list[list[int]]) -> None:
    lm = LANGUAGE_MODELS[name]
    logits, cache = lm.forward(rows)
    for at, row in enumerate(rows):
        assert_alike(logits[at, -len(row) :], alone(lm, row))
    assert cache.lengths.tolist() == [len(row) for row in rows]
    assert cache.width == max(map(len, rows))


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=15)
@given(rows=st.lists(st.tuples(tokens, tokens, tokens), min_size=1, max_size=4))
def test_reading_on_after_a_past_of_another_length_is_reading_in_one_go(
    name: str, rows: list[tuple[list[int], list[int], list[int]]]
) -> None:
    lm = LANGUAGE_MODELS[name]
    _, cache = lm.forward([first for first, _, _ in rows])
    _, cache = lm.forward([second for _, second, _ in rows], cache)
    logits, cache = lm.forward([third for _, _, third in rows], cache)
    for at, (first, second, third) in enumerate(rows):
        assert_alike(logits[at, -len(third) :], alone(lm, first + second + third)[-len(third) :])
    assert cache.width == max(len(first + second + third) for first, second, third in rows)


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=15)
@given(data=st.data(), rows=st.lists(tokens, min_size=1, max_size=3), more=tokens)
def test_a_branch_from_the_middle_goes_on_as_if_the_rest_had_not_been_read(
    name: str, data: st.DataObject, rows: list[list[int]], more: list[int]
) -> None:
    lm = LANGUAGE_MODELS[name]
    _, cache = lm.forward(rows)
    chosen = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, max_size=4))
    kept = [data.draw(st.integers(1, len(rows[at]))) for at in chosen]
    logits, branched = lm.forward([more] * len(chosen), cache.rows(chosen).cut(kept))
    for at, (row, length) in enumerate(zip(chosen, kept, strict=True)):
        assert_alike(logits[at, -len(more) :], alone(lm, rows[row][:length] + more)[-len(more) :])
    assert branched.width == max(kept) + len(more)


@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=10)
@given(first=st.lists(tokens, min_size=1, max_size=3), second=st.lists(tokens, min_size=1, max_size=3), more=tokens)
def test_joined_rows_go_on_each_by_itself(
    name: str, first: list[list[int]], second: list[list[int]], more: list[int]
) -> None:
    lm = LANGUAGE_MODELS[name]
    joined = join_caches([lm.forward(first)[1], lm.forward(second)[1]])
    logits, _ = lm.forward([more] * len(first + second), joined)
    for at, row in enumerate(first + second):
        assert_alike(logits[at], alone(lm, row + more)[-len(more) :])


def test_only_the_last_columns_are_returned_if_asked_so() -> None:
    lm = LANGUAGE_MODELS["gpt2"]
    logits, _ = lm.forward([[5, 6, 7], [8]], keep=1)
    assert logits.shape[:2] == (2, 1)
    assert_alike(logits[0, 0], alone(lm, [5, 6, 7])[-1])
    assert_alike(logits[1, 0], alone(lm, [8])[-1])


def test_tokens_that_are_read_are_counted_and_padding_is_not() -> None:
    lm = language_model()
    _, cache = lm.forward([[1, 2, 3], [4]])
    lm.forward([[5], [6]], cache)
    assert lm.read == 6


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_a_text_is_encoded_and_decoded_with_nothing_added(tokenizer: str) -> None:
    lm = language_model(tokenizer=tokenizer)
    for text in TEXTS:
        ids, spans = lm.encode_with_offsets(text)
        assert lm.encode(text) == ids
        assert lm.decode(ids).strip() == text
        assert len(spans) == len(ids)
        assert spans[-1][1] == len(text)


def test_more_than_the_model_can_read_is_reported() -> None:
    lm = language_model(context=8)
    with pytest.raises(InputError, match="reads at most 8 tokens, but a row has 9") as told:
        lm.forward([[1] * 9])
    assert "max_tokens" in told.value.hint


def test_a_tokenizer_that_cannot_write_a_bracket_is_refused() -> None:
    words = byte_level()
    from tokenizers import normalizers

    words.backend_tokenizer.normalizer = normalizers.Replace("[", "")
    with pytest.raises(InputError, match=r"cannot write \[, which calls need"):
        LanguageModel(LANGUAGE_MODELS["gpt2"].model, words)


def test_a_folder_without_a_model_is_reported(tmp_path) -> None:
    with pytest.raises(SettingsError, match="cannot load the model") as told:
        load_model(tmp_path)
    assert "config.json" in told.value.hint


def test_a_saved_model_is_loaded_again(tmp_path) -> None:
    lm = language_model()
    lm.model.save_pretrained(tmp_path)
    lm.tokenizer.save_pretrained(tmp_path)
    again = load_model(tmp_path, dtype="float32")
    found, expected = again.forward([[1, 2, 3]])[0], lm.forward([[1, 2, 3]])[0]
    assert_alike(found.cpu(), expected)
    assert again.encode(TEXTS[0]) == lm.encode(TEXTS[0])
