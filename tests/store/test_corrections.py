"""Somebody says that an answer was wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hammerstone.errors import NotFoundError, SettingsError
from hammerstone.store import Store
from hammerstone.store.records import Actor, Correction, ToolState
from hammerstone.types import Route, Source

from .examples import a_tool, an_answer, an_instance, finish


@pytest.fixture
def answered(store: Store) -> Store:
    """A store whose tool has answered two requests, and a solver a third one, which is an instance."""
    store.publish(a_tool())
    store.add_answers([an_answer("r1"), an_answer("r2", question="2 + 2?")])
    solved = an_answer("r3", question="5 + 5?", route=Route.SOLVER)
    finish(store, solved, task="sums", instance=an_instance("5 + 5?", "3"))
    return store


def state(store: Store) -> ToolState:
    (stored,) = store.tools()
    return stored.state


def test_the_tool_that_gave_a_wrong_answer_is_quarantined_and_the_right_one_is_an_instance(answered: Store) -> None:
    assert answered.correct("r1", "4") == Correction(
        request_id="r1",
        question="1 + 2?",
        wrong="3",
        answer="4",
        task="sums",
        tool="sums",
        version=1,
        quarantined=True,
        labeled=True,
        former_label=None,
    )
    assert (state(answered), answered.live_tools()) == (ToolState.QUARANTINED, ())
    change = answered.changes("sums")[-1]
    assert (change.who, change.reason) == (Actor.CORRECTION, "its answer to 'r1' was corrected")
    instance = answered.instances("sums")[-1]
    assert (instance.question, instance.answer, instance.source) == ("1 + 2?", "4", Source.CALLER)


def test_without_the_right_answer_the_tool_is_quarantined_and_no_label_is_kept(answered: Store) -> None:
    correction = answered.correct("r1")
    assert (correction.quarantined, correction.labeled, state(answered)) == (True, False, ToolState.QUARANTINED)
    assert [one.question for one in answered.instances("sums")] == ["5 + 5?"]


def test_an_answer_of_the_solver_is_relabeled_and_no_tool_is_to_blame(answered: Store) -> None:
    correction = answered.correct("r3", "10")
    assert (correction.quarantined, correction.labeled, correction.former_label) == (False, True, "3")
    assert state(answered) is ToolState.LIVE
    (instance,) = answered.instances("sums")
    assert (instance.answer, instance.former_answer, instance.source) == ("10", "3", Source.CALLER)


def test_a_wrong_answer_of_the_solver_is_no_instance_any_more(answered: Store) -> None:
    correction = answered.correct("r3")
    assert (correction.dropped, correction.labeled, state(answered)) == (True, False, ToolState.LIVE)
    assert answered.instances("sums") == ()
    (task,) = answered.tasks()
    assert task.instances == 0
    assert not answered.correct("r3").dropped, "and saying it again is no error"


def test_a_tool_that_was_built_from_a_wrong_answer_is_quarantined(answered: Store) -> None:
    finish(answered, an_answer("r5", route=Route.SOLVER), task="sums", instance=an_instance("1 + 2?", "3"))
    assert answered.correct("r5").dropped
    assert state(answered) is ToolState.QUARANTINED


def test_an_answer_that_is_right_is_a_label(answered: Store) -> None:
    assert [answered.confirm("r1").labeled for _ in range(2)] == [True, True]
    instance = answered.instances("sums")[-1]
    assert (instance.question, instance.answer, instance.source) == ("1 + 2?", "3", Source.CALLER)
    assert sum(row.correct for row in answered.routes()) == 1


def test_the_newest_answer_with_this_id_is_corrected(answered: Store) -> None:
    answered.publish(a_tool(source="def solve(a, b):\n    return b + a\n"))
    answered.add_answer(replace(an_answer("r1", question="7 + 7?"), version=2))
    answered.add_answer(replace(an_answer("r1", route=None), answer=None))
    correction = answered.correct("r1", "14")
    assert (correction.question, correction.version) == ("7 + 7?", 2)


def test_a_version_that_serves_no_more_is_quarantined_too_and_does_not_come_back(answered: Store) -> None:
    answered.publish(a_tool(source="def solve(a, b):\n    return b + a\n"))
    assert answered.correct("r1").quarantined
    assert [tool.state for tool in answered.tools(all_versions=True)] == [ToolState.QUARANTINED, ToolState.LIVE]
    with pytest.raises(NotFoundError):
        answered.roll_back("sums")


def test_the_same_correction_again_changes_nothing_more(answered: Store) -> None:
    answered.correct("r1", "4")
    again = answered.correct("r1", "4")
    assert (again.quarantined, again.labeled, again.former_label) == (False, True, None)
    assert len(answered.changes("sums")) == 2


def test_a_right_answer_that_cannot_be_a_label_is_refused_and_changes_nothing(answered: Store) -> None:
    answered.add_answer(an_answer("r4", route=Route.SOLVER, task=None))
    with pytest.raises(SettingsError, match="no task is known of it"):
        answered.correct("r4", "4")
    assert answered.corrections(limit=1) == ()


def test_a_persons_label_that_is_wrong_is_corrected_or_withdrawn(answered: Store) -> None:
    answered.correct("r3", "10")
    answered.add_answer(replace(an_answer("r4", question="5 + 5?", route=Route.LABELER), answer="10", tool=None))
    again = answered.correct("r4", "ten")
    assert (again.labeled, again.former_label) == (True, "10")
    answered.add_answer(replace(an_answer("r5", question="5 + 5?", route=Route.LABELER), answer="ten", tool=None))
    assert answered.correct("r5").dropped
    assert answered.instances("sums") == ()


def test_a_correction_outlives_the_task_and_the_tool(answered: Store) -> None:
    answered.correct("r1", "4")
    answered.remove_task("sums")
    correction = answered.correct("r2", "5")
    assert (correction.tool, correction.quarantined, correction.labeled) == ("sums", False, False)


@pytest.mark.parametrize(
    ("request_id", "answer", "error"),
    [
        ("r9", "4", "no request 'r9' was answered here"),
        ("r4", None, "no tool answered r4"),
        ("r1", " 3 ", "r1 was answered so"),
    ],
)
def test_what_cannot_be_corrected_changes_nothing(
    answered: Store, request_id: str, answer: str | None, error: str
) -> None:
    answered.add_answer(an_answer("r4", question="no instance", route=Route.SOLVER))
    with pytest.raises((NotFoundError, SettingsError), match=error) as caught:
        answered.correct(request_id, answer)
    assert caught.value.hint
    assert (state(answered), len(answered.instances("sums"))) == (ToolState.LIVE, 1)


def test_what_a_version_has_answered_is_listed_newest_first(answered: Store) -> None:
    assert answered.answers_of("sums", 1) == (an_answer("r2", question="2 + 2?"), an_answer("r1"))
    assert answered.answers_of("sums", 2) == ()
