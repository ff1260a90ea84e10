"""What is left when the process is killed at any moment: all of a write or nothing of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hammerstone.store import Store, open_store, this_process
from hammerstone.store.records import BuildState, ComparisonKind, ToolState

from .examples import a_call, a_tool, an_answer, an_attempt, an_instance

Tables = dict[str, list[list[str]]]
TABLES = set(
    """answers attempts builds calls changes comparisons corrections counters dispatches instances queue tasks
    tools""".split()
)
OF_THE_HOME = {"tenants", "keys", "key_usage", "secrets", "audit"}


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
    """A task with one of everything, one with a version in shadow, and one whose newest version waits for approval."""
    store.publish(a_tool())
    store.add_instance("sums", an_instance(), request_id="r1")
    store.add_answer(an_answer())
    store.add_call(a_call())
    store.enqueue("r3", "2 + 2?", "sums")
    store.assign("1 + 2?", "sums")
    build = store.start_build("sums", owner="another-host:1", lease_seconds=-1)
    assert build is not None
    store.add_attempt(build, an_attempt())
    for name in ("watched", "waiting"):
        for number, state in enumerate((ToolState.LIVE, ToolState.LIVE, ToolState.SHADOW)[name == "watched" :], 1):
            store.publish(a_tool(name, f"# {number}"), state=state)
    store.publish(a_tool("waiting", "# 4"), state=ToolState.GATED)
    store.add_instance("watched", an_instance(answer="4"), request_id="r1")
    store.add_comparison(
        *("watched", 2),
        request_id="r1",
        kind=ComparisonKind.SHADOW,
        tool_answer="3",
        upstream_answer="4",
        rule=lambda _: None,
    )


@pytest.mark.parametrize(
    ("write", "changed"),
    [
        ("publish", {"tools", "changes", "counters", "tasks", "builds"}),
        ("add_instance", {"instances", "tasks"}),
        ("finish_request", {"answers", "instances", "tasks"}),
        ("add_answer", {"answers"}),
        ("add_call", {"calls"}),
        ("label", {"queue", "instances", "tasks", "counters"}),
        ("remove_task", TABLES - {"answers", "calls", "comparisons", "corrections"}),
        ("remove_tool", {"tools", "changes", "counters"}),
        ("start_build", {"builds"}),
        ("publish_in_shadow", {"tools", "changes", "counters", "tasks", "builds"}),
        ("approve", {"tools", "changes", "counters"}),
        ("promote", {"comparisons", "tools", "changes", "counters"}),
        ("demote", {"comparisons", "tools", "changes", "counters"}),
        ("add_comparison", {"comparisons", "tools"}),
        ("add_opinion", {"comparisons", "tools", "changes", "counters"}),
        ("quarantine", {"tools", "changes", "counters"}),
        ("disable", {"tools", "changes", "counters"}),
        ("roll_back", {"tools", "changes", "counters"}),
        ("correct", {"answers", "corrections", "tools", "changes", "counters", "instances"}),
        ("rename_task", {"tasks", "tools", "counters", "answers", "calls", "queue", "builds"}),
        ("merge_tasks", TABLES - {"attempts", "comparisons", "corrections"}),
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
        assert [(each.version, each.state) for each in store.tools(all_versions=True) if each.task == "sums"] == [
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
    assert set(last) == TABLES | OF_THE_HOME
    with open_store(where) as store:
        store.add_task("sums", "")
        assert store.start_build("sums", owner=this_process()) is not None
