"""A sample of texts by seed: each text draws a number from its name, and the lowest ones are kept.

So the sample depends on the texts and the seed, not on their order, and a text that has drawn too high is not even
tokenised: to keep L documents of n texts, about L · ln(n / L) texts are cut into documents.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from hammerstone.toolformer.corpus_document import CorpusDocument

__all__ = ["SampledText", "TextSample"]

NOT_SAMPLED = "dropped: not in the sample"


class SampledText(NamedTuple):
    """The documents of one text and their counts; `order` is its place among all texts.

    `text` is whatever the documents were made of.
    """

    draw: float
    order: int
    text: Any
    documents: Sequence[CorpusDocument]
    counts: Counter[str]


class TextSample:
    """The texts with the lowest draws that have `limit` documents together, or all texts if they have fewer."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.counts: Counter[str] = Counter()
        self._size = 0
        self._kept: list[tuple[float, int, SampledText]] = []  # a heap, the highest draw first

    def admits(self, draw: float) -> bool:
        """Whether a text with this draw would be kept, as far as is known by now."""
        return self._size < self.limit or draw < -self._kept[0][0]

    def leave_out(self) -> None:
        """Count a text that is not in the sample."""
        self.counts.update(("read", NOT_SAMPLED))

    def add(self, text: SampledText) -> None:
        """Keep a text, and drop those that are not needed any more."""
        if not text.documents:
            self.counts.update(text.counts)
            return
        heapq.heappush(self._kept, (-text.draw, text.order, text))
        self._size += len(text.documents)
        while self._size - len(self._kept[0][2].documents) >= self.limit:
            self._size -= len(heapq.heappop(self._kept)[2].documents)
            self.leave_out()

    def texts(self, cut: Callable[[SampledText, int], SampledText]) -> list[SampledText]:
        """The kept texts in the order of the sources; the one with the highest draw is `cut` to fit the limit."""
        texts = [text for *_, text in self._kept]
        if self._size > self.limit:
            texts[0] = cut(texts[0], len(texts[0].documents) - (self._size - self.limit))
        return sorted(texts, key=lambda text: text.order)
