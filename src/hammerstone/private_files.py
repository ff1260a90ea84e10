"""Files and folders that their owner alone can read: they hold questions, replies and sometimes keys.

New ones are private whatever the umask. One that everybody may read, as an ordinary umask leaves it, is made private
when it is opened for writing; one that a group shares, or that everybody may write to, was meant so and is left alone.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

__all__ = ["make_private_folder", "open_private", "tighten"]

OTHERS = 0o007
OTHERS_WRITE = 0o002


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing. Raises `OSError`."""
    for each in (*reversed(folder.parents), folder):
        each.mkdir(mode=0o700, exist_ok=True)


def open_private(path: Path, mode: str, **options: Any) -> IO[Any]:
    """`open` for writing, for a file that is private. Raises `OSError`."""
    return open(path, mode, opener=_private, **options)


def tighten(path: Path) -> None:
    """Take a file or a folder from everybody but its owner, if an ordinary umask has left it open to read."""
    with suppress(PermissionError, FileNotFoundError):  # somebody else's, or gone meanwhile
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & OTHERS and not mode & OTHERS_WRITE:
            path.chmod(mode & 0o700)


def _private(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, 0o600)
    tighten(Path(path))
    return descriptor
