"""The findings as one HTML page that needs nothing else: for whoever decides."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from hammerstone.errors import SettingsError
from hammerstone.evals.report import check_report_path, write_page
from hammerstone.learn.findings import Findings
from hammerstone.private_files import tighten

__all__ = ["check_page", "write_findings"]


def check_page(path: Path) -> None:
    """Check before a long run that the page can be drawn, and replaces nothing but an earlier report.

    Raises `InputError` for a path that holds anything but an earlier report, `SettingsError` without the extra `bench`.
    """
    check_report_path(path)
    missing = next((name for name in ("jinja2", "matplotlib") if find_spec(name) is None), None)
    if missing is not None:
        raise SettingsError(
            f"the report needs {missing}, which is not installed", hint="uv run --extra bench hammerstone …"
        )


def write_findings(findings: Findings, path: Path) -> None:
    """Write the page. The same findings give the same bytes. It quotes requests: its owner decides who sees it.

    Raises `InputError` where the page cannot be written.
    """
    from hammerstone.learn.html import render

    check_page(path)
    write_page(render(findings), path)
    tighten(path)
