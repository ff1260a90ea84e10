"""The report: one page of HTML, with its plots, that needs nothing but a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.lazy_names import lazy_names

if TYPE_CHECKING:
    from hammerstone.evals.report.experiment_result import Result, Series, Table, write_results
    from hammerstone.evals.report.markdown import MARK, markdown_of
    from hammerstone.evals.report.page import check_report_path, write_page, write_report
    from hammerstone.evals.report.plots import draw_lines
    from hammerstone.evals.report.result_tables import CONFUSION, about, tables
    from hammerstone.evals.report.styles import styles_of
    from hammerstone.evals.report.svg import inline
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "experiment_result": "Result Series Table write_results",
            "markdown": "MARK markdown_of",
            "page": "check_report_path write_page write_report",
            "plots": "draw_lines",
            "result_tables": "CONFUSION about tables",
            "styles": "styles_of",
            "svg": "inline",
        },
    )

__all__ = [
    "CONFUSION",
    "MARK",
    "Result",
    "Series",
    "Table",
    "about",
    "check_report_path",
    "draw_lines",
    "inline",
    "markdown_of",
    "styles_of",
    "tables",
    "write_page",
    "write_report",
    "write_results",
]
