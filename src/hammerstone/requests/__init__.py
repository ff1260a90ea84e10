"""Reading requests from files and from standard input, and writing instances.

Formats: JSON lines, a JSON array or a BIG-bench file, tables with a header (CSV, tab-separated, a spreadsheet's,
Parquet), and plain text with one question per line; any of them compressed with gzip. A row may be a question, a chat,
a line of a batch file, or a call that a gateway or an observability tool has logged.
What is wrong with one line is data (`Unreadable`) and the rest goes on; what is wrong with the whole is an
`InputError`.

From bytes to requests: `file_lines`, `formats` with `documents`, `tables` and `parquet` (rows), `log_rows` with
`chat_bodies`, `logged_replies` and `log_calls` (logs in one form), `fields` with `questions`, `choices` and `answers`,
or with `chats` (requests); `reading` goes through all of them. `frame` says what a chat has in common with all of its
kind, and `comparison` when two answers are the same.
"""

from __future__ import annotations

from hammerstone.requests.batches import BatchAnswer, is_batch_output, read_batch_answers
from hammerstone.requests.chats import chat_of
from hammerstone.requests.comparison import agree, normalise, same_label
from hammerstone.requests.documents import MAX_DOCUMENT_CHARS
from hammerstone.requests.frame import (
    PLAIN,
    Form,
    Frame,
    chat_document,
    chat_from,
    form_identity,
    frame_of,
    framed,
    question_in,
    render,
    shared_frame,
)
from hammerstone.requests.json_text import Number, as_json, json_object, json_value, load_json, object_of, objects_of
from hammerstone.requests.reading import read_requests
from hammerstone.requests.rows import (
    MAX_LINE_CHARS,
    MAX_QUESTION_CHARS,
    Unreadable,
    UnreadableRowError,
)
from hammerstone.requests.transcript import ChatPart, fixed_parts, parts_of
from hammerstone.requests.writing import InstanceForm, write_instances

__all__ = [  # noqa: RUF022 - in plain order, as every package's
    "BatchAnswer",
    "ChatPart",
    "Form",
    "Frame",
    "InstanceForm",
    "MAX_DOCUMENT_CHARS",
    "MAX_LINE_CHARS",
    "MAX_QUESTION_CHARS",
    "Number",
    "PLAIN",
    "Unreadable",
    "UnreadableRowError",
    "agree",
    "as_json",
    "chat_document",
    "chat_from",
    "chat_of",
    "fixed_parts",
    "form_identity",
    "frame_of",
    "framed",
    "is_batch_output",
    "json_object",
    "json_value",
    "load_json",
    "normalise",
    "object_of",
    "objects_of",
    "parts_of",
    "question_in",
    "read_batch_answers",
    "read_requests",
    "render",
    "same_label",
    "shared_frame",
    "write_instances",
]
