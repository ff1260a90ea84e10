from __future__ import annotations

from dataclasses import replace

import pytest

from hammerstone.errors import NotFoundError
from hammerstone.requests.frame import Frame
from hammerstone.store import Store, this_process
from hammerstone.store.records import BuildState
from hammerstone.types import Source

from .examples import an_instance


def test_what_waits_comes_in_order_of_arrival(store: Store) -> None:
    first = store.enqueue("r1", "9?", "sums")
    second = store.enqueue("r2", "1?", None)
    assert store.queue() == (first, second)
    assert (first.request_id, first.question, first.task) == ("r1", "9?", "sums")


def test_a_request_waits_once(store: Store) -> None:
    first = store.enqueue("r1", "1?", "sums")
    assert store.enqueue("r1", "1?", "sums") == first
    assert store.enqueue("r1", "2?", "sums") != first
    assert store.enqueue("r2", "1?", "sums") != first
    assert len(store.queue()) == 3


def test_a_label_becomes_an_instance_of_the_task(store: Store) -> None:
    queued = store.enqueue("r1", "1?", "sums")
    assert store.label(queued.id, "1") == replace(queued, answer="1")
    assert store.queue() == ()
    (instance,) = store.instances("sums")
    assert (instance.question, instance.answer, instance.source, instance.request_id) == (
        "1?",
        "1",
        Source.LABELER,
        "r1",
    )


def test_a_request_without_a_task_is_labeled_without_an_instance(store: Store) -> None:
    store.label(store.enqueue("r1", "1?", None).id, "1")
    assert store.queue() == ()
    assert store.tasks() == ()


def test_a_label_corrects_the_instance_that_is_there(store: Store) -> None:
    store.add_task("sums", "")
    store.add_instance("sums", an_instance("1?", "2"), request_id="r0")
    store.label(store.enqueue("r1", "1?", "sums").id, "1")
    (instance,) = store.instances("sums")
    assert (instance.answer, instance.former_answer, instance.source) == ("1", "2", Source.LABELER)


def test_a_label_that_corrects_an_instance_lets_a_build_start_at_once(store: Store) -> None:
    store.add_task("sums", "")
    store.add_instance("sums", an_instance("1?", "2"), request_id="r0")
    build = store.start_build("sums", owner=this_process())
    assert build is not None
    store.end_build(build, BuildState.FAILED, reason="")
    store.label(store.enqueue("r1", "1?", "sums").id, "1")
    assert [task.built_at for task in store.tasks()] == [0]


def test_a_request_is_labeled_once(store: Store) -> None:
    queued = store.enqueue("r1", "1?", "sums")
    store.label(queued.id, "1")
    with pytest.raises(NotFoundError):
        store.label(queued.id, "2")
    assert store.instances("sums")[0].answer == "1"


def test_a_request_that_was_labeled_does_not_wait_again_but_has_its_answer(store: Store) -> None:
    queued = store.enqueue("r1", "1?", "sums")
    store.label(queued.id, "1")
    assert store.enqueue("r1", "1?", "sums") == replace(queued, answer="1")
    assert store.queue() == ()


def test_an_answer_for_one_task_is_none_for_another_that_has_the_same_id(store: Store) -> None:
    french = store.enqueue("1", "cat", "french")
    store.label(french.id, "chat")
    german = store.enqueue("1", "cat", "german")
    assert (german.task, german.answer) == ("german", None)
    assert store.enqueue("1", "cat", "french").answer == "chat"
    assert store.enqueue("1", "cat", None).answer is None


def test_an_answer_in_one_frame_is_none_in_another(store: Store) -> None:
    one, other = (Frame(digest=digest) for digest in ("0123456789abcdef", "fedcba9876543210"))
    store.label(store.enqueue("1", "cat", "french", None, one).id, "chat")
    assert store.enqueue("1", "cat", "french", None, other).answer is None
    assert store.enqueue("1", "cat", "french", None, one).answer == "chat"
