"""`hammerstone bench` on recordings of a test's own, with small sums in the place of the paper's tasks."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
import pytest

from hammerstone.cli import bench
from hammerstone.errors import RecordingError
from hammerstone.evals.report.experiment_result import Result
from hammerstone.evals.run_experiments import EXPERIMENTS, BenchPlan, run_experiments
from hammerstone.models import RecordedModel, RecordingModel
from hammerstone.models.recordings import read_records
from hammerstone.store import open_store
from hammerstone.types import Role

from ..evals.report.made_up import read_results
from ..evals.toys import PRICE, roles, samples
from .conftest import Cli

METHODS = "direct,cot,user,parser"


@dataclass(frozen=True)
class BenchRun:
    """Recorded completions for `bench use` on a file of sums, whatever the methods but `pot`."""

    recordings: Path
    file: str

    def use(self, *options: str | Path) -> tuple[str | Path, ...]:
        return ("bench", "use", "--tasks", self.file, "-n", "4", "--recordings", self.recordings, *options)

    @property
    def live(self) -> tuple[str, ...]:
        """The same completions as if they were live models'."""
        return tuple(
            part for role in ("maker", "user") for part in (f"--{role}", f"recorded:{self.recordings}/{role}.jsonl")
        )


@pytest.fixture(scope="session")
def recorded_bench(tmp_path_factory: pytest.TempPathFactory) -> BenchRun:
    folder = tmp_path_factory.mktemp("bench")
    given = samples(shown=12)
    examples = [{"input": one.question, "target": one.answer} for one in (*given.shown, *given.asked)]
    (folder / "sum.json").write_text(json.dumps({"examples": examples}))
    models = {role: RecordingModel(model, folder / "rec" / f"{role}.jsonl") for role, model in roles().items()}
    plan = BenchPlan(experiments=("use",), tasks=(str(folder / "sum.json"),), n=4, methods=tuple(METHODS.split(",")))
    anyio.run(run_experiments, plan, models, folder / "home")
    return BenchRun(folder / "rec", str(folder / "sum.json"))


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's data folder is, if anybody asks."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "hammerstone" / "bench"


# what comes out


def test_recorded_experiments_run_without_a_model(cli: Cli, recorded_bench: BenchRun, data: Path) -> None:
    done = cli(*recorded_bench.use())
    assert done.code == 0
    assert done.rows[0] == "Tool users against prompting alone (LATM, tables 2 and 4)"
    *lines, same_answer = [row for row in done.rows if row.startswith("sum ")]
    assert same_answer.endswith(" 1/4")
    assert [line.split(" 4/4 ")[0] for line in lines] == [
        "sum direct, few-shot recorded user",
        "sum chain of thought, few-shot recorded user",
        "sum tool, user recorded user",
        "sum tool, parser none",
    ]
    assert all("100.0 51.0 to 100.0" in line for line in lines)
    assert not data.exists()  # nothing was paid, so nothing is kept


