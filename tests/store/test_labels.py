"""A person's label wins over every tool, at whatever door it or the tool comes in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hammerstone.errors import SettingsError
from hammerstone.life.states import after_comparison
from hammerstone.settings import LifeSettings
from hammerstone.store import Store, this_process
from hammerstone.store.records import BuildState, ComparisonKind, Disagreement, ToolState
from hammerstone.types import Source

from .examples import a_tool, an_instance

OTHER = an_instance(answer="4", source=Source.LABELER)


def states(store: Store) -> list[ToolState]:
    return [one.state for one in store.tools(all_versions=True)]


@pytest.mark.parametrize("state", [ToolState.LIVE, ToolState.SHADOW])
def test_a_label_takes_a_tool_that_was_checked_on_another_answer_out_of_service(store: Store, state: ToolState) -> None:
    store.publish(a_tool(), state=state)
    store.add_instance("sums", OTHER, request_id="r1")
    assert states(store) == [ToolState.QUARANTINED]
    assert "a person's label is '4'" in store.changes("sums")[-1].reason


def test_a_label_from_the_queue_does_so_too(store: Store) -> None:
    store.publish(a_tool())
    store.label(store.enqueue("r1", "1 + 2?", "sums").id, "4")
    assert states(store) == [ToolState.QUARANTINED]


def test_so_does_one_that_comes_with_a_merged_task(store: Store) -> None:
    store.publish(a_tool())
    store.add_task("additions", "")
    store.add_instance("additions", OTHER, request_id="r1")
    store.merge_tasks("additions", "sums")
    assert states(store) == [ToolState.QUARANTINED]


@pytest.mark.parametrize("answer", ["3", " 3\n"])
def test_a_label_that_agrees_changes_nothing(store: Store, answer: str) -> None:
    store.publish(a_tool())
    store.add_instance("sums", replace(OTHER, answer=answer), request_id="r1")
    assert states(store) == [ToolState.LIVE]


def test_a_solvers_answer_takes_nothing_out_of_service(store: Store) -> None:
    store.publish(a_tool())
    store.add_instance("sums", replace(OTHER, source=Source.SOLVER), request_id="r1")
    assert states(store) == [ToolState.LIVE]


def test_no_tool_goes_live_against_a_label(store: Store) -> None:
    store.add_task("sums", "")
    store.add_instance("sums", OTHER, request_id="r1")
    with pytest.raises(SettingsError, match="a person's label is '4'"):
        store.publish(a_tool())
    store.publish(a_tool(), state=ToolState.GATED)
    with pytest.raises(SettingsError, match="cannot go live"):
        store.approve("sums", None, ToolState.LIVE)
    with pytest.raises(SettingsError, match="cannot go live"):
        store.set_tool_state("sums", None, ToolState.LIVE)
    assert states(store) == [ToolState.GATED]


def test_a_shadow_that_agreed_often_enough_does_not_go_live_against_a_label(store: Store) -> None:
    store.add_task("sums", "")
    store.add_instance("sums", OTHER, request_id="r1")
    store.publish(a_tool(), state=ToolState.SHADOW)
    store.add_comparison(
        "sums",
        1,
        request_id="r2",
        kind=ComparisonKind.SHADOW,
        tool_answer="3",
        upstream_answer="3",
        rule=after_comparison(LifeSettings(shadow=1)),
    )
    assert states(store) == [ToolState.QUARANTINED]


def test_a_tool_that_is_held_back_for_one_label_does_not_go_live_against_another(store: Store) -> None:
    store.add_task("sums", "")
    store.add_instance("sums", an_instance("2 + 2?", "5"), request_id="r1")
    store.add_instance("sums", an_instance(), request_id="r2")
    build = store.start_build("sums", owner=this_process())
    assert build is not None
    (held, _) = store.instances("sums")
    differ = Disagreement(instance_id=held.id, question=held.question, stored="5", tool="4")
    store.end_build(build, BuildState.NEEDS_REVIEW, reason="", tool=a_tool(), disagreement=differ)
    store.add_instance("sums", OTHER, request_id="r3")
    with pytest.raises(SettingsError, match="a person's label is '4'"):
        store.publish_over_label(a_tool(), build_id=build, instance_id=held.id, answer="4")
    assert [one.answer for one in store.instances("sums")] == ["5", "4"], "all or nothing"


def test_the_label_of_a_question_is_a_persons(store: Store) -> None:
    store.add_task("sums", "")
    store.add_instance("sums", an_instance(), request_id="r1")
    assert store.person_label("sums", "1 + 2?") is None
    store.add_instance("sums", OTHER, request_id="r1")
    assert store.person_label("sums", "1 + 2?") == "4"
    assert store.person_label("sums", "1 + 2? ") is None
    assert store.person_label("products", "1 + 2?") is None
