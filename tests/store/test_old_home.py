"""A home that an earlier release made opens, holds what it held, and its tools serve."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from hammerstone.life.review import settle
from hammerstone.sandbox import Sandbox
from hammerstone.store import Store, open_store
from hammerstone.store.records import BuildState, Tally, ToolState
from hammerstone.tools import parser
from hammerstone.types import Source

HOME = Path(__file__).parent / "homes" / "schema_0001.sql"
SORT, REMAINDER = "alphabetical_word_sort", "chinese_remainder_bounded"
PLURAL, BRACKETS = "english_noun_plural", "bracket_sequence_completion"


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Store]:
    database = sqlite3.connect(tmp_path / "hammerstone.db")
    database.executescript(HOME.read_text(encoding="utf-8"))
    database.close()
    with open_store(tmp_path) as store:
        yield store


def test_the_tasks_are_there_with_their_counts_and_the_frame_of_a_question_alone(old: Store) -> None:
    assert [(task.name, task.instances, task.built_at, task.frame.digest) for task in old.tasks()] == [
        *((REMAINDER, 12, 12, ""), (BRACKETS, 6, 6, ""), (SORT, 12, 12, ""), (PLURAL, 1, 0, "")),
    ]


def test_the_instances_are_there_with_their_labels(old: Store) -> None:
    assert [len(old.instances(task.name)) for task in old.tasks()] == [12, 6, 12, 1]
    (plural,) = old.instances(PLURAL)
    assert (plural.former_answer, plural.source, plural.chat) == ("to be checked", Source.LABELER, None)


def test_the_tools_are_there_in_their_states_and_unchanged(old: Store) -> None:
    tools = old.tools(all_versions=True)
    assert [(tool.task, tool.version, tool.state) for tool in tools] == [
        *((SORT, 1, ToolState.REPLACED), (SORT, 2, ToolState.LIVE), (REMAINDER, 1, ToolState.LIVE)),
    ]
    assert {tool.tally for tool in tools} == {Tally()}
    assert old.publish(tools[1].tool).version == 2, "its digest is what it was"


def test_the_builds_are_there_with_their_attempts(old: Store) -> None:
    assert {build.task: build.state for build in old.builds()} == {
        PLURAL: BuildState.RUNNING,
        SORT: BuildState.LIVE,
        REMAINDER: BuildState.LIVE,
        BRACKETS: BuildState.NEEDS_REVIEW,
    }
    (build,) = old.builds(SORT)
    assert [(attempt.recipe, attempt.stage) for attempt in old.attempts(build.id)] == [("module", "passed")]


def test_the_answers_and_the_paid_calls_are_there(old: Store) -> None:
    routes = Counter[str]()
    for row in old.routes():
        routes[str(row.route)] += row.requests
    assert routes == {"parser": 18, "user": 6, "solver": 12}
    assert sum(row.calls for row in old.ledger()) == 6
    assert {row.served for row in old.tool_rows() if row.tool == REMAINDER} == {8}


def test_what_waited_waits_on_and_can_be_labeled(old: Store) -> None:
    (waiting,) = old.queue()
    assert waiting.request_id == "q1"
    old.label(waiting.id, "foxes")
    assert [one.answer for one in old.instances(PLURAL)][-1] == "foxes"


def test_a_question_is_still_of_its_task(old: Store) -> None:
    assert {old.assigned(one.question) for one in old.instances(SORT)} == {SORT}


def test_what_needed_review_can_be_settled(old: Store) -> None:
    assert settle(old, BRACKETS, tool_is_right=True).state is BuildState.LIVE
    assert [tool.task for tool in old.live_tools()] == [SORT, BRACKETS, REMAINDER]


def test_the_version_before_can_be_brought_back(old: Store) -> None:
    assert old.roll_back(SORT).version == 1
    assert [change.after for change in old.changes(REMAINDER)] == [ToolState.LIVE]


async def test_its_tools_serve(old: Store, sandbox: Sandbox) -> None:
    for tool in old.live_tools():
        read = [check for check in tool.tool.checks if check.parsed]
        assert len(read) >= 8
        for check in read:
            assert (await parser.answer(sandbox, tool.tool.source, check.question))[1] == check.answer
