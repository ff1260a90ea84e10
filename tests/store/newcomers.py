"""Run by test_concurrency.py: several processes make the same new stores at the same moment, once for each WHERE.

python newcomers.py PROCESSES WHERE...
"""

from __future__ import annotations

import os
import sys
import tempfile

from hammerstone.store import open_stores


def main(processes: int, where: str) -> None:
    barrier, gate = os.pipe()
    children = [os.fork() for _ in range(processes) if os.getpid() == PARENT]
    if os.getpid() != PARENT:
        os.close(gate)
        os.read(barrier, 1)  # ends when the parent closes the other side
        arrive(where)
    os.close(gate)
    statuses = [os.waitpid(child, 0)[1] for child in children]
    os.close(barrier)
    assert not any(statuses), "not all could open it"


def arrive(where: str) -> None:
    try:
        with open_stores(where) as stores:
            for tenant in ("", "a"):
                stores.of(tenant).add_task(f"of {os.getpid()}", "")
    except Exception as error:
        sys.stderr.write(f"{error!r}\n")
        os._exit(1)
    os._exit(0)


PARENT = os.getpid()
if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as warm_up:  # so that all is imported and compiled, and they arrive at once
        open_stores(warm_up).close()
    for each in sys.argv[2:]:
        main(int(sys.argv[1]), each)
