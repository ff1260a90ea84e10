"""How far each task is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hammerstone.store import Selection, Store, this_process
from hammerstone.store.records import BuildState, ComparisonKind, Disagreement, ToolState
from hammerstone.store.standing import Ordering
from hammerstone.types import Instance, Source

from .examples import a_tool


@pytest.fixture
def full(store: Store) -> Store:
    """A live tool with a newer version in shadow, one that waits for approval, and a task that collects."""
    store.publish(a_tool())
    store.publish(replace(a_tool(), description="Better."), state=ToolState.SHADOW)
    store.publish(a_tool("products"), state=ToolState.GATED)
    store.add_task("sorting", "Words in order: 100 % of them.")
    store.add_instance("sorting", Instance(question="q", answer="a", source=Source.SOLVER), request_id="r")
    return store


def names(store: Store, **wanted) -> list[tuple[str, int | None]]:
    return [(one.task, one.version) for one in store.standings(Ordering(**wanted))]


def test_tasks_come_with_their_present_version_those_with_most_instances_first(full: Store) -> None:
    assert names(full) == [("sorting", None), ("products", 1), ("sums", 1)]
    assert names(full, limit=1, offset=1) == [("products", 1)]


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("live", [("sums", 1)]),
        ("shadow", [("sums", 2)]),
        ("gated", [("products", 1)]),
        ("collecting", [("sorting", None)]),
        ("building", []),
        ("quarantined", []),
    ],
)
def test_tasks_in_one_state(full: Store, state: str, found: list[tuple[str, int | None]]) -> None:
    assert names(full, state=state) == found


def test_tasks_are_found_by_their_name_or_description_and_no_sign_stands_for_others(full: Store) -> None:
    assert names(full, text="SORT") == [("sorting", None)]
    assert names(full, text="100 %") == [("sorting", None)]
    assert names(full, text="1%%") == []
    assert names(full, text="s_m") == []


def test_a_build_under_way_is_shown_until_its_lease_runs_out(full: Store) -> None:
    full.start_build("sorting", owner=this_process())
    full.start_build("products", owner="elsewhere:1:1", lease_seconds=-1)
    assert names(full, state="building") == [("sorting", None)]
    assert full.progress().building == 1


def test_all_tasks_are_counted_together(full: Store) -> None:
    for agrees in (True, False):
        full.add_comparison(
            "sums",
            1,
            request_id="r",
            kind=ComparisonKind.AUDIT,
            tool_answer="1",
            upstream_answer="1" if agrees else "2",
            rule=lambda _: None,
        )
    full.enqueue("r", "q", None)
    found = full.progress()
    assert (found.tasks, found.collecting, found.queued) == (3, 1, 1)
    assert found.states == {"live": 1, "shadow": 1, "gated": 1}
    assert (found.tally.compared, found.tally.false_hits) == (2, 1)


def test_a_build_whose_text_was_purged_needs_no_review(full: Store) -> None:
    build = full.start_build("sorting", owner="x:1:1")
    assert build is not None
    differ = Disagreement(instance_id=1, question="q", stored="a", tool="b")
    full.end_build(build, BuildState.NEEDS_REVIEW, reason="?", tool=a_tool(), disagreement=differ)
    full.purge(Selection(task="sorting"))
    assert full.progress().review == 0
    assert full.builds_in_review() == ()


def test_a_tool_needs_review_until_a_later_build_has_ended_with_a_tool(full: Store) -> None:
    def end(state: BuildState) -> None:
        build = full.start_build("sorting", owner="x:1:1")
        assert build is not None
        differ = Disagreement(instance_id=1, question="q", stored="a", tool="b")
        full.end_build(build, state, reason="?", tool=a_tool(), disagreement=differ)

    end(BuildState.NEEDS_REVIEW)
    assert full.progress().review == 1
    assert [one.task for one in full.builds_in_review(limit=10)] == ["sorting"]
    assert full.builds_in_review(task="dates") == ()
    end(BuildState.FAILED)
    assert full.progress().review == 1, "a failed build brings no tool, and the first can still be settled"
    assert [one.state for one in full.builds_in_review(task="sorting")] == [BuildState.NEEDS_REVIEW]
    end(BuildState.PASSED)
    assert full.progress().review == 0, "a build that ended with a tool takes its place"
    assert full.builds_in_review() == ()
