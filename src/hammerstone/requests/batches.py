"""The answers of a batch: OpenAI's output file, whose lines belong to those of the input file by their `custom_id`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from hammerstone.requests.fields import named_fields
from hammerstone.requests.formats import rows_of
from hammerstone.requests.log_calls import call_of
from hammerstone.requests.logged_replies import answer_in, reply_in
from hammerstone.requests.rows import Unreadable, UnreadableRowError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hammerstone.types import LoggedCall

__all__ = ["BatchAnswer", "is_batch_output", "read_batch_answers"]


class BatchAnswer(NamedTuple):
    """The `custom_id` of its request, the answer, and what the reply says of the call."""

    id: str
    answer: str
    logged: LoggedCall | None


def read_batch_answers(source: str | Path) -> Iterator[BatchAnswer | Unreadable]:
    """The answers of a batch's output file; `Unreadable` is what failed, was cut short, or answers a request again.

    Raises `InputError` for a file that cannot be read as a whole.
    """
    taken: dict[str, int] = {}
    for line, row in rows_of(source):
        try:
            fields = named_fields(row)
            name, answer = fields.get("custom_id"), answer_in(fields.get("response"))
            if type(name) is not str or answer is None:
                raise UnreadableRowError("it has no `custom_id` with a `response` that holds an answer")
            if (first := taken.setdefault(name, line)) != line:
                raise UnreadableRowError(f"its `custom_id` {name!r} is that of line {first} already, which counts")
            yield BatchAnswer(name, answer, call_of({}, {}, reply_in(fields.get("response"))))
        except UnreadableRowError as error:
            yield Unreadable(line=line, why=str(error), group=error.group)


def is_batch_output(source: str | Path) -> bool:
    """Whether a file is the output of a batch rather than its input, by its first row that can be read.

    Raises `InputError` for a file that cannot be read as a whole.
    """
    for _, row in rows_of(source):
        if isinstance(row, dict):
            return "custom_id" in row and "response" in row and "body" not in row
    return False
