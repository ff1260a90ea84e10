"""Run by test_concurrency.py, several at once: does the same work as its siblings, in several threads.

python crowded.py WHERE NUMBER THREADS ROUNDS
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from examples import a_call, a_tool, an_answer, an_instance

from hammerstone.store import Store, open_store, this_process


def work(store: Store, number: str, rounds: int, thread: int) -> dict[str, int]:
    added = made = 0
    for turn in range(rounds):
        store.add_task(f"task {turn}", "")
        instances = [an_instance(f"of all {turn}?"), an_instance(f"of {number} {thread} {turn}?")]
        added += sum(bool(store.add_instance("task 0", each, request_id="r")) for each in instances)
        store.add_answer(an_answer(f"{number} {thread} {turn}"))
        store.add_call(a_call(f"{number} {thread} {turn}"))
        build_id = store.start_build(f"task {turn}", owner=this_process())
        made += build_id is not None
        store.publish(a_tool("task 0", source=f"# {turn % 3}"))
    return {"added": added, "made": made}


def main(where: str, number: str, threads: int, rounds: int) -> None:
    with open_store(where) as store, ThreadPoolExecutor(threads) as pool:
        found = list(pool.map(partial(work, store, number, rounds), range(threads)))
        print(json.dumps(found), flush=True)  # noqa: T201 - what the test reads
        sys.stdin.read()  # stays alive, and its builds with it, until all siblings are done


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
