"""A page that another command has written, shown as it is: it may neither run nor ask for anything.

It comes with a policy of its own, which puts it into a sandbox: the page is of no origin, so that it reads nothing of
the session and sends nothing in its name, whatever stands in it.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from starlette.responses import Response

from hammerstone.errors import NotFoundError

__all__ = ["POLICY", "foreign_page"]

POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


def foreign_page(path: Path) -> Response:
    """Raises `NotFoundError` for what is no file, or is a link to one."""
    try:
        with open(path, "rb", opener=_unlinked) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise NotFoundError("there is no such page")
            content = file.read()
    except OSError:
        raise NotFoundError("there is no such page") from None
    headers = {"content-security-policy": POLICY, "referrer-policy": "no-referrer"}
    return Response(content, media_type="text/html", headers=headers)


def _unlinked(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
