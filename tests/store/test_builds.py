from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hammerstone.errors import NotFoundError
from hammerstone.store import Store, this_process
from hammerstone.store.owner import is_gone
from hammerstone.store.records import BuildState, Disagreement

from .examples import a_tool, an_attempt, an_instance

ELSEWHERE = "another-host:1"
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only /proc tells when a process began")


@pytest.fixture(autouse=True)
def _a_task_with_two_instances(store: Store) -> None:
    store.add_task("sums", "")
    store.add_instance("sums", an_instance("1?"), request_id="r1")
    store.add_instance("sums", an_instance("2?"), request_id="r2")


def built_at(store: Store) -> int:
    task = store.task("sums")
    assert task is not None
    return task.built_at


def begin(store: Store) -> int:
    build_id = store.start_build("sums", owner=this_process())
    assert build_id is not None
    return build_id


def owner(pid: int, start: str = "") -> str:
    return f"{socket.gethostname()}:{pid}" + (f":{start}" if start else "")


def dead_process() -> str:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return owner(process.pid)


@pytest.fixture
def zombie() -> Iterator[int]:
    """The number of a process that was killed and that nobody has waited for."""
    pid = os.fork()
    if pid == 0:
        signal.pause()
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    yield pid
    os.waitpid(pid, 0)


def test_a_build_runs_with_the_instances_it_began_with(store: Store) -> None:
    build_id = begin(store)
    (build,) = store.builds("sums")
    assert (build.id, build.task, build.state, build.instances) == (build_id, "sums", BuildState.RUNNING, 2)
    assert built_at(store) == 0


def test_a_task_is_made_by_one_owner_at_a_time(store: Store) -> None:
    begin(store)
    assert store.start_build("sums", owner=this_process()) is None
    assert store.start_build("sums", owner=ELSEWHERE) is None


def test_a_build_that_was_decided_on_before_another_ended_does_not_start(store: Store) -> None:
    before = store.task("sums")
    build_id = begin(store)
    assert store.start_build("sums", owner=ELSEWHERE, decided_on=before) is None, "it runs"
    store.end_build(build_id, BuildState.FAILED, reason="no luck")
    assert store.start_build("sums", owner=ELSEWHERE, decided_on=before) is None, "it has ended"
    assert store.start_build("sums", owner=ELSEWHERE, decided_on=store.task("sums")) is not None


def test_instances_that_need_no_build_are_settled_but_for_those_left(store: Store) -> None:
    task = store.task("sums")
    assert task is not None
    assert task.instances == 2
    store.settle(task, 1)
    assert built_at(store) == 1
    store.settle(task, 0)
    assert built_at(store) == 1, "the task is no more as it was"


def test_two_tasks_are_made_side_by_side(store: Store) -> None:
    store.add_task("other", "")
    begin(store)
    assert store.start_build("other", owner=this_process()) is not None


