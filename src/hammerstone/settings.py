"""The only reader of hammerstone's environment."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["default_home", "recordings"]


def default_home() -> str:
    """Where everything is kept: `HAMMERSTONE_HOME` (a folder, or a database URL), or the user's data folder."""
    from platformdirs import user_data_path

    return os.environ.get("HAMMERSTONE_HOME") or str(user_data_path("hammerstone"))


def recordings(name: str) -> Path:
    """The folder of recorded completions that ships with hammerstone, in a checkout or in an installed package."""
    package = Path(__file__).parent
    installed = package / "recordings" / name
    return installed if installed.is_dir() else package.parent.parent / "examples" / "recordings" / name
