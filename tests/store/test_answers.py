from __future__ import annotations

from hammerstone.requests.frame import Form, Frame
from hammerstone.store import Store
from hammerstone.store.records import Answered, Finished
from hammerstone.types import Route

from .examples import a_tool, an_answer, an_instance, finish


def requests(store: Store) -> int:
    return sum(row.requests for row in store.routes())


def test_many_answers_are_stored_at_once(store: Store) -> None:
    store.add_answers([an_answer("r1"), an_answer("r2")])
    store.add_answers([])
    assert requests(store) == 2


def test_a_finished_request_stores_its_answer_and_its_instance(store: Store) -> None:
    store.add_task("sums", "")
    finish(store, an_answer(route=Route.SOLVER), task="sums", instance=an_instance())
    (instance,) = store.instances("sums")
    assert instance.request_id == "r1"
    assert requests(store) == 1


def test_a_finished_request_may_bring_no_instance(store: Store) -> None:
    finish(store, an_answer())
    assert requests(store) == 1


def test_a_request_whose_task_was_removed_meanwhile_is_finished_without_an_instance(store: Store) -> None:
    finish(store, an_answer(), task="removed", instance=an_instance())
    assert requests(store) == 1
    assert store.tasks() == ()


def test_a_question_that_is_known_already_still_gets_its_answer_stored(store: Store) -> None:
    store.add_task("sums", "")
    for id in ("r1", "r2"):  # noqa: A001 - the record's own word
        finish(store, an_answer(id, route=Route.SOLVER), task="sums", instance=an_instance())
    assert requests(store) == 2
    assert len(store.instances("sums")) == 1


def refused(question: str, *, route: Route | None = Route.USER, task: str = "sums") -> Answered:
    return an_answer(question, question=question, route=route, task=task, refusals=("the parser: no match",))


def test_refused_questions_come_newest_first_and_once_each(store: Store) -> None:
    store.publish(a_tool())
    store.add_answers([refused("1?"), refused("2?", route=Route.SOLVER), refused("3?"), refused("1?")])
    assert store.refused_questions("sums", 10) == ("1?", "3?", "2?")
    assert store.refused_questions("sums", 2) == ("1?", "3?")


def test_only_what_another_route_answered_after_a_refusal_counts_as_refused(store: Store) -> None:
    store.publish(a_tool())
    store.publish(a_tool("other"))
    store.add_answers(
        [
            an_answer(question="parsed?"),
            an_answer(question="never asked the parser?", route=Route.SOLVER),
            refused("not answered?", route=None),
            refused("of another task?", task="other"),
        ]
    )
    assert store.refused_questions("sums", 10) == ()


def test_nothing_was_refused_before_there_was_a_tool(store: Store) -> None:
    store.add_task("sums", "")
    store.add_answer(refused("1?"))
    store.publish(a_tool())
    store.add_answer(refused("2?"))
    assert store.refused_questions("sums", 10) == ("2?",)


def test_a_write_that_is_tried_again_stores_no_request_twice(store: Store) -> None:
    store.add_task("sums", "")
    over = [Finished(answered=an_answer(id, route=Route.SOLVER)) for id in ("r1", "r2")]  # noqa: A001 - the record's own word
    with_instance = Finished(answered=an_answer("r3", route=Route.SOLVER), task="sums", instance=an_instance())
    store.finish_requests(over)
    store.finish_requests([*over, with_instance], again=True)
    assert requests(store) == 3
    assert len(store.instances("sums")) == 1


def test_an_instance_of_another_frame_than_its_task_has_now_is_not_stored_and_its_task_is_said(store: Store) -> None:
    frame = Frame(form=Form.LAST, digest="0" * 64)
    store.add_task("sums", "")
    over = Finished(answered=an_answer(), task="sums", frame=frame, instance=an_instance())
    assert store.finish_requests([over]) == {"sums"}
    assert store.instances("sums") == ()
    assert requests(store) == 1
