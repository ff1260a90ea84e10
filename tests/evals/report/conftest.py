from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hammerstone.evals.report import write_report
from hammerstone.evals.report.experiment_result import Result

from .made_up import everything
from .reading import Page


@pytest.fixture
def page_of(tmp_path: Path) -> Callable[..., Page]:
    """The page of some results, read."""

    def page(*results: Result) -> Page:
        path = tmp_path / "report.html"
        write_report(results, path)
        return Page(path.read_text(encoding="utf-8"))

    return page


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of everything."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(everything(), path)
    return path


@pytest.fixture(scope="session")
def page(report: Path) -> Page:
    return Page(report.read_text(encoding="utf-8"))
