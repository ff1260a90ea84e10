"""Writing the report to a path, without overwriting anything but an earlier report."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from math import isfinite
from pathlib import Path

from hammerstone.errors import InputError, SettingsError
from hammerstone.evals.report.experiment_result import Result

__all__ = ["check_report_path", "write_page", "write_report"]

_GENERATOR = "hammerstone bench"
_SIGN = '<meta name="generator" content="hammerstone '  # whichever of its commands wrote the page
_DRAWN_BY = ("jinja2", "matplotlib")  # the extra `bench`
_HEAD = 1024  # bytes in which that line stands
_HINT = "give the path of a new file, such as report.html, in a folder that can be written to"


def write_report(results: Sequence[Result], path: Path, *, title: str = "hammerstone bench") -> None:
    """One HTML page with every measurement and its plots; the same results give the same bytes.

    Raises `InputError` where `path` cannot be written or holds anything but an earlier report, or where a series or a
    confusion cannot be drawn; `SettingsError` where the extra `bench` is not installed.
    """
    check_report_path(path)
    for result in results:
        _check_shape(result)
    from hammerstone.evals.report.html import render

    write_page(render(results, title=title, generator=_GENERATOR), path)


def write_page(page: str, path: Path) -> None:
    """Write a page to `path`. Raises `InputError` if it cannot be written."""
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write the report {path}: {error.strerror}", hint=_HINT) from error


def check_report_path(path: Path) -> None:
    """Check, before a long run, that a page can be drawn and that nothing would be lost at `path`.

    Raises `InputError` if it holds anything but an earlier report, `SettingsError` without the extra `bench`.
    """
    try:
        if path.is_dir():
            raise InputError(f"the report's path {path} is a folder", hint=f"--report {path / 'report.html'}")
        if not path.parent.is_dir():
            raise InputError(f"there is no folder {path.parent}", hint=f"mkdir -p {path.parent}")
        earlier = not path.exists() or _is_report(path)
    except OSError as error:
        raise InputError(f"cannot write the report {path}: {error.strerror}", hint=_HINT) from error
    if not earlier:
        raise InputError(f"{path} exists and is not a report of hammerstone", hint="move it, or give another path")
    missing = next((name for name in _DRAWN_BY if find_spec(name) is None), None)
    if missing is not None:
        raise SettingsError(
            f"the report needs {missing}, which is not installed", hint="uv run --extra bench hammerstone …"
        )


def _is_report(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return _SIGN.encode() in file.read(_HEAD)


def _check_shape(result: Result) -> None:
    """Refuse shapes that no experiment writes, but a file of results can hold."""
    wrong = [
        f"series {one.name!r}"
        for one in result.series
        if len(one.x) != len(one.y) or not all(map(isfinite, (*one.x, *one.y, one.mark or 0.0)))
    ]
    if found := result.confusion:
        shape = [len(found.columns)] * len(found.rows)
        wrong += ["confusion"] if [len(row) for row in found.counts] != shape else []
    if wrong:
        raise InputError(
            f"experiment {result.experiment}: its {wrong[0]} has unequal lengths or non-finite values",
            hint="run the experiment again",
        )
