"""The files that `hammerstone bench` writes: checked before anything is paid, written at the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hammerstone.cli.terminal import talk
from hammerstone.errors import InputError

if TYPE_CHECKING:
    from hammerstone.evals.report import Result

__all__ = ["check_outputs", "write_outputs"]


def check_outputs(out: Path | None, report: Path | None, markdown: Path | None) -> None:
    """Check, before anything is paid, that each path can be written and replaces only a file of its kind."""
    from hammerstone.evals.report import MARK

    for path, sign in ((out, '[\n {\n  "experiment": "'), (markdown, MARK)):
        if path is not None:
            head = _head(path)
            if head and not head.startswith(sign):
                raise InputError(f"{path} exists and is not a file of results", hint="move it, or give another path")
    if report is not None:
        from hammerstone.evals.report import check_report_path

        check_report_path(report)


def _head(path: Path) -> str:
    """The beginning of a file that can be written, made if it is not there."""
    try:
        path.open("ab").close()
        return path.read_text(encoding="utf-8", errors="replace")[:80]
    except OSError as error:
        hint = "name a file that you may write to"
        raise InputError(f"{path} cannot be written: {error.strerror}", hint=hint) from None


def write_outputs(results: list[Result], report: Path | None, markdown: Path | None, *, command: str) -> None:
    """Write the page and the tables that are wanted; `command` is what wrote them."""
    if report is not None:
        from hammerstone.evals.report import write_report

        write_report(results, report)
        talk(str(report), "written:")
    if markdown is not None:
        from hammerstone.evals.report import markdown_of

        markdown.write_text(markdown_of(results, command=command), encoding="utf-8")
