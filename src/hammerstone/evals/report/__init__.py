"""The report: one page of HTML, with its plots, that needs nothing but a browser."""

from hammerstone.evals.report.page import check_report_path, write_report

__all__ = ["check_report_path", "write_report"]
