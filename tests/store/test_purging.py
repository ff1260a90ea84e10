"""Text goes, figures stay: by age, by task, by request; in SQLite's files nothing is left of it."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, event

from hammerstone.requests.frame import frame_of
from hammerstone.store import Store, open_store
from hammerstone.store.database import timestamp
from hammerstone.store.purging import BATCH, Purged
from hammerstone.store.records import BuildState, ComparisonKind, Disagreement
from hammerstone.store.selection import Selection
from hammerstone.types import Chat, Instance, Message, Route, Source

from .examples import a_call, a_tool, an_answer, an_attempt, finish

NAME = "Ms Seldom"
CHAT = Chat(messages=(Message(role="system", content="You add."), Message(role="user", content=f"{NAME}?")), model="m")


def fill(store: Store, task: str, request_id: str) -> None:
    """Something in every table that holds text, all of one task and one request."""
    asked = f"{NAME} of {task} has 1 + {request_id}?"
    chat = replace(CHAT, messages=(CHAT.messages[0], Message(role="user", content=asked)))
    store.add_task(task, "", frame_of(chat), chat)
    instance = Instance(question=asked, answer=f"{NAME} 3", source=Source.SOLVER, chat=chat)
    solved = replace(an_answer(request_id, question=asked, route=Route.SOLVER, task=task), answer=f"{NAME} 3")
    solved = replace(solved, cost_usd=0.5, chat=chat, refusals=(f"{NAME} is refused",))
    finish(store, solved, task=task, instance=instance)
    store.add_call(replace(a_call(f"{task}{request_id}", task=task, text=f"{NAME} 3"), request_id=request_id))
    prompt = {"messages": [{"role": "user", "content": asked}]}
    store.add_call(replace(a_call(f"build{task}{request_id}", task=task), prompt=prompt, request_id=None))
    store.enqueue(request_id, f"{NAME} waits", task)
    build = store.start_build(task, owner="host:1:1")
    assert build is not None
    store.add_attempt(build, replace(an_attempt(), source=f"# {NAME}", problems=(f"{NAME}: 4 instead of 3",)))
    differ = Disagreement(instance_id=1, question=asked, stored="3", tool="4")
    store.end_build(build, BuildState.NEEDS_REVIEW, reason=f"{NAME} differs", tool=a_tool(task), disagreement=differ)
    store.publish(a_tool(task), reason=f"{NAME} passed")
    store.add_comparison(
        task,
        1,
        request_id=request_id,
        kind=ComparisonKind.SHADOW,
        tool_answer=f"{NAME} 3",
        upstream_answer=f"{NAME} 4",
        rule=lambda _: None,
    )
    store.correct(request_id, f"{NAME} 5")


def test_where_nothing_is_to_be_purged_nobody_who_writes_is_kept_waiting(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        fill(store, "sums", "r1")
        with closing(sqlite3.connect(store.where, timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert store.purge(Selection(before=timestamp(seconds_ahead=-3600))) == Purged()


def text_of(store: Store) -> str:
    """All that can be read of the text, by whoever has the store."""
    said: list[object] = [store.queue(), store.builds(), store.tasks()]
    for task in store.tasks():
        said += [store.instances(task.name), store.changes(task.name), store.refused_questions(task.name, 99)]
        said += [store.answers_of(task.name, 1), store.comparisons(task.name, 1)]
    said += [store.attempts(build.id) for build in store.builds()]
    said += [store.find_call(key, "test:strong") for key in ("sumsr1", "buildsumsr1")]
    return repr(said)


def figures(store: Store) -> object:
    return store.ledger(), store.routes(), [(row.served, row.tally, row.corrected) for row in store.tool_rows()]


def later() -> str:
    return timestamp(seconds_ahead=60)


@pytest.fixture
def full(store: Store) -> Store:
    fill(store, "sums", "r1")
    return store


@pytest.mark.parametrize("selection", [Selection(), Selection(task="sums"), Selection(request_id="r1"), "old"], ids=str)
def test_the_text_goes_and_the_figures_stay(full: Store, selection: Selection | str) -> None:
    chosen = selection if isinstance(selection, Selection) else Selection(before=later())
    before = figures(full)
    assert NAME in text_of(full)
    would_go = full.purge(chosen, dry_run=True)
    assert NAME in text_of(full)
    gone = full.purge(chosen)
    assert gone == would_go == Purged(requests=1, instances=1, queued=1, calls=2, comparisons=1, builds=1, others=3)
    assert NAME not in text_of(full)
    assert figures(full) == before
    assert full.purge(chosen) == Purged(), "there is nothing left of it"


def test_what_is_newer_stays(full: Store) -> None:
    assert full.purge(Selection(before="2026-01-01")) == Purged()
    assert NAME in text_of(full)


def test_another_task_keeps_its_text(full: Store) -> None:
    fill(full, "products", "r2")
    full.purge(Selection(task="sums"))
    assert "of sums" not in text_of(full)
    assert [one.question for one in full.instances("products")] == [f"{NAME} of products has 1 + r2?"]
    assert [(task.name, task.instances) for task in full.tasks()] == [("sums", 0), ("products", 1)]


def test_another_request_keeps_its_text(full: Store) -> None:
    question = f"{NAME} of sums has 1 + r9?"
    finish(
        full,
        an_answer("r9", question=question, route=Route.SOLVER),
        task="sums",
        instance=Instance(question=question, answer="3", source=Source.SOLVER),
    )
    full.purge(Selection(request_id="r1"))
    assert [one.request_id for one in full.instances("sums")] == ["r9"]
    assert "+ r1?" not in text_of(full)


def test_the_fixed_turns_of_a_task_stay_and_its_first_question_goes(full: Store) -> None:
    full.purge(Selection())
    (task,) = full.tasks()
    assert task.chat is not None
    assert [one.content for one in task.chat.messages] == ["You add.", ""]


def test_where_whole_chats_are_the_question_no_turn_stays(full: Store) -> None:
    full.widen_task("sums", frame_of(CHAT))
    full.purge(Selection())
    (task,) = full.tasks()
    assert task.chat is not None
    assert task.chat.messages[-1].content == ""


def test_tools_stay_and_serve_unless_they_are_named(full: Store) -> None:
    full.purge(Selection())
    (tool,) = full.tools()
    assert tool.tool.checks
    assert full.purge(Selection(), tools=True).tools == 1
    assert full.tools() == ()


@pytest.mark.parametrize(("question", "left"), [("1 + 2?", 0), ("something else", 1)])
def test_with_a_request_go_the_tools_that_were_checked_on_it(store: Store, question: str, left: int) -> None:
    store.publish(a_tool())
    store.add_answer(an_answer("r1", question=question))
    store.purge(Selection(request_id="r1"), tools=True)
    assert len(store.tools()) == left


def test_a_build_that_runs_is_left_alone(store: Store) -> None:
    store.add_task("sums", "")
    build = store.start_build("sums", owner="elsewhere:1:1")
    assert build is not None
    store.purge(Selection())
    assert store.renew_build(build)


def test_a_purged_request_is_unknown_and_its_call_is_paid_again(full: Store) -> None:
    full.purge(Selection(request_id="r1"))
    assert full.find_call("sumsr1", "test:strong") is None
    assert full.purge(Selection(request_id="r1")) == Purged()


def test_many_rows_go_in_several_batches(store: Store) -> None:
    store.add_answers([an_answer(f"r{number}") for number in range(2 * BATCH + 1)])
    assert store.purge(Selection(before=later())).requests == 2 * BATCH + 1
    assert sum(row.requests for row in store.routes()) == 2 * BATCH + 1


def test_only_a_purge_of_what_is_named_is_counted(full: Store) -> None:
    full.purge(Selection(before=later()))
    assert full.purges() == 0
    fill(full, "products", "r2")
    full.purge(Selection(task="products"))
    full.purge(Selection(task="products"))
    assert full.purges() == 1


@pytest.mark.parametrize("whole", [True, False])
def test_space_is_given_back_while_others_read(full: Store, where: str, whole: bool) -> None:
    with open_store(where) as other:
        other.tasks()
        full.purge(Selection())
        full.give_back(whole=whole)
        assert len(other.tasks()) == 1


@pytest.mark.parametrize("whole", [True, False])
def test_nothing_is_left_in_the_files_of_sqlite(tmp_path: Path, whole: bool) -> None:
    with open_store(tmp_path) as store:
        fill(store, "sums", "r1")
        for number in range(200):
            store.add_answer(an_answer(f"x{number}", question=f"{NAME} {number}" * 20))
        store.give_back()
        size = (tmp_path / "hammerstone.db").stat().st_size
        store.purge(Selection())
        store.give_back(whole=whole)
        assert [file.name for file in tmp_path.iterdir() if NAME.encode() in file.read_bytes()] == []
        assert ((tmp_path / "hammerstone.db").stat().st_size < size) is whole


def test_what_is_old_is_found_by_an_index(tmp_path: Path) -> None:
    asked: list[tuple[str, tuple[object, ...]]] = []

    def note(connection: object, cursor: object, statement: str, parameters: tuple[object, ...], *rest: object) -> None:
        del connection, cursor, rest
        if statement.startswith(("SELECT answers.id", "SELECT instances.id")):
            asked.append((statement, parameters))

    with open_store(tmp_path) as store:
        fill(store, "sums", "r1")
        event.listen(Engine, "before_cursor_execute", note)
        try:
            store.purge(Selection(before=later()))
        finally:
            event.remove(Engine, "before_cursor_execute", note)
        with closing(sqlite3.connect(store.where)) as database:
            plans = [database.execute(f"EXPLAIN QUERY PLAN {one}", given).fetchall() for one, given in asked]
    assert {name for plan in plans for *_, step in plan for name in re.findall(r"ix_\w+", step)} == {
        "ix_answers_with_text",
        "ix_instances_created",
    }
    assert not any("TEMP B-TREE" in step for plan in plans for *_, step in plan)
