"""Texts are cut at the ends of sentences; no piece is too long, and nothing is lost."""

from __future__ import annotations

import re
import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hammerstone.toolformer.data.splitting import count_words, split_text

from ..tiny_models import byte_level, sentencepiece_like


def characters(text: str) -> int:
    return len(text)


def halves(text: str) -> int:
    """Tokens that do not add up: two short texts may be more when they are joined."""
    return len(text) // 2


def without_space(text: str) -> str:
    return re.sub(r"\s", "", text)


def test_a_short_text_is_one_piece() -> None:
    assert split_text("One. Two.", 2) == ["One. Two."]


def test_a_text_is_cut_at_the_ends_of_its_sentences() -> None:
    text = 'It rained. "Did it?" she said. (Yes, it did.) So what! We stayed in\nThe end'
    assert split_text(text, 5) == [
        *('It rained. "Did it?"', "she said. (Yes, it did.)", "So what! We stayed in", "The end"),
    ]


def test_a_sentence_that_is_too_long_is_cut_between_words() -> None:
    assert split_text("a b c d e f g. h i", 3) == ["a b c", "d e f", "g. h i"]


def test_chinese_and_japanese_sentences_end_without_a_space() -> None:
    assert split_text("今日は雨です。明日は晴れます。", 8, characters) == ["今日は雨です。", "明日は晴れます。"]


def test_a_word_that_is_too_long_is_cut_within_itself() -> None:
    assert split_text("x" * 10, 3, characters) == ["xx", "xxx", "xx", "xxx"]


def test_a_point_in_a_number_ends_no_sentence() -> None:
    assert split_text("It costs 3.50 now. Pay it today please.", 4) == ["It costs 3.50 now.", "Pay it today please."]


words = st.text(st.sampled_from(string.ascii_letters + ".!?\"') éß。日\n\t 0123"), max_size=120)


@given(words, st.integers(1, 12), st.sampled_from([count_words, characters, halves]))
def test_no_piece_is_too_long_and_nothing_is_lost(text: str, most: int, count: Callable[[str], int]) -> None:
    pieces = split_text(text, most, count)
    assert all(count(piece) <= most and piece.strip() == piece != "" for piece in pieces)
    assert without_space("".join(pieces)) == without_space(text)


@pytest.mark.parametrize("tokenizer", [byte_level(), sentencepiece_like()], ids=["byte-level", "sentencepiece-like"])
def test_pieces_fit_by_a_models_own_tokens(tokenizer: object) -> None:
    def count(text: str) -> int:
        return len(tokenizer(text, add_special_tokens=False)["input_ids"])  # type: ignore[operator]

    text = "Out of 1400 participants, 400 (or 29%) passed. The tortuga is a turtle [1]; a -> b. " * 6 + "x" * 90
    pieces = split_text(text, 40, count)
    assert max(map(count, pieces)) <= 40
    assert without_space("".join(pieces)) == without_space(text)


@given(words.map(lambda text: text.replace("。", "")), st.integers(1, 12))
def test_words_stay_whole_where_they_fit(text: str, most: int) -> None:
    assert [word for piece in split_text(text, most) for word in piece.split()] == text.split()
