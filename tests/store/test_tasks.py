from __future__ import annotations

import pytest

from hammerstone.errors import NotFoundError, SettingsError
from hammerstone.store import Store, open_store, this_process
from hammerstone.store.records import BuildState

from .examples import a_call, a_tool, an_answer, an_attempt, an_instance


def test_tasks_come_in_order_of_creation_with_their_counts(store: Store) -> None:
    store.add_task("sums", "Add numbers.")
    store.add_task("dates", "Count days.")
    store.add_instance("dates", an_instance("1?"), request_id="r1")
    store.add_instance("dates", an_instance("2?"), request_id="r2")

    assert [(task.name, task.description, task.instances, task.built_at) for task in store.tasks()] == [
        ("sums", "Add numbers.", 0, 0),
        ("dates", "Count days.", 2, 0),
    ]


def test_a_task_is_found_by_its_name(store: Store) -> None:
    added = store.add_task("sums", "Add numbers.")
    assert store.task("sums") == added
    assert store.task("Sums") is None


def test_adding_a_task_again_gives_the_same_task_as_it_was(store: Store) -> None:
    first = store.add_task("sums", "Add numbers.")
    assert store.add_task("sums", "Something else.") == first
    assert store.tasks() == (first,)


def test_what_was_stored_is_there_after_reopening(where: str) -> None:
    with open_store(where) as store:
        task = store.add_task("sums", "Add numbers.")
    with open_store(where) as store:
        assert store.tasks() == (task,)


def test_a_question_keeps_the_task_it_was_once_found_to_be_of(store: Store) -> None:
    assert store.assigned("1 + 1?") is None
    store.assign("1 + 1?", "sums", "adds")
    store.assign("1 + 1?", "other")
    assert store.assigned("1 + 1?") == "sums"
    assert store.assigned("1 + 2?") is None
    assert [(task.name, task.description) for task in store.tasks()] == [("sums", "adds"), ("other", "")]


def fill(store: Store, name: str) -> int:
    """A task with one of everything; its build."""
    store.publish(a_tool(name))
    store.add_instance(name, an_instance(f"{name}?"), request_id="r1")
    store.assign(f"{name}?", name)
    store.add_answer(an_answer(task=name))
    store.add_call(a_call(name, task=name))
    build = store.start_build(name, owner=this_process())
    assert build is not None
    store.add_attempt(build, an_attempt())
    store.end_build(build, BuildState.FAILED, reason="")
    return build


def test_a_removed_task_leaves_what_was_paid_and_answered(store: Store) -> None:
    build, other = fill(store, "sums"), fill(store, "dates")
    before = store.tools_revision()
    store.remove_task("sums")
    assert [task.name for task in store.tasks()] == ["dates"]
    assert (store.task("sums"), store.instances("sums"), store.assigned("sums?")) == (None, (), None)
    assert ([tool.task for tool in store.live_tools()], store.attempts(build)) == (["dates"], ())
    assert [one.id for one in store.builds()] == [other]
    assert store.tools_revision() > before
    assert sorted(str(row.task) for row in store.routes()) == ["dates", "sums"]
    assert store.find_call("sums", "test:strong") is not None


def test_a_removed_task_may_come_again_and_begins_anew(store: Store) -> None:
    fill(store, "sums")
    store.remove_task("sums")
    fill(store, "sums")
    assert [(task.instances, task.built_at) for task in store.tasks()] == [(1, 1)]


def test_a_task_whose_tool_is_being_made_is_not_removed(store: Store) -> None:
    fill(store, "sums")
    store.start_build("sums", owner=this_process())
    with pytest.raises(SettingsError, match="a tool for sums is being built"):
        store.remove_task("sums")
    assert len(store.instances("sums")) == 1


def test_a_build_that_its_owner_has_left_keeps_no_task(store: Store) -> None:
    store.add_task("sums", "")
    store.start_build("sums", owner="another-host:1", lease_seconds=-1)
    store.remove_task("sums")
    assert store.tasks() == ()


def test_what_waits_for_a_labeler_outlives_its_task(store: Store) -> None:
    fill(store, "sums")
    waiting = store.enqueue("r7", "7?", "sums")
    store.remove_task("sums")
    assert [(one.id, one.task) for one in store.queue()] == [(waiting.id, None)]
    store.label(waiting.id, "7")
    assert store.tasks() == ()


def test_an_unknown_task_is_not_removed(store: Store) -> None:
    with pytest.raises(NotFoundError, match="sums"):
        store.remove_task("sums")
