"""Prompts with which tools ask a model, as files."""

from __future__ import annotations

from hammerstone.templates import fill_template

__all__ = ["fill"]


def fill(name: str, /, **values: object) -> str:
    """The prompt `name` with its placeholders filled."""
    return fill_template(__name__, name, values)
