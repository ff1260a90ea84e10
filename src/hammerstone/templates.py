"""Prompts that are files: Markdown with `$placeholders`, beside the code that sends them."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from string import Template

__all__ = ["fill_template", "nonce", "template_names", "template_text"]


def fill_template(package: str, name: str, values: dict[str, object]) -> str:
    """The template `name` of `package`, every placeholder filled; a missing or an unknown one is a bug: `KeyError`."""
    template = Template(template_text(package, name).strip())
    unknown = values.keys() - set(template.get_identifiers())
    if unknown:
        raise KeyError(f"prompt {name} has no placeholder {sorted(unknown)}")
    return template.substitute({key: str(value) for key, value in values.items()})


def nonce(text: str, *, digits: int) -> str:
    """Hexadecimal digits for the markers around `text`: the same for the same text, so that prompts replay, and never
    in the text itself, so that nobody can write its markers into it.
    """
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    while digest.hexdigest()[:digits] in text:
        digest.update(b"again")
    return digest.hexdigest()[:digits]


def template_names(package: str) -> list[str]:
    """The templates of a package, sorted."""
    return sorted(file.name.removesuffix(".md") for file in files(package).iterdir() if file.name.endswith(".md"))


@cache
def template_text(package: str, name: str) -> str:
    return files(package).joinpath(f"{name}.md").read_text(encoding="utf-8")
