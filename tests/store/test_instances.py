from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hammerstone.errors import NotFoundError
from hammerstone.requests.frame import Frame
from hammerstone.store import Store, this_process
from hammerstone.store.records import BuildState, StoredInstance
from hammerstone.types import Source

from .examples import an_instance

# NUL, halves of surrogate pairs alone and together, and the mark that escapes them
ANY_TEXT = st.text(st.one_of(st.characters(exclude_categories=()), st.sampled_from("\0\ud83d\ude00\ufdd0d8fe")))


def test_instances_come_in_order_of_arrival(store: Store) -> None:
    store.add_task("sums", "")
    first = store.add_instance("sums", an_instance("9?"), request_id="r1")
    second = store.add_instance("sums", an_instance("1?", "1", Source.CALLER), request_id="r2")

    assert store.instances("sums") == (first, second)
    assert second is not None
    assert second == StoredInstance(
        id=second.id,
        question="1?",
        answer="1",
        source=Source.CALLER,
        request_id="r2",
        created=second.created,
    )


def test_a_question_is_stored_once_under_a_task(store: Store) -> None:
    store.add_task("sums", "")
    store.add_task("other", "")
    first = store.add_instance("sums", an_instance("1?", "1"), request_id="r1")

    assert store.add_instance("sums", an_instance("1?", "2"), request_id="r2") is None
    assert store.add_instance("other", an_instance("1?", "2"), request_id="r3") is not None
    assert store.instances("sums") == (first,)
    assert [task.instances for task in store.tasks()] == [1, 1]


def built_at(store: Store) -> int:
    (task,) = store.tasks()
    return task.built_at


def built_once(store: Store) -> None:
    build = store.start_build("sums", owner=this_process())
    assert build is not None
    store.end_build(build, BuildState.FAILED, reason="no module passed")


@pytest.mark.parametrize("first", list(Source))
@pytest.mark.parametrize("later", [Source.CALLER, Source.LABELER])
def test_a_persons_answer_corrects_the_stored_one_and_a_build_is_due_at_once(
    store: Store, first: Source, later: Source
) -> None:
    store.add_task("sums", "")
    store.add_instance("sums", an_instance("1?", "2", first), request_id="r1")
    built_once(store)

    corrected = store.add_instance("sums", an_instance("1?", "1", later), request_id="r2")
    assert corrected is not None
    assert (corrected.answer, corrected.source, corrected.former_answer) == ("1", later, "2")
    assert store.instances("sums") == (corrected,)
    assert ([task.instances for task in store.tasks()], built_at(store)) == ([1], 0)


@pytest.mark.parametrize("first", list(Source))
def test_a_solvers_answer_corrects_nothing(store: Store, first: Source) -> None:
    store.add_task("sums", "")
    there = store.add_instance("sums", an_instance("1?", "1", first), request_id="r1")
    built_once(store)

    assert store.add_instance("sums", an_instance("1?", "2", Source.SOLVER), request_id="r2") is None
    assert store.instances("sums") == (there,)
    assert built_at(store) == 1


def test_a_persons_word_for_a_solvers_answer_holds_and_changes_no_more(store: Store) -> None:
    store.add_task("sums", "")
    store.add_instance("sums", an_instance("1?", "1", Source.SOLVER), request_id="r1")
    built_once(store)

    assert store.add_instance("sums", an_instance("1?", "1", Source.CALLER), request_id="r2") is None
    (instance,) = store.instances("sums")
    assert (instance.source, instance.former_answer, built_at(store)) == (Source.CALLER, None, 1)


@pytest.mark.parametrize(("first", "later"), [("5", "5.0"), ('{"a": 1, "b": 2}', '{"b":2,"a":1}'), ("Paris", " Paris")])
def test_a_label_in_another_spelling_is_no_correction_and_is_stored_as_it_is_now_written(
    store: Store, first: str, later: str
) -> None:
    store.add_task("sums", "")
    store.add_instance("sums", an_instance("1?", first, Source.CALLER), request_id="r1")
    built_once(store)

    assert store.add_instance("sums", an_instance("1?", later, Source.CALLER), request_id="r2") is None
    (instance,) = store.instances("sums")
    assert (instance.answer, instance.former_answer, built_at(store)) == (later, None, 1)


def test_an_instance_of_an_unknown_task_is_refused(store: Store) -> None:
    with pytest.raises(NotFoundError, match="sums"):
        store.add_instance("sums", an_instance(), request_id="r1")


def test_a_new_label_keeps_the_former_one(store: Store) -> None:
    store.add_task("sums", "")
    added = store.add_instance("sums", an_instance(answer="4"), request_id="r1")
    assert added is not None

    store.relabel(added.id, "3", Source.LABELER)
    (instance,) = store.instances("sums")
    assert (instance.answer, instance.source, instance.former_answer) == ("3", Source.LABELER, "4")


def test_the_same_label_again_does_not_lose_the_former_one(store: Store) -> None:
    store.add_task("sums", "")
    added = store.add_instance("sums", an_instance(answer="4"), request_id="r1")
    assert added is not None

    store.relabel(added.id, "3", Source.SOLVER)
    store.relabel(added.id, "3", Source.LABELER)
    (instance,) = store.instances("sums")
    assert (instance.answer, instance.source, instance.former_answer) == ("3", Source.LABELER, "4")


@pytest.mark.parametrize("who", [Source.CALLER, Source.LABELER])
def test_a_solvers_label_replaces_no_persons(store: Store, who: Source) -> None:
    store.add_task("sums", "")
    added = store.add_instance("sums", an_instance(answer="4"), request_id="r1")
    assert added is not None
    store.add_instance("sums", an_instance(answer="5", source=who), request_id="r2")

    assert store.relabel(added.id, "3", Source.SOLVER) == store.instances("sums")[0]
    (instance,) = store.instances("sums")
    assert (instance.answer, instance.source, instance.former_answer) == ("5", who, "4")


def test_relabeling_an_unknown_instance_is_refused(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.relabel(7, "3", Source.LABELER)


@settings(
    max_examples=25,
    suppress_health_check=[*settings().suppress_health_check, HealthCheck.function_scoped_fixture],
)
@given(question=ANY_TEXT, answer=ANY_TEXT)
def test_any_text_is_stored_and_read_as_it_is(store: Store, question: str, answer: str) -> None:
    store.add_task("any", "")
    store.add_instance("any", an_instance(question, answer), request_id=question)
    same = [each for each in store.instances("any") if each.question == question]
    assert [each.request_id for each in same] == [question]
    assert store.add_instance("any", an_instance(question, "other"), request_id="r") is None


def test_the_only_task_that_has_a_question_in_this_frame_is_found(store: Store) -> None:
    store.add_task("sums", "")
    assert store.task_of("1 + 2?") is None
    store.add_instance("sums", an_instance(), request_id="1")
    assert store.task_of("1 + 2?") == "sums"
    assert store.task_of("1 + 2?", Frame(digest="0" * 16)) is None
    store.add_task("others", "")
    store.add_instance("others", an_instance(), request_id="1")
    assert store.task_of("1 + 2?") is None, "nobody knows which of the two"
