"""The findings as one HTML page that needs nothing else: for whoever decides."""

from __future__ import annotations

from pathlib import Path

from hammerstone.evals.report import check_report_path, write_page
from hammerstone.learn.findings import Findings
from hammerstone.private_files import tighten

__all__ = ["write_findings"]


def write_findings(findings: Findings, path: Path) -> None:
    """Write the page. The same findings give the same bytes. It quotes requests: its owner decides who sees it.

    Raises as `check_report_path`.
    """
    from hammerstone.learn.html import render

    check_report_path(path)
    write_page(render(findings), path)
    tighten(path)