def test_a_model_in_the_environment_does_not_make_a_replay_one_that_pays(
    cli: Cli, recorded_bench: BenchRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HAMMERSTONE_MAKER", "HAMMERSTONE_USER"):
        monkeypatch.setenv(name, f"mailbox:{tmp_path / 'box'}")
    assert cli(*recorded_bench.use("--methods", "direct")).code == 0
    assert not (tmp_path / "box").exists()


def test_an_experiment_without_models_needs_no_recordings_and_says_nothing_of_any(cli: Cli, tmp_path: Path) -> None:
    """Of this seed, the streams that go through the loop are short."""
    done = cli("bench", "audit", "--seed", "312", "--recordings", tmp_path / "missing", "--json")
    assert done.code == 0
    result = json.loads(done.out)
    assert (result["recorded"], result["models"], result["partial"]) == ("", {}, "")
    assert "ecorded" not in " ".join(result["notes"])
    same = [one for one in result["figures"] if one["task"] == "loop and simulation quarantine at the same request"]
    assert [(one["right"], one["n"]) for one in same] == [(2, 2)] * 3


def test_the_day_of_the_recording_and_the_seed_are_told(cli: Cli, recorded_bench: BenchRun) -> None:
    line = (recorded_bench.recordings / "user.jsonl").read_text().splitlines()[0]
    about = f"seed 3; completions recorded {json.loads(line)['recorded']}; maker: recorded maker; user: recorded user"
    assert about in cli(*recorded_bench.use("--seed", "3")).rows


def test_progress_is_said_where_there_is_no_terminal(
    cli: Cli, recorded_bench: BenchRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hammerstone.cli.shown_progress.EVERY", 0)
    assert "sum: tool, parser: 4 of 4 steps" in cli(*recorded_bench.use()).err


@pytest.mark.parametrize("width", [80, 120])
def test_every_line_fits_the_screen(
    cli: Cli, recorded_bench: BenchRun, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = cli(*recorded_bench.use()).out.splitlines()
    assert max(map(len, lines)) <= width
    assert {"sum", "all"} <= set(lines)


def test_with_json_each_experiment_is_a_line(cli: Cli, recorded_bench: BenchRun, tmp_path: Path) -> None:
    done = cli(*recorded_bench.use("--json", "--out", tmp_path / "out.json"))
    (line,) = done.lines
    (kept,) = json.loads((tmp_path / "out.json").read_text())
    assert line == kept
    assert (line["experiment"], line["seed"], line["partial"]) == ("use", 0, "")
    assert [one["right"] for one in line["figures"] if one["task"] == "sum"] == [4, 4, 4, 4]


def test_results_are_kept_in_a_file_as_well(cli: Cli, recorded_bench: BenchRun, tmp_path: Path) -> None:
    assert cli(*recorded_bench.use("--out", tmp_path / "out.json", "--methods", "direct")).code == 0
    done = cli(*recorded_bench.use("--out", tmp_path / "out.json", "--methods", "parser"))
    (result,) = read_results(tmp_path / "out.json")
    assert done.code == 0
    assert [(one.task, one.method, one.right, one.n) for one in result.figures] == [
        ("sum", "tool, parser", 4, 4),
        ("all", "tool, parser", 4, 4),
    ]


@pytest.mark.parametrize("option", ["--out", "--report", "--markdown"])
def test_what_is_no_earlier_result_is_not_written_over_and_that_is_reported_before_anything_runs(
    cli: Cli, recorded_bench: BenchRun, tmp_path: Path, option: str
) -> None:
    notes = tmp_path / "notes"
    notes.write_text("# my own\n")
    done = cli(*recorded_bench.use(option, notes, *recorded_bench.live, "--home", tmp_path / "home"))
    assert done.code == 2
    assert f"{notes} exists and " in done.err
    assert "hint: move it, or give another path" in done.err
    assert (notes.read_text(), (tmp_path / "home").exists()) == ("# my own\n", False)


def test_a_markdown_document_says_which_command_wrote_it_and_may_be_written_again(
    cli: Cli, recorded_bench: BenchRun, tmp_path: Path
) -> None:
    written = tmp_path / "results.md"
    for _ in range(2):
        assert cli(*recorded_bench.use("--markdown", written, "--methods", "parser")).code == 0
    assert written.read_text().startswith("<!-- Written by `hammerstone bench use`: do not edit. -->")


def test_more_users_than_one_are_measured_recorded_and_replayed(
    cli: Cli, recorded_bench: BenchRun, tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    user = tmp_path / "another.jsonl"
    shutil.copy(recorded_bench.recordings / "user.jsonl", user)
    command = ("bench", "use", "--tasks", recorded_bench.file, "-n", "4", "--methods", "direct")
    assert (
        cli(*command, *recorded_bench.live, "--user", f"recorded:{user}", "--recordings", folder, "--record").code == 0
    )
    first, second = (
        {record.key: record.reply for record in read_records(folder / name).values()}
        for name in ("user.jsonl", "user2.jsonl")
    )
    assert first == second
    rows = cli(*command, "--recordings", folder).rows
    assert [row.split(" 4/4 ")[0] for row in rows if row.startswith("sum ") and " 4/4 " in row] == [
        "sum direct, few-shot recorded user",
        "sum direct, few-shot recorded user2",
    ]


def test_an_embedding_that_cannot_be_used_is_reported(cli: Cli) -> None:
    done = cli("bench", "near-miss", "--tasks", "dyck", "-n", "2", "--embedding", "nobody:nothing")
    assert done.code == 2
    assert "cannot use the embedding 'nobody:nothing'" in done.err


def test_only_the_shipped_recordings_are_described_as_such(cli: Cli, recorded_bench: BenchRun) -> None:
    """Nobody knows what model made a recording of one's own; but what is estimated is told with any model."""
    for options in ((), recorded_bench.live):
        out = cli(*recorded_bench.use(*options, "--methods", "parser")).out
        assert "frontier" not in out
        assert "- Where a model reports no tokens or no price, estimates stand in" in out


# bad input


def test_a_missing_recording_is_reported_with_how_to_record_it(cli: Cli, recorded_bench: BenchRun) -> None:
    done = cli(*recorded_bench.use("--methods", "direct,pot"))
    assert done.code == 2
    assert f"error: {recorded_bench.recordings}/user.jsonl has no recording of this prompt (key " in done.err
    assert "the nearest recorded one is" in done.err
    assert (
        "hint: to record it, run the same command with live models: "
        f"--maker MODEL --user MODEL --recordings {recorded_bench.recordings} --record\n"
    ) in done.err


def test_a_recording_in_a_broken_line_keeps_its_own_hint(cli: Cli, recorded_bench: BenchRun, tmp_path: Path) -> None:
    for role in Role:
        text = (recorded_bench.recordings / f"{role}.jsonl").read_text()
        (tmp_path / f"{role}.jsonl").write_text(text + ("{broken\n" if role is Role.USER else ""))
    done = cli("bench", "use", "--tasks", recorded_bench.file, "--recordings", tmp_path)
    assert done.code == 2
    assert "user.jsonl, line " in done.err
    assert "hint: repair the line" in done.err


def test_a_folder_of_recordings_that_is_not_there_is_reported(cli: Cli, tmp_path: Path) -> None:
    done = cli("bench", "use", "--recordings", tmp_path / "none")
    assert done.code == 2
    assert f"error: no recordings folder {tmp_path}/none\nhint: to record it, " in done.err


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("usage",), "unknown experiment 'usage'\nhint: one of: all, use, make, "),
        (("use", "--tasks", "sorting"), "unknown task 'sorting'\nhint: the tasks are "),
        (("use", "--tasks", "none.json"), "there is no file none.json\nhint: "),
        (("use", "--methods", "tool"), "unknown method 'tool'\nhint: the methods are direct, "),
        (("dispatch", "--tasks", "dyck"), "the dispatch experiment needs 6 or more tasks, not 1\nhint: "),
        (("use", "--record"), "no live model to record\nhint: name one with --maker"),
    ],
)
def test_what_makes_no_sense_is_reported(
    cli: Cli, recorded_bench: BenchRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], error: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cli("bench", *options, "--recordings", recorded_bench.recordings)
    assert (done.code, done.out) == (2, "")
    assert f"error: {error}" in done.err


def test_a_file_for_the_results_that_cannot_be_written_is_reported_before_anything_is_paid(
    cli: Cli, recorded_bench: BenchRun, tmp_path: Path, data: Path
) -> None:
    done = cli(*recorded_bench.use("--out", tmp_path / "none" / "out.json"), *recorded_bench.live)
    assert done.code == 2
    assert f"error: {tmp_path}/none/out.json cannot be written: No such file or directory" in done.err
    assert not (data / "hammerstone.db").exists()


def test_what_was_measured_before_a_recording_is_missed_is_kept(recorded_bench: BenchRun, tmp_path: Path) -> None:
    """Several experiments in one run: the second asks for a build that was not recorded."""
    plan = BenchPlan(
        experiments=("use", "make"),
        tasks=(recorded_bench.file,),
        n=4,
        methods=("direct", "parser"),
        trials=2,
    )
    models = {role: RecordedModel(recorded_bench.recordings / f"{role}.jsonl") for role in Role}
    with pytest.raises(RecordingError):
        bench._run(partial(run_experiments, plan, models, tmp_path / "home"), out=tmp_path / "out.json", json=True)
    assert [one.experiment for one in read_results(tmp_path / "out.json")] == ["use"]


# a bound on the cost


def test_a_bound_on_the_cost_ends_with_code_2_and_keeps_what_is_finished(
    cli: Cli, recorded_bench: BenchRun, tmp_path: Path
) -> None:
    """One build, a word of the user at its gate for two questions, four direct answers: and one call more."""
    out = tmp_path / "out.json"
    done = cli(*recorded_bench.use("--max-cost", str(8 * PRICE), "--out", out))
    assert done.code == 2
    (result,) = read_results(out)
    assert result.partial == "$2.00 spent, the bound is $2.00"
    assert [(one.task, one.method, one.right, one.n) for one in result.figures] == [
        ("sum", "direct, few-shot", 4, 4),
        ("all", "direct, few-shot", 4, 4),
    ]
    assert "partial: $2.00 spent, the bound is $2.00\n" in done.err
    assert "hint: run the same command again with a higher --max-cost: what is paid is not paid again\n" in done.err
    assert any(row.startswith("sum direct, few-shot ") for row in done.rows)


def kept_calls(home: Path) -> int:
    with open_store(home) as store:
        return sum(row.calls for row in store.ledger())


def whole(cli: Cli, recorded_bench: BenchRun, tmp_path: Path) -> Result:
    cli(*recorded_bench.use("--out", tmp_path / "whole.json"), *recorded_bench.live, "--home", tmp_path / "other")
    (result,) = read_results(tmp_path / "whole.json")
    return result


@pytest.mark.parametrize("named", [True, False], ids=["--home", "the user's data folder"])
def test_the_same_command_goes_on_where_a_bound_broke_it_off(
    cli: Cli, recorded_bench: BenchRun, tmp_path: Path, data: Path, named: bool
) -> None:
    home = tmp_path / "kept" if named else data
    out = tmp_path / "out.json"
    command = (*recorded_bench.use("--out", out, *(("--home", home) if named else ())), *recorded_bench.live)
    assert cli(*command, "--max-cost", str(8 * PRICE)).code == 2
    assert kept_calls(home) == 8
    assert cli(*command, "--max-cost", "99").code == 0
    assert read_results(out) == (whole(cli, recorded_bench, tmp_path),)
    calls = kept_calls(home)
    assert cli(*command, "--max-cost", "0").code == 0  # nothing is left to pay
    assert kept_calls(home) == calls


def test_what_is_recorded_needs_no_other_store(cli: Cli, recorded_bench: BenchRun, tmp_path: Path, data: Path) -> None:
    options = ("--recordings", tmp_path / "new", "--record", "--methods", "direct")
    done = cli("bench", "use", "--tasks", recorded_bench.file, "-n", "4", *options, *recorded_bench.live)
    assert done.code == 0
    assert len((tmp_path / "new" / "user.jsonl").read_text().splitlines()) == 4
    assert not data.exists()


# what is said elsewhere


def test_the_names_in_the_help_are_those_that_there_are() -> None:
    """They are written out there so that `--help` needs no experiment's imports."""
    assert ", ".join(EXPERIMENTS) == bench.EXPERIMENT_NAMES
