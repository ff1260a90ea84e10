"""The documents that the stages pass on, with proposed calls, results and losses. One JSON object per line.

{"id": "a1", "text": "Out of 1400 …", "date": "2023-02-09", "apis": ["Calculator"], "proposals": [
   {"api": "Calculator", "input": "400 / 1400", "position": 27, "probability": 0.31,
    "result": "0.29", "failure": null, "losses": {"with_result": 0.4, "with_call": 2.1, "without": 1.9}}]}
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING

from hammerstone.errors import InputError
from hammerstone.toolformer.call_format import ApiCall
from hammerstone.validation import validator_of

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

__all__ = ["CorpusDocument", "Losses", "Proposal", "document_line", "read_document"]


@dataclass(frozen=True, kw_only=True)
class Losses:
    """The weighted losses of the tokens after a position (section 2, "Filtering API Calls"), in nats.

    `with_result` is L(e(c, r)) = L⁺, `with_call` is L(e(c, ε)), `without` is L(ε).
    """

    with_result: float
    with_call: float
    without: float

    @property
    def gain(self) -> float:
        """L⁻ - L⁺ with L⁻ = min(L(ε), L(e(c, ε))): by how much the result helps, in nats."""
        return min(self.without, self.with_call) - self.with_result


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A call that the annotating model has proposed at a position, in characters of the text.

    `probability` is that of `[` there. Execution adds a `result`, or a `failure` with its reason; scoring the `losses`.
    """

    api: str
    input: str
    position: int
    probability: float
    result: str | None = None
    failure: str | None = None
    losses: Losses | None = None

    @property
    def call(self) -> ApiCall:
        return ApiCall(api=self.api, input=self.input, result=self.result)


@dataclass(frozen=True, kw_only=True)
class CorpusDocument:
    """A text of the corpus. `date` is when it was written, in ISO form, if that is known.

    `apis` are the tools that may be useful in it; empty means all tools.
    """

    id: str
    text: str
    date: str | None = None
    apis: tuple[str, ...] = ()
    proposals: tuple[Proposal, ...] = ()


def document_line(document: CorpusDocument) -> str:
    """One line of JSON, with its line end; the same document always gives the same bytes.

    A lone surrogate, which UTF-8 cannot encode, becomes U+FFFD: one character for one, so positions stay right.
    """
    line = json.dumps(asdict(document), ensure_ascii=False, separators=(",", ":")) + "\n"
    return re.sub("[\ud800-\udfff]", "\ufffd", line)


def read_document(line: str | bytes, where: str = "a line") -> CorpusDocument:
    """Read a line of `document_line`. Raises `InputError` for any other; `where` names it in the message."""
    from pydantic import ValidationError

    try:
        return _validator().validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{where} is not a document: {place + ': ' if place else ''}{first['msg']}",
            hint="run the previous stage again, into an empty folder",
        ) from error


@cache
def _validator() -> SchemaValidator:  # built on first use: it takes some milliseconds
    return validator_of(CorpusDocument)
