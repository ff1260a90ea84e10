from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hammerstone.server.pages.differences import MOST_PARTS, Piece, halves, of_sources


def test_the_words_that_differ_are_marked_on_both_sides() -> None:
    left, right = halves("Sum 3 and 4.", "Sum 3 and 5.")
    assert left == [Piece("Sum 3 and ", False), Piece("4", True), Piece(".", False)]
    assert right == [Piece("Sum 3 and ", False), Piece("5", True), Piece(".", False)]


def test_a_blank_more_is_a_difference() -> None:
    assert halves("a b", "a  b")[1][1] == Piece("  ", True)


@given(st.text(), st.text())
def test_the_pieces_are_the_texts_and_equal_ones_hold_no_mark(one: str, other: str) -> None:
    left, right = halves(one, other)
    assert ("".join(piece.text for piece in left), "".join(piece.text for piece in right)) == (one, other)
    assert (one == other) == (not any(piece.differs for piece in left + right))


def test_long_texts_are_compared_as_a_whole_between_their_ends() -> None:
    same = "word " * MOST_PARTS
    left, right = halves(f"{same}this{same}", f"{same}that{same}")
    assert [piece.text for piece in left if piece.differs] == ["is"]
    assert [piece.text for piece in right if piece.differs] == ["at"]


def test_sources_are_compared_line_by_line() -> None:
    assert of_sources("a\nb\n", "a\nc\n", ("one", "two")).splitlines()[-2:] == ["-b", "+c"]
    assert of_sources("a\n", "a\n", ("one", "two")) == ""
