from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from hammerstone.errors import NotFoundError
from hammerstone.latm.records import Disagreement, MakingState
from hammerstone.latm.store import Store, this_process

from .examples import a_tool, an_attempt, an_instance

ELSEWHERE = "another-host:1"


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


def dead_process() -> str:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return f"{socket.gethostname()}:{process.pid}"


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
    assert this_process() == f"{socket.gethostname()}:{os.getpid()}"
