"""Measures the store's speed: `python benchmarks/store.py [HOME-OR-URL]`, which must be new.

Without an argument it uses a temporary home (SQLite). A durable write waits for the disk, so its figure is the disk's.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from hammerstone.store import Store, open_store
from hammerstone.store.database import Database, timestamp
from hammerstone.store.opening import database_url
from hammerstone.store.records import Answered, PaidCall
from hammerstone.store.schema import instances, tasks
from hammerstone.tools.tool import Check, Demonstration, Provenance, Tool
from hammerstone.types import Role, Route, Usage

TASKS, INSTANCES, TOOLS = 1_000, 100_000, 1_000


def main(where: str) -> None:
    timed("open a new store", lambda: open_store(where).close(), "ms")
    timed("open it again", lambda: open_store(where).close(), "ms")
    with open_store(where) as store:
        rate("answers stored, one by one", 5_000, lambda number: store.add_answer(_answer(number)))
        with ThreadPoolExecutor(4) as threads:
            work = lambda: list(threads.map(lambda number: store.add_answer(_answer(number)), range(5_000)))  # noqa: E731
            timed("5,000 answers from four threads", work, "ms")
        rate("paid calls stored, one by one", 500, lambda number: store.add_call(_call(number)))
        rate("paid calls found", 2_000, lambda number: store.find_call(f"{number % 500:064}", "some:model"))
        _fill(where)
        rate("tools published", TOOLS, lambda number: store.publish(_tool(number)))
        _read(store)


def _read(store: Store) -> None:
    timed(f"tasks, {TASKS:,} of them with {INSTANCES:,} instances", store.tasks, "ms")
    timed(f"live tools, {TOOLS:,} of them", store.live_tools, "ms")
    timed("the revision of the live tools", store.tools_revision, "ms")
    timed(f"the instances of one task, {INSTANCES // TASKS}", lambda: store.instances("task 7"), "ms")
    timed("the ledger", store.ledger, "ms")
    timed("the routes", store.routes, "ms")
    timed("refused questions", lambda: store.refused_questions("task 7", 50), "ms")


def timed(what: str, work: Callable[[], object], unit: str) -> None:
    start = time.perf_counter()
    work()
    print(f"{what:60} {(time.perf_counter() - start) * 1000:10.2f} {unit}")


def rate(what: str, count: int, work: Callable[[int], object]) -> None:
    start = time.perf_counter()
    for number in range(count):
        work(number)
    print(f"{what:60} {count / (time.perf_counter() - start):10.0f} /s")


def _fill(where: str) -> None:
    """Rows past the store's own methods, which would wait for the disk 100,000 times."""
    database = Database(database_url(where), busy_seconds=30)
    each = INSTANCES // TASKS
    with database.write() as connection:
        names = [
            {"name": f"task {n}", "description": "", "instances": each, "created": timestamp()} for n in range(TASKS)
        ]
        ids = connection.execute(tasks.insert().returning(tasks.c.id), names).scalars().all()
        connection.execute(instances.insert(), [_row(task_id, n) for task_id in ids for n in range(each)])
    database.close()


def _row(task_id: int, number: int) -> dict[str, object]:
    question = f"What is {number} plus {task_id}?"
    texts = dict.fromkeys(("question_sha256", "question", "answer", "request_id"), question)
    return {"task_id": task_id, **texts, "source": "solver", "created": timestamp()}


def _answer(number: int) -> Answered:
    return Answered(
        id=str(number),
        question=f"What is {number} plus 1?",
        answer=str(number + 1),
        route=Route.PARSER if number % 10 else Route.USER,
        task="task 7",
        tool="task 7",
        version=1,
        refusals=() if number % 10 else ("the parser does not know this wording",),
    )


def _call(number: int) -> PaidCall:
    return PaidCall(
        key=f"{number:064}",
        role=Role.SOLVER,
        model="some:model",
        prompt={"messages": [{"role": "user", "content": "What is 1 plus 1? " * 50}]},
        text="2",
        usage=Usage(input_tokens=500, output_tokens=1),
        cost_usd=0.001,
        seconds=1.0,
        request_id=str(number),
        task="task 7",
    )


def _tool(number: int) -> Tool:
    question, arguments = "What is 1 plus 1?", {"a": 1, "b": 1}
    return Tool(
        name=f"task {number}",
        description="Add two numbers.",
        source="def solve(a, b):\n    return a + b\n" * 60,
        demonstrations=(Demonstration(question=question, arguments=arguments),) * 5,
        checks=(Check(question=question, arguments=arguments, answer="2", parsed=True),) * 20,
        routes=(Route.PARSER, Route.USER),
        wording=tuple(f"w{n}" for n in range(100)),
        provenance=Provenance(
            maker="some:model",
            recipe="module",
            prompts="1",
            shown=5,
            verified=5,
            held_out=10,
            instances=("0" * 64,) * 20,
            attempts=1,
            usage=Usage(),
            cost_usd=None,
            made=timestamp(),
        ),
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory() as home:
            main(home)
