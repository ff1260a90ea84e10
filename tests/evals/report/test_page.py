"""A report is written to its path, and overwrites nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hammerstone.errors import InputError, SettingsError
from hammerstone.evals.report import write_report
from hammerstone.evals.report.experiment_result import Confusion, Series, write_results

from .made_up import dispatch, everything, make, unheard_of, use


def test_an_earlier_report_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report([make()], path)
    first = path.read_text(encoding="utf-8")
    write_report([unheard_of()], path, title="another title")
    assert "another title" in path.read_text(encoding="utf-8") != first


@pytest.mark.parametrize("content", ["", "my thesis", "<!DOCTYPE html>\n<title>hammerstone bench</title>"])
def test_another_file_is_left_as_it_is(tmp_path: Path, content: str) -> None:
    path = tmp_path / "report.html"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="exists and is not a report") as raised:
        write_report([make()], path)
    assert raised.value.hint
    assert path.read_text(encoding="utf-8") == content


def test_a_folder_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder") as raised:
        write_report([make()], tmp_path)
    assert str(tmp_path / "report.html") in raised.value.hint


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder") as raised:
        write_report([make()], tmp_path / "away" / "report.html")
    assert raised.value.hint == f"mkdir -p {tmp_path / 'away'}"


@pytest.mark.parametrize("name", ["n" * 300, "/dev/full", "/proc/report.html"])
def test_a_path_that_cannot_be_written_is_the_callers_matter(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as raised:
        write_report([make()], tmp_path / name)
    assert raised.value.hint


@pytest.mark.parametrize("missing", ["matplotlib", "jinja2"])
def test_a_missing_library_is_named_with_what_installs_it(tmp_path: Path, missing: str) -> None:
    code = f"""
import sys
sys.modules[{missing!r}] = None  # what import finds where a library is not installed
from pathlib import Path
from hammerstone.evals.report import check_report_path
try:
    check_report_path(Path({str(tmp_path / "report.html")!r}))  # before anything is paid
except Exception as error:
    print(type(error).__name__, error, error.hint, sep="|")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    kind, message, hint = done.stdout.strip().split("|")
    assert kind == SettingsError.__name__
    assert missing in message
    assert hint == "uv run --extra bench hammerstone …"
    assert not (tmp_path / "report.html").exists()


def test_the_package_is_light_to_import() -> None:
    code = "import sys, hammerstone.evals.report; print({'matplotlib', 'jinja2', 'numpy'} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    "broken",
    [
        replace(use(), series=(Series(plot="cost", name="short", x=(1, 2), y=(1,)),)),
        replace(use(), series=(Series(plot="cost", name="endless", x=(1, 2), y=(1, float("inf"))),)),
        replace(dispatch(), confusion=Confusion(rows=("a", "b"), columns=("a", "b"), counts=((1, 2), (3,)))),
        replace(dispatch(), confusion=Confusion(rows=("a", "b"), columns=("a",), counts=((1,),))),
    ],
    ids=["series of unequal lengths", "infinite value", "ragged confusion", "confusion without a row"],
)
def test_results_that_cannot_be_drawn_are_refused_before_anything_is_written(tmp_path: Path, broken: object) -> None:
    with pytest.raises(InputError, match="has unequal lengths"):
        write_report([broken], tmp_path / "report.html")  # type: ignore[list-item]
    assert not (tmp_path / "report.html").exists()


def test_the_same_results_give_the_same_bytes(tmp_path: Path, report: Path) -> None:
    again = tmp_path / "again.html"
    code = """
import sys
from pathlib import Path
from hammerstone.evals.report import write_report
from hammerstone.evals.report.experiment_result import Result
from pydantic import TypeAdapter
results = TypeAdapter(tuple[Result, ...]).validate_json(Path(sys.argv[1]).read_bytes())
write_report(results, Path(sys.argv[2]))
"""
    write_results(everything(), tmp_path / "results.json")
    env = {**os.environ, "PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo"}
    subprocess.run([sys.executable, "-c", code, tmp_path / "results.json", again], check=True, env=env)
    assert again.read_bytes() == report.read_bytes()


def test_a_users_own_settings_for_matplotlib_change_nothing(tmp_path: Path) -> None:
    import matplotlib

    write_report([use()], tmp_path / "plain.html")
    with matplotlib.rc_context({"axes.linewidth": 5, "xtick.labelsize": 30, "svg.fonttype": "path"}):
        write_report([use()], tmp_path / "loud.html")
    assert (tmp_path / "loud.html").read_bytes() == (tmp_path / "plain.html").read_bytes()
    assert matplotlib.rcParams["svg.fonttype"] == "path"


def test_a_page_of_many_experiments_is_light(report: Path) -> None:
    assert report.stat().st_size < 400_000
