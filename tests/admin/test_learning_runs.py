"""Runs over logs that somebody watches: one at a time, and known for what they are when their process has died."""

from __future__ import annotations

from pathlib import Path

import pytest

from hammerstone.admin.learning_runs import BuildNote, Order, RunProgress, TenantRuns
from hammerstone.errors import InputError, NotFoundError


def order(**values: object) -> Order:
    given = {"home": "h", "tenant": "", "names": ("log.jsonl",), "started": "2026-11-29", "who": "ada", **values}
    return Order(**given)  # pyright: ignore[reportArgumentType] - of its own fields


@pytest.fixture
def runs(tmp_path: Path) -> TenantRuns:
    return TenantRuns(home=tmp_path, tenant="")


def test_an_order_and_how_far_it_is_are_read_as_they_were_written(runs: TenantRuns) -> None:
    run = runs.begin(order(max_usd=2.5))
    progress = RunProgress(state="done", done=3, of=3, builds=(BuildNote(task="sum", state="passed", cost_usd=0.1),))
    run.write(progress)
    assert runs.run(1).order == order(max_usd=2.5)
    assert runs.progress(runs.run(1)) == progress
    for path in (run.folder, *run.folder.iterdir()):
        assert path.stat().st_mode & 0o077 == 0


def test_the_newest_run_comes_first_and_another_tenant_s_not_at_all(runs: TenantRuns, tmp_path: Path) -> None:
    for _ in range(3):
        runs.begin(order())
    assert [one.number for one in runs] == [3, 2, 1]
    assert list(TenantRuns(home=tmp_path, tenant="../acme")) == []
    with pytest.raises(NotFoundError):
        runs.run(4)


def test_a_run_that_is_under_way_keeps_others_from_beginning(runs: TenantRuns) -> None:
    with runs.held(), pytest.raises(InputError, match="already"), runs.held():
        pass
    with runs.held():
        assert runs.is_held()
    assert not runs.is_held()


def test_what_fails_while_a_run_is_begun_is_not_taken_for_another_run(runs: TenantRuns) -> None:
    with pytest.raises(BlockingIOError), runs.held():
        raise BlockingIOError("no more processes")  # what fork says
    assert not runs.is_held()


def test_a_run_whose_process_has_died_is_interrupted(runs: TenantRuns) -> None:
    run = runs.begin(order())
    run.write(RunProgress(state="learning", done=5, of=9))
    with runs.held():
        assert runs.progress(run).state == "learning"
    assert (runs.progress(run).state, runs.progress(run).done) == ("interrupted", 5)


def test_an_older_run_is_not_taken_for_the_one_under_way(runs: TenantRuns) -> None:
    first = runs.begin(order())
    first.write(RunProgress(state="learning"))
    second = runs.begin(order())
    with runs.held():
        assert (runs.progress(first).state, runs.progress(second).state) == ("interrupted", "waiting")


def test_only_a_run_that_has_ended_is_removed(runs: TenantRuns) -> None:
    run = runs.begin(order())
    with runs.held(), pytest.raises(InputError, match="under way"):
        runs.remove(run)
    runs.remove(run)
    assert list(runs) == []


def test_what_builds_cost_is_unknown_with_any_price() -> None:
    known, unknown = BuildNote(task="a", state="passed", cost_usd=0.5), BuildNote(task="b", state="failed")
    assert RunProgress(builds=(known, BuildNote(task="c", state="building"))).cost_usd == 0.5
    assert RunProgress(builds=(known, unknown)).cost_usd is None


@pytest.mark.parametrize(
    ("name", "kept"), [("Log.JSONL", "log-0.jsonl"), ("a.csv", "log-0.csv"), ("x/../y", "log-0.jsonl")]
)
def test_a_file_keeps_the_ending_of_its_name_and_nothing_else(runs: TenantRuns, name: str, kept: str) -> None:
    run = runs.begin(order())
    assert run.add_log(0, name) == run.folder / kept
