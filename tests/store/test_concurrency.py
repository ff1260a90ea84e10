from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from hammerstone.store import open_store, open_stores
from hammerstone.store.records import ToolState

PROCESSES, THREADS, ROUNDS = 2, 4, 15


def crowd(where: str) -> list[dict[str, int]]:
    """Several processes at once on a store that is not there yet; what each of their threads says it did."""
    command = [sys.executable, str(Path(__file__).with_name("crowded.py")), where]
    workers = [
        subprocess.Popen(
            [*command, str(number), str(THREADS), str(ROUNDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(PROCESSES)
    ]
    said = [json.loads(worker.stdout.readline()) for worker in workers if worker.stdout]
    for worker in workers:
        worker.communicate()
        assert worker.returncode == 0
    return [each for one in said for each in one]


def test_processes_may_make_the_same_new_home_and_tenant_at_once(where: str) -> None:
    homes = [where] if "://" in where else [f"{where}/{number}" for number in range(20)]
    newcomers = [sys.executable, str(Path(__file__).with_name("newcomers.py")), "6", *homes]
    subprocess.run(newcomers, check=True, timeout=300)
    for home in homes:
        with open_stores(home) as stores:
            assert stores.tenants() == ("", "a")
            assert [len(stores.known(tenant).tasks()) for tenant in ("", "a")] == [6, 6]


def test_processes_and_threads_share_a_store_without_loss_or_doubling(where: str) -> None:
    said = crowd(where)
    own, shared = PROCESSES * THREADS * ROUNDS, ROUNDS

    with open_store(where) as store:
        tasks = store.tasks()
        assert sorted(task.name for task in tasks) == sorted(f"task {turn}" for turn in range(ROUNDS))

        stored = store.instances("task 0")
        assert len({instance.question for instance in stored}) == len(stored) == own + shared
        assert sum(each["added"] for each in said) == len(stored)
        counted = store.task("task 0")
        assert counted is not None
        assert counted.instances == len(stored)

        assert sum(row.requests for row in store.routes()) == own
        assert sum(row.calls for row in store.ledger()) == own

        assert sum(each["made"] for each in said) == ROUNDS
        assert len(store.builds()) == ROUNDS

        versions = store.tools(all_versions=True)
        assert [each.version for each in versions] == [1, 2, 3]
        assert sum(each.state is ToolState.LIVE for each in versions) == 1
