"""A tool moves from one state to the next."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hammerstone.life.states import after_comparison, approved_state, first_state
from hammerstone.settings import LifeSettings
from hammerstone.store.records import StoredTool, Tally, ToolState

from ..samples.tools import a_tool, stored, without_parser

SHADOWED = LifeSettings(shadow=20)
BOUNDED = LifeSettings(shadow=20, max_false_hit_rate=0.05)


def compared(state: ToolState, n: int, false_hits: int = 0) -> StoredTool:
    tally = Tally(compared=n, disagreed=false_hits, false_hits=false_hits, in_a_row=n)
    return replace(stored(a_tool()), state=state, tally=tally)


@pytest.mark.parametrize(
    ("settings", "first", "approved"),
    [
        (LifeSettings(), ToolState.LIVE, ToolState.LIVE),
        (SHADOWED, ToolState.SHADOW, ToolState.SHADOW),
        (LifeSettings(max_false_hit_rate=0.01), ToolState.SHADOW, ToolState.SHADOW),
        (LifeSettings(approval="manual"), ToolState.GATED, ToolState.LIVE),
        (LifeSettings(approval="manual", shadow=1), ToolState.GATED, ToolState.SHADOW),
    ],
)
def test_a_tool_that_passed_the_gate_waits_or_is_watched_or_serves(
    settings: LifeSettings, first: ToolState, approved: ToolState
) -> None:
    assert (first_state(a_tool(), settings), approved_state(settings)) == (first, approved)


@pytest.mark.parametrize(
    ("settings", "first"),
    [(LifeSettings(), ToolState.LIVE), (SHADOWED, ToolState.GATED), (BOUNDED, ToolState.GATED)],
)
def test_a_tool_without_a_parser_waits_for_a_person_where_it_would_be_watched(
    settings: LifeSettings, first: ToolState
) -> None:
    assert first_state(without_parser(), settings) is first


def test_a_tool_in_shadow_goes_live_when_it_agreed_often_enough_in_a_row() -> None:
    rule = after_comparison(SHADOWED)
    assert rule(compared(ToolState.SHADOW, 19)) is None
    move = rule(compared(ToolState.SHADOW, 20))
    assert move is not None
    assert move.to is ToolState.LIVE
    assert move.reason == "it agreed with the upstream 20 times in a row; false-hit rate at most 19.9 %"


def test_a_tool_whose_bound_is_too_high_is_shadowed_on() -> None:
    rule = after_comparison(BOUNDED)
    assert rule(compared(ToolState.SHADOW, 80)) is None
    move = rule(compared(ToolState.SHADOW, 100))
    assert move is not None
    assert move.to is ToolState.LIVE


def test_a_live_tool_whose_bound_rises_too_high_comes_back_into_shadow() -> None:
    rule = after_comparison(BOUNDED)
    assert rule(compared(ToolState.LIVE, 1_000, 10)) is None
    move = rule(compared(ToolState.LIVE, 1_000, 100))
    assert move is not None
    assert (move.to, move.reason) == (ToolState.SHADOW, "false-hit rate at most 13.2 %, above 5 %")


def test_a_live_tool_without_a_parser_whose_bound_rises_too_high_waits_for_a_person() -> None:
    live = replace(compared(ToolState.LIVE, 1_000, 100), tool=without_parser())
    move = after_comparison(BOUNDED)(live)
    assert move is not None
    assert move.to is ToolState.GATED


@pytest.mark.parametrize("state", [one for one in ToolState if one not in (ToolState.SHADOW, ToolState.LIVE)])
def test_a_tool_that_neither_serves_nor_is_watched_stays_as_it_is(state: ToolState) -> None:
    assert after_comparison(SHADOWED)(compared(state, 100)) is None
