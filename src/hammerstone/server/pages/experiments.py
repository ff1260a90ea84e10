"""The pages that `bench`, `learn` and Toolformer runs have written into the home, listed and opened.

They lie in its folder `reports`, or in a folder in there. Whoever looks after one tenant alone does not see them: they
may quote any tenant's requests.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from starlette.responses import Response

from hammerstone.errors import NotFoundError
from hammerstone.private_files import make_private_folder
from hammerstone.server.pages.foreign_page import foreign_page
from hammerstone.server.pages.visit import Page, Visit
from hammerstone.server.replies import GatewayError

__all__ = ["FOLDER", "PAGES"]

FOLDER = "reports"
MOST = 500
_HEAD = 4_096  # bytes in which a page of ours says what it is
_WRITTEN_BY = re.compile(r'<meta name="generator" content="(hammerstone [^"]{1,80})"')
_TITLE = re.compile(r"<title>(.*?)</title>", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class _Report:
    """`name` is its path below the folder, `command` what has written it, and `written` when (ISO 8601, UTC)."""

    name: str
    title: str
    command: str
    written: str
    size: int


def show_list(visit: Visit) -> Response:
    """The newest first."""
    folder = _folder(visit)
    if folder is not None:
        with suppress(OSError):  # it is said below that there is nothing
            make_private_folder(folder)
    found = sorted(_reports(folder), key=lambda one: one.written, reverse=True) if folder is not None else []
    return visit.show("experiments.html", reports=found[:MOST], more=len(found) > MOST, folder=folder)


def show_one(visit: Visit) -> Response:
    """One of those that are listed."""
    folder, name = _folder(visit), visit.http.path_params["name"]
    if folder is None or not any(one.name == name for one in _reports(folder)):
        raise NotFoundError("there is no such page", hint="the list of experiments has them all")
    return foreign_page(folder / name)


def _folder(visit: Visit) -> Path | None:
    """`None` where the home is a database without a folder."""
    if visit.visitor.scope is not None:
        message = f"your key looks after the tenant {visit.visitor.scope!r} alone, and a report may quote any"
        raise GatewayError(message, status=403, code="tenant_admin", kind="permission_error")
    home = visit.place.home
    return home / FOLDER if home is not None else None


def _reports(folder: Path) -> Iterator[_Report]:
    """Pages that a command of ours has written. What cannot be read is left out."""
    for path in (*folder.glob("*.html"), *folder.glob("*/*.html")):
        with suppress(OSError):
            if path.is_symlink() or path.parent.is_symlink() or not path.is_file():
                continue
            with path.open("rb") as file:
                head = file.read(_HEAD).decode("utf-8", "replace")
            written_by, title, about = _WRITTEN_BY.search(head), _TITLE.search(head), path.stat()
            if written_by is not None:
                yield _Report(
                    name=path.relative_to(folder).as_posix(),
                    title=html.unescape(title[1]).strip() if title is not None else path.stem,
                    command=html.unescape(written_by[1]),
                    written=datetime.fromtimestamp(about.st_mtime, UTC).isoformat(timespec="microseconds"),
                    size=about.st_size,
                )


PAGES = (
    Page("GET", "/experiments", show_list),
    Page("GET", "/experiments/{name:path}", show_one),
)