def test_a_build_of_an_unknown_task_is_refused(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.start_build("unknown", owner=this_process())


def test_a_build_whose_process_is_dead_is_free_at_once(store: Store) -> None:
    left = store.start_build("sums", owner=dead_process(), lease_seconds=3600)
    taken = begin(store)
    newest, oldest = store.builds("sums")
    assert (newest.id, newest.state) == (taken, BuildState.RUNNING)
    assert (oldest.id, oldest.state) == (left, BuildState.INTERRUPTED)
    assert built_at(store) == 0


@needs_proc
def test_a_killed_process_that_nobody_has_waited_for_is_dead(store: Store, zombie: int) -> None:
    store.start_build("sums", owner=owner(zombie), lease_seconds=3600)
    begin(store)


@needs_proc
def test_a_process_that_got_the_number_of_the_dead_one_is_not_the_owner(store: Store) -> None:
    store.start_build("sums", owner=owner(os.getppid(), start="1"), lease_seconds=3600)
    assert [build.state for build in store.builds()] == [BuildState.INTERRUPTED]
    begin(store)


@needs_proc
def test_this_process_did_not_begin_what_one_of_its_number_began_before_it(store: Store) -> None:
    store.start_build("sums", owner=owner(os.getpid(), start="1"), lease_seconds=3600)
    begin(store)


@pytest.mark.parametrize("pid", [os.getpid(), os.getppid()], ids=["this process", "its parent"])
def test_an_owner_written_by_an_earlier_release_holds_its_build_while_it_lives(store: Store, pid: int) -> None:
    store.start_build("sums", owner=owner(pid), lease_seconds=3600)
    assert store.start_build("sums", owner=this_process()) is None


@pytest.mark.parametrize("name", ["a b) Z 1 (c", "Z"])
def test_a_living_process_is_not_gone_whatever_its_name(name: str) -> None:
    program = f"import ctypes; ctypes.CDLL(None).prctl(15, {name.encode()!r}); print(flush=True); input()"
    python = [sys.executable, "-c", program]
    with subprocess.Popen(python, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert not is_gone(owner(process.pid))
        process.communicate(b"\n")


@pytest.mark.parametrize("process", ["", "x", "0x1", "9" * 30])
def test_what_names_no_process_is_left_alone_or_gone(process: str) -> None:
    assert is_gone(f"{socket.gethostname()}:{process}") is process.isdecimal()


def test_a_build_whose_lease_has_run_out_is_free(store: Store) -> None:
    left = store.start_build("sums", owner=ELSEWHERE, lease_seconds=-1)
    begin(store)
    assert store.builds("sums")[1].id == left
    assert store.builds("sums")[1].state is BuildState.INTERRUPTED


def test_a_build_of_another_host_is_held_until_its_lease_runs_out(store: Store) -> None:
    host, pid = dead_process().split(":")
    store.start_build("sums", owner=f"not-{host}:{pid}")
    assert store.start_build("sums", owner=this_process()) is None


def test_a_build_that_was_left_shows_as_interrupted(store: Store) -> None:
    store.start_build("sums", owner=dead_process())
    (build,) = store.builds("sums")
    assert build.state is BuildState.INTERRUPTED
    assert build.reason


@pytest.mark.parametrize(("second", "cost"), [(0.5, 0.75), (None, None)], ids=["known", "unknown"])
def test_a_build_that_was_left_has_cost_what_its_attempts_have(
    store: Store, second: float | None, cost: float | None
) -> None:
    build_id = store.start_build("sums", owner=dead_process())
    assert build_id is not None
    for one in (0.25, second):
        store.add_attempt(build_id, replace(an_attempt(), cost_usd=one))
    assert store.builds("sums")[0].cost_usd == cost
    begin(store)
    assert store.builds("sums")[1].cost_usd == cost, "when another one has begun, too"


def test_a_renewed_lease_holds(store: Store) -> None:
    build_id = store.start_build("sums", owner=ELSEWHERE, lease_seconds=-1)
    assert build_id is not None
    assert store.renew_build(build_id, 60)
    assert store.start_build("sums", owner=this_process()) is None


def test_a_lease_that_was_taken_is_not_renewed(store: Store) -> None:
    build_id = store.start_build("sums", owner=ELSEWHERE, lease_seconds=-1)
    assert build_id is not None
    begin(store)
    assert not store.renew_build(build_id)


@pytest.mark.parametrize("state", [BuildState.FAILED, BuildState.NEEDS_REVIEW])
def test_a_build_that_ends_counts_the_instances_that_are_there_by_then(store: Store, state: BuildState) -> None:
    build_id = begin(store)
    store.add_instance("sums", an_instance("3?"), request_id="r3")
    store.end_build(build_id, state, reason="no reply compiled")

    assert built_at(store) == 3
    (build,) = store.builds("sums")
    assert (build.state, build.reason, build.instances) == (state, "no reply compiled", 2)


def test_an_interrupted_build_may_be_started_again_at_once(store: Store) -> None:
    store.end_build(begin(store), BuildState.INTERRUPTED, reason="stopped by a signal")
    assert built_at(store) == 0
    begin(store)


def test_a_held_back_build_keeps_its_tool_and_the_disagreement(store: Store) -> None:
    disagreement = Disagreement(instance_id=1, question="1?", stored="3", tool="4")
    store.end_build(
        begin(store), BuildState.NEEDS_REVIEW, reason="one differs", tool=a_tool(), disagreement=disagreement
    )
    (build,) = store.builds("sums")
    assert (build.tool, build.disagreement) == (a_tool(), disagreement)
    assert store.tools() == ()


def test_publishing_ends_the_build_as_live(store: Store) -> None:
    build_id = begin(store)
    store.add_instance("sums", an_instance("3?"), request_id="r3")
    store.publish(a_tool(), build_id=build_id)
    (build,) = store.builds("sums")
    assert (build.state, build.tool) == (BuildState.LIVE, a_tool())
    assert built_at(store) == 3


def test_publishing_for_an_unknown_build_publishes_nothing(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.publish(a_tool(), build_id=99)
    assert store.tools(all_versions=True) == ()
    assert store.tools_revision() == 0


def test_ending_an_unknown_build_is_refused(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.end_build(99, BuildState.FAILED, reason="")


def test_attempts_come_in_order(store: Store) -> None:
    build_id = begin(store)
    store.add_attempt(build_id, an_attempt(1))
    store.add_attempt(build_id, an_attempt(2))
    assert store.attempts(build_id) == (an_attempt(1), an_attempt(2))
    assert store.attempts(build_id + 1) == ()


def test_builds_of_all_tasks_come_newest_first(store: Store) -> None:
    store.add_task("other", "")
    first = begin(store)
    second = store.start_build("other", owner=this_process())
    assert [build.id for build in store.builds()] == [second, first]


def test_this_process_is_alive() -> None:
    assert not is_gone(this_process())
    assert this_process().startswith(f"{owner(os.getpid())}:")


@needs_proc
def test_this_process_knows_when_it_began() -> None:
    assert this_process().rpartition(":")[2].isdecimal()
