"""A tool: a verified Python function for one task, with everything that speaks for it. An immutable value."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from keyword import iskeyword
from typing import TYPE_CHECKING, Literal

from hammerstone.errors import ToolRefusedError
from hammerstone.types import JSON, Route, Usage

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = ["Check", "Demonstration", "Provenance", "Recipe", "Tool", "is_tool_name", "tool_name"]

Recipe = Literal["module", "latm"]

MAX_NAME_CHARS = 60


@dataclass(frozen=True, kw_only=True)
class Demonstration:
    """A question and the arguments that stand for it: what the user model is shown (LATM, section 3.1, wrapping)."""

    question: str
    arguments: Mapping[str, JSON]


@dataclass(frozen=True, kw_only=True)
class Check:
    """A question with the answer that this tool gave and that agreed with the stored one.

    `arguments` are those it was answered from; `parsed` says that the tool's own parser wrote them.
    """

    question: str
    arguments: Mapping[str, JSON]
    answer: str
    parsed: bool


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a tool comes from. `prompts` is the version of the maker's prompts; `instances` are digests of the
    questions that were used, in the order shown, verified, held out; `attempts` counts the maker's replies; `usage` and
    `cost_usd` are of the whole making, the gate and second opinions included, `None` when something is unknown."""

    maker: str
    recipe: Recipe
    prompts: str
    shown: int
    verified: int
    held_out: int
    instances: tuple[str, ...]
    attempts: int
    usage: Usage
    cost_usd: float | None
    made: str  # ISO 8601, UTC


@dataclass(frozen=True, kw_only=True)
class Tool:
    """What is stored, exported and called.

    `source` is a module with `solve` and, for the parser route, `parse` and `unparse`. `routes` are those that the
    held-out gate let through. `wording` are the character n-grams that every instance of the task shares: the parser
    is only asked about questions that hold most of them (`hammerstone.latm.shortlist`).
    """

    name: str
    description: str
    source: str
    demonstrations: tuple[Demonstration, ...]
    checks: tuple[Check, ...]
    routes: tuple[Route, ...]
    wording: tuple[str, ...]
    provenance: Provenance

    @cached_property
    def digest(self) -> str:
        """SHA-256 (64 hexadecimal digits) over the canonical JSON of all of it, the source included."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces, ASCII."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> Tool:
        """The inverse of `to_json`; raises `ToolRefusedError` on anything else."""
        from pydantic import ValidationError

        try:
            tool = _adapter().validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ToolRefusedError(f"not a tool: {where or 'document'}: {first['msg']}") from None
        if json.loads(text) != json.loads(tool.to_json()):  # pydantic drops what it does not know, and turns "3" into 3
            raise ToolRefusedError("not a tool: it has fields that no tool has, or values of another type")
        return tool


def is_tool_name(name: str) -> bool:
    """Whether a task and its tool may be called so: in snake_case, since a tool can be exported as a Python package."""
    plain = name == unicodedata.normalize("NFKC", name).lower() and len(name) <= MAX_NAME_CHARS
    return plain and name.isidentifier() and not name.startswith("_") and not iskeyword(name)


def tool_name(text: str) -> str:
    """The nearest name that a tool may have; empty if nothing is left of `text`."""
    name = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", text).lower()).strip("_")[:50].strip("_")
    return name if is_tool_name(name) or not name else f"task_{name}"


@cache
def _adapter() -> TypeAdapter[Tool]:
    from pydantic import TypeAdapter

    return TypeAdapter(Tool)
