"""Tasks that get another name, or become part of another task."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hammerstone.errors import NotFoundError, SettingsError
from hammerstone.requests.frame import Frame
from hammerstone.store import Store, this_process
from hammerstone.store.records import BuildState, ComparisonKind, Disagreement, MergedLabel, ToolState

from .examples import a_call, a_tool, an_answer, an_attempt, an_instance


def fill(store: Store, name: str) -> None:
    """A task with one of everything, and two versions of a tool."""
    store.publish(a_tool(name, f"# {name}, first"))
    store.publish(a_tool(name, f"# {name}, second"))
    store.add_instance(name, an_instance(f"{name}?"), request_id="r1")
    store.assign(f"{name}?", name)
    store.add_answer(an_answer(task=name, tool=name, version=2))
    store.add_call(a_call(name, task=name))
    store.enqueue("r7", f"{name} of 7?", name)
    store.add_comparison(
        name, 2, request_id="r1", kind=ComparisonKind.AUDIT, tool_answer="3", upstream_answer="4", rule=lambda _: None
    )
    build = store.start_build(name, owner=this_process())
    assert build is not None
    store.add_attempt(build, an_attempt())
    differ = Disagreement(instance_id=1, question="?", stored="3", tool="4")
    store.end_build(build, BuildState.NEEDS_REVIEW, reason="", tool=a_tool(name, "third"), disagreement=differ)


def names(store: Store) -> list[str]:
    return [task.name for task in store.tasks()]


@pytest.mark.parametrize("act", [lambda store: store.rename_task("sums", "dates"), lambda store: merged(store)])
def test_tools_builds_answers_calls_and_waiting_requests_follow_the_name(
    store: Store, act: Callable[[Store], object]
) -> None:
    fill(store, "sums")
    before = store.tools_revision()
    act(store)
    assert names(store) == ["dates"]
    assert store.tools_revision() > before
    assert {tool.tool.name for tool in store.tools(all_versions=True)} == {"dates"}
    assert {row.task for row in store.routes()} == {row.task for row in store.ledger()} == {"dates"}
    assert {(row.tool, row.served) for row in store.tool_rows()} == {("dates", 0), ("dates", 1)}
    assert [(one.task, one.question) for one in store.queue()] == [("dates", "sums of 7?")]
    assert [(build.task, build.tool and build.tool.name) for build in store.builds()] == [("dates", "dates")]
    assert store.assigned("sums?") == "dates"
    assert [one.question for one in store.instances("dates")] == ["sums?"]
    assert sum(len(store.comparisons("dates", version)) for version in (1, 2)) == 1


def merged(store: Store) -> None:
    store.add_task("dates", "")
    store.merge_tasks("sums", "dates")


def test_a_renamed_tool_serves_as_before_under_a_digest_of_its_own(store: Store) -> None:
    fill(store, "sums")
    store.rename_task("sums", "dates")
    (tool,) = store.live_tools()
    assert (tool.task, tool.version, tool.tool.source) == ("dates", 2, "# sums, second")
    assert store.publish(tool.tool) == tool, "it is the same version"


def test_the_versions_of_a_merged_task_are_numbered_on_and_replaced(store: Store) -> None:
    fill(store, "sums")
    fill(store, "dates")
    assert store.merge_tasks("sums", "dates").tools == (3, 4)
    assert [(tool.version, tool.state) for tool in store.tools(all_versions=True)] == [
        *((1, ToolState.REPLACED), (2, ToolState.LIVE), (3, ToolState.REPLACED), (4, ToolState.REPLACED)),
    ]
    assert [(row.version, row.served) for row in store.tool_rows()] == [(1, 0), (2, 1), (3, 0), (4, 1)]
    rows = [(row.tool, row.version, row.state, row.tally) for row in store.tool_rows()]
    assert [(one.tool, one.version, one.state, one.tally) for one in store.tallies()] == rows
    assert [(one.tool, one.version) for one in store.comparisons("dates", 4)] == [("dates", 4)]
    assert store.changes("dates")[-1].reason == "its task was merged into dates"


def test_a_tool_of_a_merged_task_is_not_what_was_live_before(store: Store) -> None:
    fill(store, "dates")
    fill(store, "sums")
    store.merge_tasks("sums", "dates")
    assert store.roll_back("dates").version == 1


def test_a_build_of_a_merged_task_can_not_be_settled_any_more(store: Store) -> None:
    fill(store, "sums")
    fill(store, "dates")
    store.merge_tasks("sums", "dates")
    assert [build.state for build in store.builds("dates")] == [BuildState.NEEDS_REVIEW, BuildState.REPLACED]


def test_of_two_labels_of_a_question_that_of_the_task_that_stays_stays(store: Store) -> None:
    for name, answer in (("sums", "4"), ("dates", "3")):
        store.add_task(name, "")
        store.add_instance(name, an_instance("both?", answer), request_id="r1")
        store.add_instance(name, an_instance("alike?", "5" if name == "sums" else "5.0"), request_id="r2")
        store.add_instance(name, an_instance(f"{name}?"), request_id="r3")
    merged = store.merge_tasks("sums", "dates")
    assert merged.conflicts == (MergedLabel(question="both?", answer="3", former_answer="4"),)
    assert (merged.instances, merged.task.instances) == (1, 4)
    assert {(one.question, one.answer, one.former_answer) for one in store.instances("dates")} == {
        *(("both?", "3", "4"), ("alike?", "5.0", None), ("dates?", "3", None), ("sums?", "3", None)),
    }


def test_a_tool_that_both_tasks_have_is_one_version(store: Store) -> None:
    fill(store, "sums")
    store.add_task("dates", "")
    store.publish(a_tool("dates", "# sums, first"))
    assert store.merge_tasks("sums", "dates").tools == (1, 2)
    assert [tool.state for tool in store.tools(all_versions=True)] == [ToolState.LIVE, ToolState.REPLACED]


@pytest.mark.parametrize("built", ["sums", "dates"])
def test_while_a_tool_is_being_built_nothing_is_renamed_or_merged(store: Store, built: str) -> None:
    for name in ("sums", "dates"):
        store.add_task(name, "")
    store.start_build(built, owner=this_process())
    with pytest.raises(SettingsError, match=f"a tool for {built} is being built"):
        store.merge_tasks("sums", "dates")
    with pytest.raises(SettingsError, match=f"a tool for {built} is being built"):
        store.rename_task(built, "new")
    assert names(store) == ["sums", "dates"]


def test_tasks_whose_requests_have_different_frames_are_not_merged(store: Store) -> None:
    store.add_task("sums", "", Frame(digest="a" * 16))
    store.add_task("dates", "")
    with pytest.raises(SettingsError, match="different frames"):
        store.merge_tasks("sums", "dates")


def test_a_name_that_is_taken_is_not_given_twice(store: Store) -> None:
    store.add_task("sums", "")
    store.add_task("dates", "")
    with pytest.raises(SettingsError, match="there is a task dates already") as caught:
        store.rename_task("sums", "dates")
    assert caught.value.hint.endswith("hammerstone tasks merge sums dates")


@pytest.mark.parametrize("name", ["", "Two Words", "class", "a/b"])
def test_what_is_no_name_for_a_tool_is_none_for_a_task(store: Store, name: str) -> None:
    store.add_task("sums", "")
    with pytest.raises(SettingsError, match="is not a name for a task"):
        store.rename_task("sums", name)


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.rename_task("none", "dates"),
        lambda store: store.merge_tasks("none", "sums"),
        lambda store: store.merge_tasks("sums", "none"),
    ],
)
def test_a_task_that_is_not_there_is_not_renamed_or_merged(store: Store, act: Callable[[Store], object]) -> None:
    store.add_task("sums", "")
    with pytest.raises(NotFoundError):
        act(store)


def test_a_task_is_not_merged_into_itself(store: Store) -> None:
    store.add_task("sums", "")
    with pytest.raises(SettingsError, match="are one task"):
        store.merge_tasks("sums", "sums")
