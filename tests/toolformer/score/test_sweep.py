"""The calls that each threshold keeps, counted by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from hammerstone.toolformer.corpus_document import CorpusDocument, Losses, Proposal
from hammerstone.toolformer.score.sweep import KeptCalls, sweep
from hammerstone.toolformer.shards import write_shards

TEXT = "one two 29 four five six seven eight 29"


def spans(text: str) -> list[tuple[int, int]]:
    """Words as tokens, each with the space before it."""
    ends = [at for at, letter in enumerate(text) if letter == " "] + [len(text)]
    return list(zip([0, *ends[:-1]], ends, strict=True))


def propose(gain: float, position: int, *, api: str = "Calculator", result: str | None = "29") -> Proposal:
    losses = Losses(with_result=1.0, with_call=1.0 + gain, without=9.0)
    return Proposal(api=api, input=f"{gain}", position=position, probability=0.1, result=result, losses=losses)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    documents = [
        CorpusDocument(id="a", text=TEXT, proposals=(propose(0.6, 7), propose(0.25, 10), propose(-1.0, 7))),
        CorpusDocument(id="b", text=TEXT, proposals=(propose(0.3, 7), propose(1.0, 7, api="Calendar", result="May"))),
        CorpusDocument(id="c", text=TEXT, proposals=(propose(0.9, 7, result=None),)),
    ]
    write_shards(tmp_path / "filter", documents, settings={})
    return tmp_path / "filter"


def line(found: tuple[KeptCalls, ...], api: str, threshold: float) -> KeptCalls:
    (one,) = [one for one in found if (one.api, one.tau_f) == (api, threshold)]
    return one


def test_calls_documents_and_results_that_come_next_are_counted_at_each_threshold(folder: Path) -> None:
    found = sweep(folder, spans, thresholds=(0.5, 0.2))
    at_half, at_fifth = (line(found, "Calculator", threshold) for threshold in (0.5, 0.2))
    assert (at_half.scored, at_half.kept, at_half.documents, at_half.followed) == (4, 1, 1, 1)
    assert (at_fifth.kept, at_fifth.documents, at_fifth.followed) == (3, 2, 2)
    calendar = line(found, "Calendar", 1.0)
    assert (calendar.kept, calendar.followed) == (1, 0)


def test_a_result_counts_that_begins_within_five_tokens(tmp_path: Path) -> None:
    proposals = (propose(0.6, 7), propose(0.6, 10), propose(0.6, 15))  # 29 is the first, the sixth and the fifth token
    write_shards(tmp_path / "one", [CorpusDocument(id="a", text=TEXT, proposals=proposals)], settings={})
    (kept,) = sweep(tmp_path / "one", spans, thresholds=(0.5,))
    assert (kept.kept, kept.followed) == (3, 2)


def test_the_papers_threshold_and_the_runs_own_are_always_among_them(folder: Path) -> None:
    found = sweep(folder, spans, thresholds=(), chosen={"Calculator": 0.27})
    assert [(one.api, one.tau_f, one.is_default) for one in found] == [
        ("Calculator", 0.5, True),
        ("Calculator", 0.27, False),
        ("Calendar", 1.0, True),
    ]


def test_examples_are_of_the_band_alone_and_of_different_documents(folder: Path) -> None:
    found = sweep(folder, spans, thresholds=(0.5, 0.2, 0.0), examples=5)
    shown = {one.tau_f: [example.losses.gain for example in one.examples] for one in found if one.api == "Calculator"}
    assert {tau: [round(gain, 2) for gain in gains] for tau, gains in shown.items()} == {
        0.5: [0.6],
        0.2: [0.3, 0.25],
        0.0: [],
    }
