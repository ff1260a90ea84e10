"""The page in a real browser, at the width of a phone and of a desk: nothing sticks out, every plot is seen."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from string import Template
from typing import Any

import pytest

from hammerstone.evals.report import write_report

from .made_up import dispatch, everything, unheard_of, use

SIZES = [(390, 844), (1280, 900)]
NAMES = ("chromium", "chromium-browser", "google-chrome")

# A window of Chromium's is never narrower than 500 px; a frame in one is as narrow as asked.
FRAME = Template(Path(__file__).with_name("frame.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def chromium() -> str:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None and not os.environ.get("CI"):
        pytest.skip("Chromium is not installed: apt install chromium")
    assert found is not None, "Chromium is to be installed where CI is set"
    return found


@pytest.fixture
def browse(chromium: str, tmp_path: Path) -> Callable[..., str]:
    def run(page: Path, width: int, height: int, *options: str) -> str:
        fixed = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run")
        own = (f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},{height}")
        done = subprocess.run(
            [chromium, *fixed, *own, *options, page.as_uri()], capture_output=True, text=True, check=True, timeout=300
        )
        return done.stdout

    return run


def found_in(browse: Callable[..., str], report: Path, folder: Path, width: int, height: int) -> dict[str, Any]:
    frame = folder / f"frame{width}.html"
    page = html.escape(report.read_text(encoding="utf-8"))
    frame.write_text(FRAME.substitute(width=width, height=height, page=page), encoding="utf-8")
    printed = browse(frame, width + 200, height, "--dump-dom")
    found = re.search(r'<pre id="found">(.+?)</pre>', printed)
    assert found, printed[-500:]
    return json.loads(html.unescape(found[1]))


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_everything_fits_and_every_plot_has_a_size(
    browse: Callable[..., str], report: Path, tmp_path: Path, width: int, height: int
) -> None:
    found = found_in(browse, report, tmp_path, width, height)
    assert found["width"] == found["scroll"] == width
    assert found["outside"] == []
    assert found["cut"] == []
    assert found["loaded"] == []
    assert len(found["drawings"]) == report.read_text(encoding="utf-8").count('role="img"')
    assert all(300 <= wide <= 430 and high >= 55 for wide, high in found["drawings"])
    assert found["letters"] >= 10, "the type of the plots can be read"


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_names_without_end_do_not_widen_the_page(
    browse: Callable[..., str], tmp_path: Path, width: int, height: int
) -> None:
    long = "provider:" + "endless" * 30
    figures = tuple(replace(one, task=long, method=long, model=long, detail=long) for one in unheard_of().figures)
    wide = replace(unheard_of(), experiment=long, title=long, models={long: long}, notes=(long,), partial=long)
    series = tuple(replace(one, name=long, plot=long) for one in unheard_of().series)
    confusion = dispatch().confusion
    assert confusion is not None
    names = (long, *confusion.rows[1:])
    report = tmp_path / "report.html"
    results = [
        replace(wide, figures=figures, series=series, confusion=replace(confusion, rows=names, columns=names)),
        replace(use(), series=()),
    ]
    write_report(results, report, title=long)
    found = found_in(browse, report, tmp_path, width, height)
    assert found["scroll"] == width
    assert found["outside"] == []


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_a_screenshot_has_the_size_of_the_screen_and_shows_something(
    browse: Callable[..., str], report: Path, tmp_path: Path, width: int, height: int
) -> None:
    picture = tmp_path / "seen.png"
    browse(report, width, height, f"--screenshot={picture}")
    content = picture.read_bytes()
    assert struct.unpack(">II", content[16:24]) == (width, height)
    assert len(content) > 20_000, "an empty page would take about 3 kB"


def test_the_made_up_results_are_of_every_kind() -> None:
    """Otherwise the browser's checks above would prove little."""
    known = {"use", "make", "reuse-cot", "dispatch", "stream", "near-miss", "audit"}
    assert known < {result.experiment for result in everything()}
