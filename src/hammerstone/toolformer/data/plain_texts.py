"""General texts that both training files get beside those of the corpus: what keeps a model one of plain text.

A corpus of one kind, such as story problems, pulls a small model away from everything else, and calls pull it further.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from heapq import nsmallest

from hammerstone.toolformer.data.sources import find_sources, open_dataset, read_rows
from hammerstone.toolformer.data.splitting import count_words, split_text
from hammerstone.toolformer.near_questions import EvaluationQuestions

__all__ = ["plain_pieces", "sample"]

LONGEST, SHORTEST = 150, 30  # words of a piece: longer than most calls' surroundings, and no mere heading


def plain_pieces(source: str, near: EvaluationQuestions) -> Iterator[str]:
    """The texts of a file, folder, pattern or dataset in pieces of whole sentences; none is near to an evaluation.

    Raises as `find_sources` and `read_rows`.
    """
    for row in read_rows(find_sources([source]), ("text",), "train", open_dataset):
        value = (row.fields or {}).get("text")
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        for piece in split_text(text, LONGEST) if isinstance(text, str) else ():
            if count_words(piece) >= SHORTEST and not near.shared(piece):
                yield piece


def sample(pieces: Iterable[str], count: int) -> list[str]:
    """At most `count` different pieces, always the same ones, in an order of their own."""
    return nsmallest(count, {*pieces}, key=lambda piece: hashlib.sha256(piece.encode()).digest())
