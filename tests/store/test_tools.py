from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, update

from hammerstone.errors import NotFoundError, ToolRefusedError
from hammerstone.store import Store, open_store
from hammerstone.store.records import ToolState
from hammerstone.store.schema import tasks, tools

from .examples import a_tool, an_answer, an_instance

FIRST, SECOND, THIRD = (a_tool(source=f"def solve(a, b):\n    return a + b  # {n}\n") for n in (1, 2, 3))


def states(store: Store) -> list[tuple[int, ToolState]]:
    return [(stored.version, stored.state) for stored in store.tools(all_versions=True)]


def test_a_published_tool_is_live_and_comes_back_whole(store: Store) -> None:
    stored = store.publish(FIRST)
    assert (stored.task, stored.version, stored.state) == ("sums", 1, ToolState.LIVE)
    assert stored.tool == FIRST
    assert stored.tool.digest == FIRST.digest
    assert store.live_tools() == (stored,)
    assert store.tool("sums") == stored


def test_publishing_adds_the_task_if_it_is_not_there(store: Store) -> None:
    store.publish(FIRST)
    task = store.task("sums")
    assert task is not None
    assert task.description == FIRST.description


def test_a_later_version_replaces_the_live_one(store: Store) -> None:
    store.publish(FIRST)
    store.publish(SECOND)
    assert states(store) == [(1, ToolState.REPLACED), (2, ToolState.LIVE)]
    assert [stored.tool for stored in store.live_tools()] == [SECOND]


def test_publishing_the_same_tool_again_changes_nothing(store: Store) -> None:
    first = store.publish(FIRST)
    assert store.publish(FIRST) == first
    assert states(store) == [(1, ToolState.LIVE)]


def test_publishing_a_replaced_tool_makes_that_version_live_again(store: Store) -> None:
    store.publish(FIRST)
    store.publish(SECOND)
    assert store.publish(FIRST).version == 1
    assert states(store) == [(1, ToolState.LIVE), (2, ToolState.REPLACED)]


def test_a_disabled_tool_is_not_live_and_can_be_enabled(store: Store) -> None:
    store.publish(FIRST)
    assert store.set_tool_state("sums", None, ToolState.DISABLED).state is ToolState.DISABLED
    assert store.live_tools() == ()
    store.set_tool_state("sums", None, ToolState.LIVE)
    assert states(store) == [(1, ToolState.LIVE)]


def test_enabling_an_older_version_replaces_the_live_one(store: Store) -> None:
    store.publish(FIRST)
    store.publish(SECOND)
    store.set_tool_state("sums", 1, ToolState.LIVE)
    assert states(store) == [(1, ToolState.LIVE), (2, ToolState.REPLACED)]


def test_a_version_is_named_or_else_the_live_one_or_else_the_newest(store: Store) -> None:
    store.publish(FIRST)
    store.publish(SECOND)
    store.set_tool_state("sums", 1, ToolState.LIVE)
    versions = [store.tool("sums", version) for version in (None, 1, 2, 3)]
    assert [stored and stored.version for stored in versions] == [1, 1, 2, None]

    store.set_tool_state("sums", None, ToolState.DISABLED)
    newest = store.tool("sums")
    assert newest is not None
    assert newest.version == 2
    assert store.tool("unknown") is None


def test_tools_lists_the_current_version_of_each_task(store: Store) -> None:
    store.publish(a_tool("b"))
    store.publish(FIRST)
    store.publish(SECOND)
    store.set_tool_state("b", None, ToolState.DISABLED)
    assert [(stored.task, stored.version) for stored in store.tools()] == [("b", 1), ("sums", 2)]
    assert [(stored.task, stored.version) for stored in store.tools(all_versions=True)] == [
        ("b", 1),
        ("sums", 1),
        ("sums", 2),
    ]


def test_removing_a_tool_leaves_its_instances_and_answers(store: Store) -> None:
    store.publish(FIRST)
    store.publish(SECOND)
    store.add_instance("sums", an_instance(), request_id="r1")
    store.add_answer(an_answer())
    store.remove_tool("sums")
    assert store.tools(all_versions=True) == ()
    assert len(store.instances("sums")) == 1
    assert store.routes()[0].requests == 1


def test_a_version_is_never_given_twice(store: Store) -> None:
    store.publish(FIRST)
    store.publish(SECOND)
    store.remove_tool("sums")
    assert store.publish(FIRST).version == 3


def test_a_tool_that_is_not_there_is_refused(store: Store) -> None:
    store.add_task("sums", "")
    with pytest.raises(NotFoundError, match="sums"):
        store.remove_tool("sums")
    with pytest.raises(NotFoundError, match="unknown"):
        store.remove_tool("unknown")
    with pytest.raises(NotFoundError, match="sums version 2"):
        store.set_tool_state("sums", 2, ToolState.LIVE)


def test_the_revision_grows_with_every_change_of_the_live_tools(where: str) -> None:
    with open_store(where) as store, open_store(where) as other:
        revisions = [store.tools_revision()]
        for change in (
            lambda: other.publish(FIRST),
            lambda: other.publish(SECOND),
            lambda: other.set_tool_state("sums", None, ToolState.DISABLED),
            lambda: other.set_tool_state("sums", 1, ToolState.LIVE),
            lambda: other.remove_tool("sums"),
        ):
            change()
            revisions.append(store.tools_revision())
        assert revisions == sorted(set(revisions))


def test_the_revision_stays_while_no_tool_changes(store: Store) -> None:
    store.publish(FIRST)
    before = store.tools_revision()
    store.add_instance("sums", an_instance(), request_id="r1")
    store.add_answer(an_answer())
    assert store.tools_revision() == before


def damage(store: Store, name: str, **values: object) -> None:
    """Change what is stored of a tool behind the store's back."""
    engine = create_engine(f"sqlite:///{store.where}")
    with engine.begin() as connection:
        ids = select(tasks.c.id).where(tasks.c.name == name).scalar_subquery()
        connection.execute(update(tools).where(tools.c.task_id == ids).values(**values))
    engine.dispose()


@pytest.mark.parametrize(
    ("values", "why"),
    [({"document": "{broken"}, "not a tool: "), ({"state": "loaded"}, "its state 'loaded' is unknown")],
)
def test_a_tool_that_cannot_be_read_is_set_aside_and_all_others_serve(
    tmp_path: Path, values: dict[str, object], why: str
) -> None:
    with open_store(tmp_path / "home") as store:
        store.publish(a_tool())
        good = store.publish(a_tool("dates"))
        damage(store, "sums", **values)

        assert store.live_tools() == store.tools() == store.tools(all_versions=True) == (good,)
        (aside,) = store.unreadable_tools()
        assert (aside.task, aside.version) == ("sums", 1)
        assert aside.why.startswith(why)
        with pytest.raises(ToolRefusedError, match=r"sums, version 1, cannot be read") as caught:
            store.tool("sums")
        assert "hammerstone tools remove sums" in caught.value.hint

        store.remove_tool("sums")
        assert store.unreadable_tools() == ()


def test_a_new_version_takes_the_place_of_one_that_cannot_be_read(tmp_path: Path) -> None:
    with open_store(tmp_path / "home") as store:
        store.publish(FIRST)
        damage(store, "sums", document="{broken")
        assert store.publish(SECOND) == store.tool("sums")
        assert [tool.version for tool in store.live_tools()] == [2]
        assert [tool.state for tool in store.unreadable_tools()] == ["replaced"]
