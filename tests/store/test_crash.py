"""What is left when the process is killed at any moment: all of a write or nothing of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hammerstone.store import Store, open_store, this_process
from hammerstone.store.records import BuildState, ToolState

from .examples import a_call, a_tool, an_answer, an_attempt, an_instance

Tables = dict[str, list[list[str]]]
TABLES = set(
    """answers attempts builds calls changes comparisons corrections counters dispatches instances queue tasks
    tools""".split()
)


def deaths(where: str, write: str) -> list[Tables]:
    """What the tables held after each death; the last one came when the write had returned."""
    finished = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("killed.py")), where, write],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    return [json.loads(line) for line in finished.stdout.splitlines()]


def fill(store: Store) -> None:
    store.publish(a_tool())
    store.add_instance("sums", an_instance(), request_id="r1")
    store.add_answer(an_answer())
    store.add_call(a_call())
    store.enqueue("r3", "2 + 2?", "sums")
    store.assign("1 + 2?", "sums")
    build = store.start_build("sums", owner="another-host:1", lease_seconds=-1)
    assert build is not None
    store.add_attempt(build, an_attempt())


@pytest.mark.parametrize(
    ("write", "changed"),
    [
        ("publish", {"tools", "changes", "counters", "tasks", "builds"}),
        ("add_instance", {"instances", "tasks"}),
        ("finish_request", {"answers", "instances", "tasks"}),
        ("add_answer", {"answers"}),
        ("add_call", {"calls"}),
        ("label", {"queue", "instances", "tasks"}),
        ("remove_task", TABLES - {"answers", "calls", "comparisons", "corrections"}),
        ("remove_tool", {"tools", "changes", "counters"}),
        ("start_build", {"builds"}),
    ],
)
def test_a_write_that_is_killed_is_there_whole_or_not_at_all(where: str, write: str, changed: set[str]) -> None:
    with open_store(where) as store:
        fill(store)
    first, *others, last = deaths(where, write)
    assert len(others) >= 1, "it was killed at its commit, too"
    assert all(each == first for each in others)
    assert {name for name in TABLES if first[name] != last[name]} == changed


def test_after_the_death_of_a_publisher_one_version_is_live(where: str) -> None:
    with open_store(where) as store:
        fill(store)
    deaths(where, "publish")
    with open_store(where) as store:
        assert [(each.version, each.state) for each in store.tools(all_versions=True)] == [
            (1, ToolState.REPLACED),
            (2, ToolState.LIVE),
        ]
        assert [build.state for build in store.builds()] == [BuildState.LIVE]


def test_a_paid_call_is_there_after_the_death_of_who_paid(where: str) -> None:
    open_store(where).close()
    deaths(where, "add_call")
    with open_store(where) as store:
        assert store.find_call("new", "test:strong") == a_call("new")


def test_a_store_whose_maker_was_killed_is_made_by_the_next_one(where: str) -> None:
    *halves, last = deaths(where, "open")
    assert len(halves) > len(TABLES), "it was killed at every table"
    assert all(half == {} for half in halves)
    assert set(last) == TABLES
    with open_store(where) as store:
        store.add_task("sums", "")
        assert store.start_build("sums", owner=this_process()) is not None
