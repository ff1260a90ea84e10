"""Measures how well a prompt makes a model want to call a tool where its result comes next.

Before any call is drawn, two numbers say how annotation will go: whether `[` is among the k likeliest positions of the
document at the places where a call would help, and how likely it is there. One pass over each document gives both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from hammerstone.errors import InputError
from hammerstone.toolformer.annotate.annotation import AnnotateSettings
from hammerstone.toolformer.annotate.prompting import is_continued
from hammerstone.toolformer.annotate.sampling import SamplingProposer, boundaries
from hammerstone.toolformer.apis.api import Api
from hammerstone.toolformer.lm import LanguageModel
from hammerstone.toolformer.suggest.result_places import ResultPlace

__all__ = ["PromptMeasure", "measure_prompt"]

AROUND = 32  # tokens between the parts of a prompt, at most
BATCH = 4  # documents read together


@dataclass(frozen=True, kw_only=True)
class PromptMeasure:
    """A prompt, measured at `places` where a result comes next, in `documents`: `chosen` of them are among the `k`
    likeliest positions of their documents, and `probability` is the mean p(`[`) at them.
    """

    documents: int
    places: int
    k: int
    chosen: int
    probability: float


def measure_prompt(
    lm: LanguageModel, api: Api, prompt: str, places: Sequence[ResultPlace], settings: AnnotateSettings
) -> PromptMeasure:
    """Measure a prompt on places, as annotation by `lm` would use it.

    Raises `InputError` for a prompt that leaves no room for a text, and if no document with a place fits beside it.
    """
    proposer = SamplingProposer(lm, prompt=lambda _: prompt)
    proposer.prepare(api, settings)
    texts = 1 if is_continued(prompt, api.name) else 2
    room = (lm.context - len(lm.encode(prompt)) - AROUND - settings.call_tokens) // texts
    by_document: dict[str, list[ResultPlace]] = {}
    for place in places:
        if len(lm.encode(place.document.text)) <= room:
            by_document.setdefault(place.document.id, []).append(place)
    if not by_document:
        raise InputError(
            f"no document in which a result of {api.name} comes next fits beside the prompt",
            hint="use a shorter prompt, or a model with a longer context",
        )
    k = settings.sampling(api.name).positions
    found = [*_places(lm, proposer, api, [*by_document.values()], k)]
    return PromptMeasure(
        documents=len(by_document),
        places=len(found),
        k=k,
        chosen=sum(chosen for chosen, _ in found),
        probability=fmean(p for _, p in found),
    )


def _places(
    lm: LanguageModel, proposer: SamplingProposer, api: Api, documents: Sequence[Sequence[ResultPlace]], k: int
) -> Iterator[tuple[bool, float]]:
    """Whether each place is among the k likeliest positions, and its p(`[`)."""
    for first in range(0, len(documents), BATCH):
        batch = documents[first : first + BATCH]
        texts = [own[0].document.text for own in batch]
        read = [lm.encode_with_offsets(text) for text in texts]
        probabilities, *_ = proposer.openings(api, [ids for ids, _ in read])
        for text, (_, spans), own, p in zip(texts, read, batch, probabilities, strict=True):
            at = {place: float(p[i]) for i, place in enumerate(boundaries(text, spans)) if place is not None}
            likeliest = {*sorted(at, key=lambda place: (-at[place], place))[:k]}
            for place in own:
                # A call before a number stands before or after the space in front of it: the same text.
                same = [spot for spot in (place.position, place.position - 1) if spot in at]
                if same:
                    yield not likeliest.isdisjoint(same), max(at[spot] for spot in same)
