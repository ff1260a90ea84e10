"""Parts of hammerstone that are installed only with an extra."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from hammerstone.errors import SettingsError

__all__ = ["needs_extra"]

PACKAGES = frozenset(
    ("aiohttp", "httpx2", "jinja2", "mcp", "mcp_types", "prometheus_client", "pygments", "starlette", "uvicorn")
)


@contextmanager
def needs_extra(what: str, command: str, *extras: str) -> Generator[None]:
    """Around a command's imports: raises `SettingsError` where a package of its extras (default: serve) is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in PACKAGES:
            raise
        options = " ".join(f"--extra {extra}" for extra in extras or ("serve",))
        raise SettingsError(
            f"{what} needs {error.name}, which is not installed", hint=f"uv run {options} hammerstone {command}"
        ) from None
