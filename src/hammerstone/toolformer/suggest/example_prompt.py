"""A prompt with examples of the corpus's own: the instructions of the tool's prompt, and sentences with calls in them.

A small model copies the style of its examples, so they should be texts like those that it is to annotate.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hammerstone.toolformer.annotate.prompting import instructions
from hammerstone.toolformer.apis.api import Api
from hammerstone.toolformer.corpus_document import CorpusDocument
from hammerstone.toolformer.suggest.result_places import ResultPlace

__all__ = ["ExamplePassage", "choose_examples", "example_prompt", "example_texts"]

USUAL = 20  # words of a passage that shows where a number comes from, and little else
WORDS = range(8, 61)  # of a passage: shorter ones show too little, longer ones fill the context

_SENTENCE_START = re.compile(r"(?:(?<=[.!?])\s+|\n\s*)")


@dataclass(frozen=True, kw_only=True)
class ExamplePassage:
    """One or several sentences of a document with the calls in them, as they are shown to a model."""

    document: str
    text: str
    annotated: str
    kinds: tuple[str, ...]


def choose_examples(places: Sequence[ResultPlace], count: int) -> list[ExamplePassage]:
    """Up to `count` passages of different documents, that differ in what is asked where they can.

    Those of about `USUAL` words come first, and last those whose calculation is written out before its result.

    The kind of a calculation is its operator; of other calls, the words that are asked.
    """
    by_document: dict[str, list[ResultPlace]] = {}
    for place in places:
        by_document.setdefault(place.document.id, []).append(place)
    passages = [passage for own in by_document.values() if (passage := _passage(own[0].document, own)) is not None]
    waiting = sorted(
        passages, key=lambda one: ("= [" in one.annotated, abs(len(one.text.split()) - USUAL), one.document)
    )
    chosen: list[ExamplePassage] = []
    while waiting and len(chosen) < count:
        seen = {kind for one in chosen for kind in one.kinds}
        chosen.append(max(waiting, key=lambda one: not seen.issuperset(one.kinds)))  # the first of the best
        waiting.remove(chosen[-1])
    return chosen


def example_prompt(api: Api, examples: Sequence[ExamplePassage]) -> str:
    """The prompt, up to the text to annotate, which follows it after `Input:`."""
    shown = "\n\n".join(f"Input:\n{one.text}\nOutput:\n{one.annotated}" for one in examples)
    return f"{instructions(api)}\n\n{shown}"


def example_texts(examples: Sequence[ExamplePassage]) -> str:
    """The same examples as annotated texts alone, which a model continues with the text to annotate."""
    return "\n\n".join(one.annotated for one in examples)


def _passage(document: CorpusDocument, places: Sequence[ResultPlace]) -> ExamplePassage | None:
    """The shortest passage of a document that shows what a call's input is made of, with all calls in it."""
    starts = [0, *(match.end() for match in _SENTENCE_START.finditer(document.text)), len(document.text)]
    spans = {
        (max(at for at in starts if at <= place.begin), min(at for at in starts if at > place.position))
        for place in places
    }
    fitting = [(a, b) for a, b in spans if len(document.text[a:b].split()) in WORDS]
    if not fitting:
        return None
    begin, end = min(fitting, key=lambda span: (span[1] - span[0], span))
    inside = [place for place in places if begin <= place.begin and place.position < end]
    annotated = document.text[begin:end]
    for place in sorted(inside, key=lambda place: -place.position):
        at = place.position - begin
        annotated = f"{annotated[:at]}{place.call.asked} {annotated[at:].lstrip(' ')}"
    return ExamplePassage(
        document=document.id,
        text=" ".join(document.text[begin:end].split()),
        annotated=" ".join(annotated.split()),
        kinds=tuple(sorted({_kind(place) for place in inside})),
    )


def _kind(place: ResultPlace) -> str:
    return next((sign for sign in (" + ", " - ", " * ", " / ") if sign in place.call.input), place.call.input)
