"""The only reader of hammerstone's environment."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["default_home", "recordings", "secrets"]

SECRET_NAME = re.compile("KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
SECRET_LENGTH = 8  # shorter values are placeholders such as "none", or words that occur anywhere


def default_home() -> str:
    """Where everything is kept: `HAMMERSTONE_HOME` (a folder, or a database URL), or the user's data folder."""
    from platformdirs import user_data_path

    return os.environ.get("HAMMERSTONE_HOME") or str(user_data_path("hammerstone"))


def secrets() -> tuple[str, ...]:
    """The values of the variables that hold keys, tokens or passwords, longest first. They are never shown."""
    values = {value.strip() for name, value in os.environ.items() if SECRET_NAME.search(name)}
    return tuple(sorted((value for value in values if len(value) >= SECRET_LENGTH), key=len, reverse=True))


def recordings(name: str) -> Path:
    """The folder of recorded completions that ships with hammerstone, in a checkout or in an installed package."""
    package = Path(__file__).parent
    installed = package / "recordings" / name
    return installed if installed.is_dir() else package.parent.parent / "examples" / "recordings" / name
