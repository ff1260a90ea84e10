"""Selects pieces of texts as documents: long enough, useful for a tool, and near to no evaluation question."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from hammerstone.toolformer.call_format import find_calls
from hammerstone.toolformer.corpus_document import CorpusDocument
from hammerstone.toolformer.data.heuristics import DocumentRules
from hammerstone.toolformer.near_questions import EvaluationQuestions

__all__ = ["NearText", "PieceSelection", "SourceText"]


class SourceText(NamedTuple):
    """A text, or a piece of one. `dated` is the rule of the calendar that found its date."""

    id: str
    text: str
    date: str | None
    dated: str | None


class NearText(NamedTuple):
    """A text that is left out since it is near to an evaluation question: they have the words `shared`."""

    text: str
    shared: str


class PieceSelection(NamedTuple):
    """Selects the pieces of texts that become documents."""

    rules: DocumentRules
    min_tokens: int
    count_tokens: Callable[[str], int]
    questions: EvaluationQuestions
    on_near: Callable[[NearText], None]

    def documents(self, piece: SourceText, counts: Counter[str]) -> Iterator[CorpusDocument]:
        """The piece as a document, if it is useful for a tool and near to no question."""
        apis = self.rules.apis
        if self.count_tokens(piece.text) < self.min_tokens:
            counts["dropped: too short"] += 1
        elif find_calls(piece.text, apis):
            counts["dropped: holds a call of its own"] += 1
        elif (kept := self.rules.that_keep(piece.id, piece.text, piece.dated)) or not apis:
            if shared := self.questions.shared(piece.text):
                counts["dropped: near an evaluation question"] += 1
                self.on_near(NearText(piece.text, shared))
                return
            counts.update(["kept", *(f"kept: {api}: {rule}" for api, rule in kept.items())])
            yield CorpusDocument(id=piece.id, text=piece.text, date=piece.date, apis=tuple(kept))
        else:
            counts["dropped: good for no tool"] += 1
