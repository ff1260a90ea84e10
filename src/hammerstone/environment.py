"""What hammerstone's own variables say, and the keys in variables that its settings name.

The variables of providers, proxies and OpenTelemetry are read where they are used.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from hammerstone.errors import SettingsError

__all__ = ["default_home", "model_of", "recordings", "secret", "secrets"]

SECRET_NAME = re.compile("KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)
SECRET_LENGTH = 8  # shorter values are placeholders such as "none", or words that occur anywhere

_named_as_secret: set[str] = set()  # variables that a person has named as holding a key


def default_home() -> str:
    """The place of all data: `HAMMERSTONE_HOME` (a folder, or a database URL), or the user's data folder."""
    from platformdirs import user_data_path

    return os.environ.get("HAMMERSTONE_HOME") or str(user_data_path("hammerstone"))


def model_of(role: str) -> str | None:
    """The model that `HAMMERSTONE_MAKER` or `HAMMERSTONE_USER` names for that role."""
    return os.environ.get(f"HAMMERSTONE_{role.upper()}") or None if role in {"maker", "user"} else None


def secret(name: str) -> str:
    """The key in this variable, which is never shown from then on. Raises `SettingsError` if there is none."""
    _named_as_secret.add(name)
    value = os.environ.get(name, "").strip()
    if not value:
        raise SettingsError(f"there is no key in the environment variable {name}", hint=f"set {name} to the key")
    return value


def secrets() -> tuple[str, ...]:
    """The values of the variables that hold keys, tokens or passwords, longest first. They are never shown."""
    named = {name for name in os.environ if SECRET_NAME.search(name)} | _named_as_secret
    values = {os.environ.get(name, "").strip() for name in named}
    return tuple(sorted((value for value in values if len(value) >= SECRET_LENGTH), key=len, reverse=True))


def recordings(name: str) -> Path:
    """The folder of recorded completions that ships with hammerstone, in a checkout or in an installed package."""
    package = Path(__file__).parent
    installed = package / "recordings" / name
    return installed if installed.is_dir() else package.parent.parent / "examples" / "recordings" / name
