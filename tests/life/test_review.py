"""A needs-review tool and one stored answer differ, and somebody says which is right."""

from __future__ import annotations

import pytest

from hammerstone.errors import NotFoundError, SettingsError
from hammerstone.life.review import settle
from hammerstone.store import Store, this_process
from hammerstone.store.records import BuildState, Disagreement, ToolState
from hammerstone.types import Instance, Source

from ..samples.tools import a_tool


@pytest.fixture
def held(store: Store) -> Store:
    """A store with one tool that needs review: it says "a b", the stored answer is "b a"."""
    tool = a_tool()
    store.add_task(tool.name, tool.description)
    question = "Sort these words in ascending order: b a"
    instance = store.add_instance(
        tool.name, Instance(question=question, answer="b a", source=Source.SOLVER), request_id="1"
    )
    assert instance is not None
    build = store.start_build(tool.name, owner=this_process())
    assert build is not None
    differ = Disagreement(instance_id=instance.id, question=question, stored="b a", tool="a b")
    store.end_build(build, BuildState.NEEDS_REVIEW, reason="one differs", tool=tool, disagreement=differ)
    return store


def test_when_the_tool_is_right_it_goes_live_and_the_label_is_corrected(held: Store) -> None:
    build = settle(held, "word_sorting", tool_is_right=True)
    assert build.state is BuildState.LIVE
    assert [tool.tool for tool in held.live_tools()] == [a_tool()]
    (instance,) = held.instances("word_sorting")
    assert (instance.answer, instance.former_answer, instance.source) == ("a b", "b a", Source.LABELER)


def test_when_the_stored_answer_is_right_nothing_goes_live_and_it_stands(held: Store) -> None:
    build = settle(held, "word_sorting", tool_is_right=False)
    assert (build.state, build.reason) == (BuildState.FAILED, "the stored answer stands; the tool was wrong")
    assert held.live_tools() == ()
    (instance,) = held.instances("word_sorting")
    assert (instance.answer, instance.former_answer) == ("b a", None)


@pytest.mark.parametrize("right", [True, False])
def test_it_is_settled_once(held: Store, right: bool) -> None:
    settle(held, "word_sorting", tool_is_right=right)
    with pytest.raises(NotFoundError, match="no tool of word_sorting needs review"):
        settle(held, "word_sorting", tool_is_right=not right)


def test_a_task_without_a_held_back_tool_has_nothing_to_settle(store: Store) -> None:
    with pytest.raises(NotFoundError) as caught:
        settle(store, "nothing", tool_is_right=True)
    assert caught.value.hint


@pytest.mark.parametrize("state", [ToolState.LIVE, ToolState.SHADOW, ToolState.GATED])
def test_a_tool_that_was_held_back_before_another_passed_is_settled_no_more(held: Store, state: ToolState) -> None:
    later = held.start_build("word_sorting", owner=this_process())
    held.publish(a_tool(), build_id=later, state=state)
    with pytest.raises(NotFoundError, match="no tool of word_sorting needs review"):
        settle(held, "word_sorting", tool_is_right=True)
    assert len(held.tools(all_versions=True)) == 1


def test_a_tool_that_is_held_back_can_be_settled_after_a_later_build_failed(held: Store) -> None:
    later = held.start_build("word_sorting", owner=this_process())
    assert later is not None
    held.end_build(later, BuildState.FAILED, reason="no module passed")
    assert settle(held, "word_sorting", tool_is_right=True).state is BuildState.LIVE


def test_a_label_that_was_corrected_since_is_not_overruled(held: Store) -> None:
    (instance,) = held.instances("word_sorting")
    held.relabel(instance.id, "corrected", Source.CALLER)
    with pytest.raises(SettingsError, match="has been corrected since"):
        settle(held, "word_sorting", tool_is_right=True)
    assert [one.answer for one in held.instances("word_sorting")] == ["corrected"]
    assert settle(held, "word_sorting", tool_is_right=False).state is BuildState.FAILED
