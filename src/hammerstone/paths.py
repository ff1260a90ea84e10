"""Paths as a person writes them, where no shell has read them: `~` and `~name` begin with a home folder."""

from __future__ import annotations

from pathlib import Path

from hammerstone.errors import SettingsError

__all__ = ["expanded"]


def expanded(path: str | Path) -> Path:
    """The path from the home folder that it begins with. Raises `SettingsError` if that is no user's."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        hint = "a name after ~ is a user's; give the full path of a folder or a file of that name"
        raise SettingsError(f"{path} is in nobody's home folder", hint=hint) from None
