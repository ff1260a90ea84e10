"""The report: one page of HTML, with its plots, that needs nothing but a browser."""

from hammerstone.evals.report.page import write_report

__all__ = ["write_report"]
