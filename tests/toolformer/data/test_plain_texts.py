"""General texts for the training files: which pieces there are, and which are taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from hammerstone.errors import InputError
from hammerstone.toolformer.data.plain_texts import plain_pieces, sample
from hammerstone.toolformer.near_questions import EvaluationQuestions

NOTHING = EvaluationQuestions(())


def sentence(number: int, words: int = 40) -> str:
    """Words of its own, without digits: numbers are all the same to `EvaluationQuestions`."""
    return " ".join(chr(97 + number) + chr(97 + k // 26) + chr(97 + k % 26) for k in range(words)) + "."


def test_a_text_comes_in_pieces_of_whole_sentences_without_headings(tmp_path: Path) -> None:
    file = tmp_path / "plain.txt"
    file.write_text("\n".join(["= Title =", *map(sentence, range(9))]) + "\n= End =\n")
    pieces = list(plain_pieces(str(file), NOTHING))
    assert all(30 <= len(piece.split()) <= 150 for piece in pieces)
    assert all(piece.endswith(".") for piece in pieces[:-1])
    assert " ".join(pieces).split() == file.read_text().split()


def test_what_is_near_to_the_evaluation_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "plain.txt"
    file.write_text("\n".join(sentence(number, 100) for number in range(2)))
    (kept,) = plain_pieces(str(file), EvaluationQuestions([" ".join(sentence(0, 100).split()[50:60])]))
    assert kept == sentence(1, 100)


def test_a_row_without_a_text_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "plain.jsonl"
    file.write_text('{"text": 3}\nno json\n{"text": "' + sentence(1) + '"}\n')
    assert list(plain_pieces(str(file), NOTHING)) == [sentence(1)]


def test_a_missing_file_is_said() -> None:
    with pytest.raises(InputError, match=r"there is no file \./none\.txt"):
        list(plain_pieces("./none.txt", NOTHING))


def test_the_sample_is_always_the_same_and_has_no_piece_twice() -> None:
    pieces = [f"piece {number}" for number in range(20)]
    assert sample(pieces, 5) == sample([*reversed(pieces), *pieces], 5)
    assert len(sample(["a", "a"], 5)) == 1
