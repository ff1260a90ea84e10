"""Finds places in a corpus where a tool's result comes next, by running the tool: calls worth showing to a model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hammerstone.toolformer.apis.api import Api, CallContext
from hammerstone.toolformer.apis.executor import CallOutcome, Executor, RequestedCall
from hammerstone.toolformer.call_format import ApiCall
from hammerstone.toolformer.corpus_document import CorpusDocument, Proposal
from hammerstone.toolformer.score.following import begins_result, result_begins_at
from hammerstone.toolformer.suggest.known_inputs import KnownInput, known_inputs

__all__ = ["ResultPlace", "places_by_rule", "places_of_proposals"]

NEAR = 12  # characters after a proposed call in which its result must begin
APART = 5  # words between two equal calls
CURRENCY = "$€£¥"


@dataclass(frozen=True, kw_only=True)
class ResultPlace:
    """A call, with its result, at `position` in a document's text, right before words that the result gives.

    What the input is made of stands from `begin` on. Both are in characters.
    """

    document: CorpusDocument
    position: int
    begin: int
    call: ApiCall


async def places_by_rule(documents: Sequence[CorpusDocument], api: Api) -> list[ResultPlace]:
    """Every place where a result of `known_inputs` begins; at each the call whose input stands nearest."""
    asked = [(document, known) for document in documents for known in known_inputs(api.name, document.text)]
    ran = await _run(api, [(document, known.input) for document, known in asked])
    found: dict[tuple[str, int], ResultPlace] = {}
    for (document, known), outcome in zip(asked, ran, strict=True):
        for place in _places(document, known, api.name, outcome.result or ""):
            best = found.get((document.id, place.position))
            if best is None or place.begin > best.begin:
                found[document.id, place.position] = place
    return _apart(sorted(found.values(), key=lambda place: (place.document.id, place.position)))


def _apart(places: Sequence[ResultPlace]) -> list[ResultPlace]:
    """The first of equal calls close together: one call of a calendar gives the whole of a date."""
    kept: list[ResultPlace] = []
    for place in places:
        last = kept[-1] if kept and (kept[-1].document, kept[-1].call) == (place.document, place.call) else None
        if last is None or len(place.document.text[last.position : place.position].split()) >= APART:
            kept.append(place)
    return kept


async def places_of_proposals(documents: Sequence[CorpusDocument], api: Api) -> list[ResultPlace]:
    """The proposed calls of documents, as `annotate` leaves them, whose result begins right after them."""
    asked = [(document, one) for document in documents for one in document.proposals if one.api == api.name]
    ran = await _run(api, [(document, one.input) for document, one in asked])
    return [
        ResultPlace(
            document=document,
            position=proposal.position,
            begin=_begin(document.text, proposal),
            call=ApiCall(api=api.name, input=proposal.input, result=outcome.result),
        )
        for (document, proposal), outcome in zip(asked, ran, strict=True)
        if outcome.result is not None
        and begins_result(document.text, proposal.position, proposal.position + NEAR, outcome.result)
    ]


async def _run(api: Api, asked: Iterable[tuple[CorpusDocument, str]]) -> list[CallOutcome]:
    calls = [RequestedCall(api.name, text, CallContext(date=document.date or "")) for document, text in asked]
    return await Executor([api]).run_all(calls)


def _places(document: CorpusDocument, known: KnownInput, api: str, result: str) -> Iterable[ResultPlace]:
    for at in result_begins_at(document.text, known.end, result):
        position = at - 1 if at > known.end and document.text[at - 1] in CURRENCY else at
        call = ApiCall(api=api, input=known.input, result=result)
        yield ResultPlace(document=document, position=position, begin=known.begin, call=call)
        if known.begin != known.end:  # what the document is known for from its beginning helps everywhere
            return


def _begin(text: str, proposal: Proposal) -> int:
    """The place of the first part of an input before its call; the call's own place if no part is there."""
    found = [text.rfind(part, 0, proposal.position) for part in proposal.input.split()]
    return min((at for at in found if at >= 0), default=proposal.position)
