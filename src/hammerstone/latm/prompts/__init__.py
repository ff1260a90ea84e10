"""The prompts, one Markdown file each, filled with `string.Template`."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from string import Template

__all__ = ["fill", "version"]


def fill(name: str, /, **values: object) -> str:
    """The prompt `name`, with every `$placeholder` filled; a missing or an unknown one is a bug, so it raises."""
    template = Template(_text(name))
    unknown = values.keys() - set(template.get_identifiers())
    if unknown:
        raise KeyError(f"prompt {name} has no placeholder {sorted(unknown)}")
    return template.substitute({key: str(value) for key, value in values.items()}).strip()


def version(recipe: str) -> str:
    """12 hexadecimal digits that change whenever a prompt of this recipe does."""
    names = sorted(file.name for file in files(__name__).iterdir() if file.name.startswith(f"{recipe}_"))
    return hashlib.sha256("\0".join(_text(name.removesuffix(".md")) for name in names).encode()).hexdigest()[:12]


@cache
def _text(name: str) -> str:
    return files(__name__).joinpath(f"{name}.md").read_text(encoding="utf-8")
