"""A tool: a verified Python function for one task, with everything that speaks for it. An immutable value."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakValueDictionary

from hammerstone.digests import sha256
from hammerstone.errors import ToolRefusedError
from hammerstone.escaping import escape, mapped
from hammerstone.requests import PLAIN, Form, Frame
from hammerstone.types import JSON, Route, Usage
from hammerstone.validation import validator_of

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

__all__ = ["Check", "Demonstration", "Provenance", "Recipe", "Tool", "is_tool_name", "task_name", "tool_name"]

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
    """The origin of a tool. `prompts` is the version of the maker's prompts; `instances` are digests of the
    questions that were used, in the order shown, verified, held out; `attempts` counts the maker's replies; `usage` and
    `cost_usd` are of the whole build, the gate and second opinions included, `None` when something is unknown."""

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
    """A tool, as it is stored, exported and called.

    `source` is a module with `solve` and, for the parser route, `parse` and `unparse`. `routes` are those that the
    held-out gate let through, and `users` the models with which it let the user route through: no others write
    arguments for it. `wording` are the character n-grams that every instance of the task shares: the parser is only
    asked about questions that hold most of them (`hammerstone.tools.shortlist`). Where they share nothing, since they
    are phrased in several ways, `forms` holds the n-grams of each way. `frame` is the fixed part of the requests that
    it may answer.
    """

    name: str
    description: str
    source: str
    demonstrations: tuple[Demonstration, ...]
    checks: tuple[Check, ...]
    routes: tuple[Route, ...]
    wording: tuple[str, ...]
    provenance: Provenance
    frame: Frame = PLAIN
    forms: tuple[tuple[str, ...], ...] = ()
    users: tuple[str, ...] = ()

    @property
    def wordings(self) -> tuple[tuple[str, ...], ...]:
        """The n-grams of each phrasing of its questions, any of which is enough."""
        return (self.wording,) if self.wording else self.forms

    @cached_property
    def digest(self) -> str:
        """SHA-256 (64 hexadecimal digits) over the canonical JSON of the whole tool, its source included."""
        return sha256(self.to_json())

    def takes(self, user: str) -> bool:
        """Whether this user model may write its arguments. Tools of earlier versions name no users, so any may."""
        return Route.USER in self.routes and (not self.users or user in self.users)

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces, ASCII, without empty `forms` and `users` and a plain `frame`."""
        document = asdict(self)
        if self.frame == PLAIN:
            del document["frame"]
        for optional in ("forms", "users"):
            if not document[optional]:
                del document[optional]
        return json.dumps(document, sort_keys=True, separators=(",", ":"))

    @staticmethod
    def from_json(text: str) -> Tool:
        """The inverse of `to_json`; raises `ToolRefusedError` on anything else.

        A text of which the tool is still in memory is not checked again: reading one takes milliseconds, and a gateway
        with a thousand tools reads all of them whenever one changes.
        """
        key = sha256(text)
        tool = _READ.get(key)
        if tool is None:
            tool = _READ[key] = Tool._checked(text)
        return tool

    @staticmethod
    def _checked(text: str) -> Tool:
        from pydantic import ValidationError

        try:
            document = json.loads(text)
            valid = mapped(escape, document)  # pydantic takes no half of a surrogate pair
            kept = json.loads(_validator().validate_python(valid).to_json())
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ToolRefusedError(f"not a tool: {where or 'document'}: {first['msg']}") from None
        except (ValueError, RecursionError) as error:
            raise ToolRefusedError(f"not a tool: document: {error}") from None
        if valid != kept:  # pydantic drops what it does not know, and turns "3" into 3
            raise ToolRefusedError("not a tool: it has fields that no tool has, or values of another type")
        return _tool(document)


_READ: WeakValueDictionary[str, Tool] = WeakValueDictionary()


def is_tool_name(name: str) -> bool:
    """Whether this is a valid name of a task and its tool: snake_case, since a tool can become a Python package."""
    plain = name == unicodedata.normalize("NFKC", name).lower() and len(name) <= MAX_NAME_CHARS
    return plain and name.isidentifier() and not name.startswith("_") and not iskeyword(name)


def tool_name(text: str) -> str:
    """The nearest name that a tool may have; empty if nothing is left of `text`.

    Case does not count, nor does whether words are joined by spaces, hyphens or underscores: "a-b" and "A b" are one
    name. All else does. A name that leaves anything out ("x > 0", "C++") or is too long ends with a digest of the
    whole, so that two texts that say different things stay two names.
    """
    if is_tool_name(text):
        return text
    said = unicodedata.normalize("NFC", " ".join(text.split())).lower()
    plain = unicodedata.normalize("NFKC", said).lower()
    name = re.sub(r"\W+", "_", "".join(one if f"_{one}".isidentifier() else " " for one in plain)).strip("_")
    if not name:
        return ""
    loses = name != re.sub(r" |(?<=\w)-(?=\w)", "_", said)
    if not is_tool_name(name[:MAX_NAME_CHARS]):
        name = f"task_{name}"
    if loses:
        return _ending_with_digest(name, said)
    return name if len(name) <= MAX_NAME_CHARS else _ending_with_digest(name, name)


def task_name(text: str) -> str:
    """The name of a task that a caller names: `tool_name`, or where nothing is left of the text, one of its digest.

    Empty for a blank text.
    """
    if not text.strip():
        return ""
    return tool_name(text) or f"task_{sha256(text)[:8]}"


def _ending_with_digest(name: str, whole: str) -> str:
    digest = sha256(whole)[:8]
    return f"{name[: MAX_NAME_CHARS - 9].rstrip('_')}_{digest}"


def _tool(document: dict[str, Any]) -> Tool:
    """A tool from a document that was checked."""
    made = document["provenance"]
    usage = Usage(**made["usage"])
    frame = document.get("frame")
    return replace(
        Tool(**document),
        frame=Frame(form=Form(frame["form"]), digest=frame["digest"]) if frame else PLAIN,
        demonstrations=tuple(Demonstration(**one) for one in document["demonstrations"]),
        checks=tuple(Check(**one) for one in document["checks"]),
        routes=tuple(Route(one) for one in document["routes"]),
        wording=tuple(document["wording"]),
        forms=tuple(tuple(form) for form in document.get("forms", ())),
        users=tuple(document.get("users", ())),
        provenance=replace(Provenance(**made), instances=tuple(made["instances"]), usage=usage),
    )


@cache
def _validator() -> SchemaValidator:  # made when first needed: it takes some milliseconds
    return validator_of(Tool)
