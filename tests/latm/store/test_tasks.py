from __future__ import annotations

from hammerstone.latm.store import Store, open_store

from .examples import an_instance


def test_tasks_come_in_order_of_creation_with_their_counts(store: Store) -> None:
    store.add_task("sums", "Add numbers.")
    store.add_task("dates", "Count days.")
    store.add_instance("dates", an_instance("1?"), request_id="r1")
    store.add_instance("dates", an_instance("2?"), request_id="r2")

    assert [(task.name, task.description, task.instances, task.made_at) for task in store.tasks()] == [
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
