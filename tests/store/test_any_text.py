"""Any text goes through every column that holds what users and models wrote, and comes back as it was."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hammerstone.escaping import escape, restore
from hammerstone.store import Store, this_process
from hammerstone.store.records import BuildState, Disagreement
from hammerstone.types import Route

from .examples import a_tool, an_answer, an_attempt

ODD = ["\0", "a\ud800b", "\udcff", "\ud83d\ude00", "\ufdd0", "\ufdd0d800", "\ufdd0\ud800\0"]


@pytest.mark.parametrize("odd", ODD)
def test_what_is_escaped_can_be_stored_and_is_restored(odd: str) -> None:
    assert restore(escape(odd)) == odd
    assert "\0" not in escape(odd)
    escape(odd).encode()


def test_other_text_is_stored_as_it_is() -> None:
    assert escape("naïve \ufffd \U0001f600 \\u0000 \ufdd1") == "naïve \ufffd \U0001f600 \\u0000 \ufdd1"


@pytest.mark.parametrize("odd", ODD)
def test_a_task_is_found_under_its_odd_name(store: Store, odd: str) -> None:
    task = store.add_task(odd, odd)
    assert store.task(odd) == task
    assert (task.name, task.description) == (odd, odd)
    store.assign(odd, odd)
    assert store.assigned(odd) == odd


@pytest.mark.parametrize("odd", ODD)
def test_an_attempt_and_a_disagreement_are_read_as_they_were(store: Store, odd: str) -> None:
    store.add_task("sums", "")
    build_id = store.start_build("sums", owner=this_process())
    assert build_id is not None
    attempt = replace(an_attempt(), source=odd, problems=(odd, "plain"))
    store.add_attempt(build_id, attempt)
    differ = Disagreement(instance_id=1, question=odd, stored=odd, tool=odd)
    store.end_build(build_id, BuildState.NEEDS_REVIEW, reason=odd, tool=a_tool(), disagreement=differ)
    (build,) = store.builds()
    assert store.attempts(build_id) == (attempt,)
    assert (build.reason, build.disagreement) == (odd, differ)


@pytest.mark.parametrize("odd", ODD)
def test_an_answer_and_a_waiting_request_are_read_as_they_were(store: Store, odd: str) -> None:
    store.publish(a_tool(odd))
    answered = an_answer(odd, question=odd, task=odd, route=None, refusals=(odd,))
    store.add_answer(replace(answered, answer=odd, error=odd))
    assert [row.task for row in store.routes()] == [odd]
    queued = store.enqueue(odd, odd, odd)
    assert store.queue() == (queued,)
    assert store.label(queued.id, odd).answer == odd
    assert [one.answer for one in store.instances(odd)] == [odd]


@pytest.mark.parametrize("odd", ["a\0b", "a\ud800b", "\udcff"])
def test_a_tool_that_holds_such_text_is_read_as_it_was(store: Store, odd: str) -> None:
    tool = a_tool()
    check = replace(tool.checks[0], question=odd, answer=odd, arguments={"a": odd, "b": [odd]})
    tool = replace(tool, checks=(check,), description=odd, wording=(odd,))
    store.publish(tool)
    assert [one.tool for one in store.live_tools()] == [tool]


@pytest.mark.parametrize("odd", ODD)
def test_refused_questions_of_an_odd_task_are_found(store: Store, odd: str) -> None:
    store.publish(a_tool(odd))
    store.add_answer(an_answer(question=odd, route=Route.SOLVER, task=odd, refusals=("no",)))
    assert store.refused_questions(odd, 10) == (odd,)
