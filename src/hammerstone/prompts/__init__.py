"""The prompts of the closed loop, one Markdown file each."""

from __future__ import annotations

import hashlib

from hammerstone.templates import fill_template, nonce, template_names, template_text

__all__ = ["fill", "quoted", "version"]


def fill(name: str, /, **values: object) -> str:
    """The prompt `name` with its placeholders filled."""
    return fill_template(__name__, name, values)


def quoted(text: str) -> str:
    """`text` that somebody else wrote, between marker lines that cannot stand in it: it ends where its block ends."""
    digits = nonce(text, digits=16)
    return f"<data-{digits}>\n{text}\n</data-{digits}>"


def version(recipe: str) -> str:
    """12 hexadecimal digits that change whenever a prompt of this recipe does."""
    names = [name for name in template_names(__name__) if name.startswith(f"{recipe}_")]
    return hashlib.sha256("\0".join(template_text(__name__, name) for name in names).encode()).hexdigest()[:12]
