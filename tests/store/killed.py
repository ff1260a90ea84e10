"""Run by test_crash.py: a write is killed at each of its statements and at its commit, until it gets through.

    python killed.py WHERE WRITE

For every try it forks a process that opens the store, begins the write and is killed (SIGKILL) at the first statement,
then at the second, and so on; the last one is killed right after the write returned. What the tables hold after each
death is printed, one JSON line for each.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable

import alembic.command  # noqa: F401 - once here, not in each process that dies while it makes a store
from examples import a_call, a_tool, an_answer, an_instance, finish
from sqlalchemy import Engine, event, select

from hammerstone.store import Store, open_store
from hammerstone.store.database import Database
from hammerstone.store.opening import database_url
from hammerstone.store.records import ComparisonKind, Move, Opinion, StoredTool, ToolState
from hammerstone.store.schema import metadata

TOOL = a_tool(source="def solve(a, b):\n    return b + a\n")
WRITES: dict[str, Callable[[Store], object]] = {
    "publish": lambda store: store.publish(TOOL, build_id=store.builds()[0].id),
    "add_instance": lambda store: store.add_instance("sums", an_instance("2 + 2?"), request_id="r2"),
    "finish_request": lambda store: finish(store, an_answer("r2"), task="sums", instance=an_instance("2 + 2?", "4")),
    "add_answer": lambda store: store.add_answer(an_answer("r2")),
    "add_call": lambda store: store.add_call(a_call("new")),
    "label": lambda store: store.label(store.queue()[0].id, "4"),
    "remove_task": lambda store: store.remove_task("sums"),
    "remove_tool": lambda store: store.remove_tool("sums"),
    "start_build": lambda store: store.start_build("sums", owner="new:1"),
    "publish_in_shadow": lambda store: store.publish(TOOL, build_id=store.builds()[0].id, state=ToolState.SHADOW),
    "approve": lambda store: store.approve("waiting", None, ToolState.LIVE),
    "promote": lambda store: compare(store, lambda _: Move(to=ToolState.LIVE, reason="it agreed")),
    "demote": lambda store: compare(store, lambda _: Move(to=ToolState.QUARANTINED, reason="it did not agree")),
    "add_comparison": lambda store: compare(store, lambda _: None),
    "add_opinion": lambda store: store.add_opinion(store.comparisons("watched", 2)[0].id, Opinion.UPSTREAM),
    "quarantine": lambda store: store.quarantine("watched", 1, "wrong"),
    "disable": lambda store: store.set_tool_state("watched", None, ToolState.DISABLED),
    "roll_back": lambda store: store.roll_back("waiting"),
    "correct": lambda store: store.correct("r1", "4"),
    "rename_task": lambda store: store.rename_task("sums", "addition"),
    "merge_tasks": lambda store: store.merge_tasks("sums", "watched"),
}


def compare(store: Store, rule: Callable[[StoredTool], Move | None]) -> object:
    """One more comparison of the version that is in shadow."""
    answers = {"tool_answer": "3", "upstream_answer": "3"}
    return store.add_comparison("watched", 2, request_id="r9", kind=ComparisonKind.SHADOW, rule=rule, **answers)


def main(where: str, write: str) -> None:
    done, steps = False, 0
    while not done:
        done = _killed_at(steps, where, write)
        print(json.dumps(_tables(where)), flush=True)  # noqa: T201 - what the test reads
        steps += 1


def _killed_at(step: int, where: str, write: str) -> bool:
    """True if the write got through before its process died."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _die(step, where, write, writer)
    os.close(writer)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "the write failed by itself"
    through = os.read(reader, 1) == b"!"
    os.close(reader)
    return through


def _die(step: int, where: str, write: str, writer: int) -> None:
    try:
        if write == "open":
            _arm(step)
            open_store(where)
        else:
            store = open_store(where)
            _arm(step)
            WRITES[write](store)
        os.write(writer, b"!")
        os.kill(os.getpid(), signal.SIGKILL)
    finally:
        os._exit(1)


def _arm(step: int) -> None:
    left = step

    def pass_or_die(*_: object, **__: object) -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    event.listen(Engine, "before_cursor_execute", pass_or_die)
    event.listen(Engine, "commit", pass_or_die)


def _tables(where: str) -> dict[str, list[list[str]]]:
    """Every row of every table, without the moments in time."""
    database = Database(database_url(where), busy_seconds=30)
    with database.read() as connection:
        there = {name for name in metadata.tables if connection.dialect.has_table(connection, name)}
        found = {
            name: [
                [str(value) for key, value in row.items() if key not in ("created", "started", "ended", "lease_until")]
                for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()
            ]
            for name, table in metadata.tables.items()
            if name in there
        }
    database.close()
    return found


if __name__ == "__main__":
    main(*sys.argv[1:])
