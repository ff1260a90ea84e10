from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hammerstone.errors import NotFoundError
from hammerstone.latm.records import Disagreement, MakingState
from hammerstone.latm.store import Store, this_process
from hammerstone.latm.store.owner import is_gone

from .examples import a_tool, an_attempt, an_instance

ELSEWHERE = "another-host:1"
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only /proc tells when a process began")


@pytest.fixture(autouse=True)
def _a_task_with_two_instances(store: Store) -> None:
    store.add_task("sums", "")
    store.add_instance("sums", an_instance("1?"), request_id="r1")
    store.add_instance("sums", an_instance("2?"), request_id="r2")


def made_at(store: Store) -> int:
    task = store.task("sums")
    assert task is not None
    return task.made_at


def begin(store: Store) -> int:
    making_id = store.start_making("sums", owner=this_process())
    assert making_id is not None
    return making_id


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


def test_a_making_runs_with_the_instances_it_began_with(store: Store) -> None:
    making_id = begin(store)
    (making,) = store.makings("sums")
    assert (making.id, making.task, making.state, making.instances) == (making_id, "sums", MakingState.RUNNING, 2)
    assert made_at(store) == 0


def test_a_task_is_made_by_one_owner_at_a_time(store: Store) -> None:
    begin(store)
    assert store.start_making("sums", owner=this_process()) is None
    assert store.start_making("sums", owner=ELSEWHERE) is None


def test_two_tasks_are_made_side_by_side(store: Store) -> None:
    store.add_task("other", "")
    begin(store)
    assert store.start_making("other", owner=this_process()) is not None


def test_a_making_of_an_unknown_task_is_refused(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.start_making("unknown", owner=this_process())


def test_a_making_whose_process_is_dead_is_free_at_once(store: Store) -> None:
    left = store.start_making("sums", owner=dead_process(), lease_seconds=3600)
    taken = begin(store)
    newest, oldest = store.makings("sums")
    assert (newest.id, newest.state) == (taken, MakingState.RUNNING)
    assert (oldest.id, oldest.state) == (left, MakingState.INTERRUPTED)
    assert made_at(store) == 0


@needs_proc
def test_a_killed_process_that_nobody_has_waited_for_is_dead(store: Store, zombie: int) -> None:
    store.start_making("sums", owner=owner(zombie), lease_seconds=3600)
    begin(store)


@needs_proc
def test_a_process_that_got_the_number_of_the_dead_one_is_not_the_owner(store: Store) -> None:
    store.start_making("sums", owner=owner(os.getppid(), start="1"), lease_seconds=3600)
    assert [making.state for making in store.makings()] == [MakingState.INTERRUPTED]
    begin(store)


@needs_proc
def test_this_process_did_not_begin_what_one_of_its_number_began_before_it(store: Store) -> None:
    store.start_making("sums", owner=owner(os.getpid(), start="1"), lease_seconds=3600)
    begin(store)


@pytest.mark.parametrize("pid", [os.getpid(), os.getppid()], ids=["this process", "its parent"])
def test_an_owner_written_by_an_earlier_release_holds_its_making_while_it_lives(store: Store, pid: int) -> None:
    store.start_making("sums", owner=owner(pid), lease_seconds=3600)
    assert store.start_making("sums", owner=this_process()) is None


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


def test_a_making_whose_lease_has_run_out_is_free(store: Store) -> None:
    left = store.start_making("sums", owner=ELSEWHERE, lease_seconds=-1)
    begin(store)
    assert store.makings("sums")[1].id == left
    assert store.makings("sums")[1].state is MakingState.INTERRUPTED


def test_a_making_of_another_host_is_held_until_its_lease_runs_out(store: Store) -> None:
    host, pid = dead_process().split(":")
    store.start_making("sums", owner=f"not-{host}:{pid}")
    assert store.start_making("sums", owner=this_process()) is None


def test_a_making_that_was_left_shows_as_interrupted(store: Store) -> None:
    store.start_making("sums", owner=dead_process())
    (making,) = store.makings("sums")
    assert making.state is MakingState.INTERRUPTED
    assert making.reason


def test_a_renewed_lease_holds(store: Store) -> None:
    making_id = store.start_making("sums", owner=ELSEWHERE, lease_seconds=-1)
    assert making_id is not None
    assert store.renew_making(making_id, 60)
    assert store.start_making("sums", owner=this_process()) is None


def test_a_lease_that_was_taken_is_not_renewed(store: Store) -> None:
    making_id = store.start_making("sums", owner=ELSEWHERE, lease_seconds=-1)
    assert making_id is not None
    begin(store)
    assert not store.renew_making(making_id)


@pytest.mark.parametrize("state", [MakingState.FAILED, MakingState.HELD_BACK])
def test_a_making_that_ends_counts_the_instances_that_are_there_by_then(store: Store, state: MakingState) -> None:
    making_id = begin(store)
    store.add_instance("sums", an_instance("3?"), request_id="r3")
    store.end_making(making_id, state, reason="no reply compiled")

    assert made_at(store) == 3
    (making,) = store.makings("sums")
    assert (making.state, making.reason, making.instances) == (state, "no reply compiled", 2)


def test_an_interrupted_making_may_be_started_again_at_once(store: Store) -> None:
    store.end_making(begin(store), MakingState.INTERRUPTED, reason="stopped by a signal")
    assert made_at(store) == 0
    begin(store)


def test_a_held_back_making_keeps_its_tool_and_the_disagreement(store: Store) -> None:
    disagreement = Disagreement(instance_id=1, question="1?", stored="3", tool="4")
    store.end_making(
        begin(store), MakingState.HELD_BACK, reason="one differs", tool=a_tool(), disagreement=disagreement
    )
    (making,) = store.makings("sums")
    assert (making.tool, making.disagreement) == (a_tool(), disagreement)
    assert store.tools() == ()


def test_publishing_ends_the_making_as_live(store: Store) -> None:
    making_id = begin(store)
    store.add_instance("sums", an_instance("3?"), request_id="r3")
    store.publish(a_tool(), making_id=making_id)
    (making,) = store.makings("sums")
    assert (making.state, making.tool) == (MakingState.LIVE, a_tool())
    assert made_at(store) == 3


def test_publishing_for_an_unknown_making_publishes_nothing(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.publish(a_tool(), making_id=99)
    assert store.tools(all_versions=True) == ()
    assert store.tools_revision() == 0


def test_ending_an_unknown_making_is_refused(store: Store) -> None:
    with pytest.raises(NotFoundError):
        store.end_making(99, MakingState.FAILED, reason="")


def test_attempts_come_in_order(store: Store) -> None:
    making_id = begin(store)
    store.add_attempt(making_id, an_attempt(1))
    store.add_attempt(making_id, an_attempt(2))
    assert store.attempts(making_id) == (an_attempt(1), an_attempt(2))
    assert store.attempts(making_id + 1) == ()


def test_makings_of_all_tasks_come_newest_first(store: Store) -> None:
    store.add_task("other", "")
    first = begin(store)
    second = store.start_making("other", owner=this_process())
    assert [making.id for making in store.makings()] == [second, first]


def test_this_process_is_alive() -> None:
    assert not is_gone(this_process())
    assert this_process().startswith(f"{owner(os.getpid())}:")


@needs_proc
def test_this_process_knows_when_it_began() -> None:
    assert this_process().rpartition(":")[2].isdecimal()
