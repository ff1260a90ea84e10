"""The answers of a batch: OpenAI's output file, whose lines belong to those of the input file by their `custom_id`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hammerstone.requests.chats import answer_in
from hammerstone.requests.fields import named_fields
from hammerstone.requests.formats import rows
from hammerstone.requests.opening import opened_text
from hammerstone.requests.rows import Unreadable, UnreadableRowError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BatchAnswer", "read_batch_answers"]

BatchAnswer = tuple[str, str]  # the `custom_id` of its request, and the answer


def read_batch_answers(source: str | Path) -> Iterator[BatchAnswer | Unreadable]:
    """The answers of a batch's output file. What failed there, or was cut short, is `Unreadable`.

    Raises `InputError` for a file that cannot be read as a whole.
    """
    with opened_text(source) as text:
        for line, row in rows(text, Path(source).suffix.lower()):
            try:
                fields = named_fields(row)
                name, answer = fields.get("custom_id"), answer_in(fields.get("response"))
                if type(name) is not str or answer is None:
                    raise UnreadableRowError("it has no `custom_id` with a `response` that holds an answer")
            except UnreadableRowError as error:
                yield Unreadable(line=line, why=str(error))
                continue
            yield name, answer
