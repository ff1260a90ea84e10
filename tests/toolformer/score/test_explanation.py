"""Scored calls, to look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from hammerstone.toolformer.corpus_document import CorpusDocument, Losses, Proposal
from hammerstone.toolformer.score.explanation import count_kept, explain
from hammerstone.toolformer.shards import write_shards

TEXT = "a" * 80 + " 29% " + "b" * 80


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five measured calls of the calculator with gains from -1 to 3, one of the calendar, and one not measured."""
    proposals = [propose(gain) for gain in (-1.0, 3.0, 1.0, 0.5, 0.0)]
    unmeasured = Proposal(api="Calculator", input="2", position=3, probability=0.1, result="2")
    documents = [
        CorpusDocument(id="d", text=TEXT, proposals=(*proposals, unmeasured)),
        CorpusDocument(id="e", text=TEXT, proposals=(propose(1.0, "Calendar"),)),
    ]
    write_shards(tmp_path / "filter", documents, settings={})
    return tmp_path / "filter"


def propose(gain: float, api: str = "Calculator") -> Proposal:
    losses = Losses(with_result=1.0, with_call=1.0 + gain, without=5.0)
    return Proposal(api=api, input=f"{gain}", position=80, probability=0.1, result="r", losses=losses)


def test_calls_are_shown_from_the_one_that_helps_most_to_the_one_that_harms_most(folder: Path) -> None:
    found = explain(folder, 3, {})
    assert [(one.api, one.losses.gain) for one in found] == [
        *(("Calculator", gain) for gain in (3.0, 0.5, -1.0)),
        ("Calendar", 1.0),
    ]


def test_each_says_whether_it_is_kept_by_its_tools_threshold(folder: Path) -> None:
    assert [one.kept for one in explain(folder, 9, {})] == [True, True, True, False, False, True]
    assert [one.kept for one in explain(folder, 9, {"Calculator": 2.0})] == [True, False, False, False, False, True]


def test_the_text_around_a_call_is_shortened(folder: Path) -> None:
    (one,) = explain(folder, 1, {})[:1]
    assert (one.before, one.call) == ("…" + "a" * 60, "[Calculator(3.0) -> r]")
    assert one.after.startswith(" 29% bbb")
    assert one.after.endswith("…")


def test_how_many_are_kept_at_each_threshold_is_counted(folder: Path) -> None:
    calculator, calendar = count_kept(folder, (0.5, 1.0, 2.0))
    assert (calculator.measured, dict(calculator.kept)) == (5, {0.5: 3, 1.0: 2, 2.0: 1})
    assert (calendar.measured, dict(calendar.kept)) == (1, {0.5: 1, 1.0: 1, 2.0: 0})
