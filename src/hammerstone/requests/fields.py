"""From a row's fields to a request. A field that could change the answer is never dropped."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hammerstone.requests.answers import ANSWERS, answer_of
from hammerstone.requests.chats import CHAT_FIELDS, body_of, chat_of, is_chat, unread_parameters
from hammerstone.requests.comparison import same_label
from hammerstone.requests.json_text import Constant, weighs_nothing
from hammerstone.requests.logged_replies import answer_in
from hammerstone.requests.questions import PARTS, QUESTIONS, question_of
from hammerstone.requests.rows import ROW_EXAMPLE, UnreadableRowError
from hammerstone.types import Request

if TYPE_CHECKING:
    from hammerstone.requests.rows import Fields

__all__ = ["IGNORED", "KNOWN", "QUESTIONS", "given_id", "ignored_fields", "named_fields", "request_of"]

KNOWN = PARTS | ANSWERS | {"id", "task", "tenant"}
IGNORED = (
    frozenset(
        ("idx", "index", "qid", "question_id", "uid", "uuid", "guid", "source", "split", "subset", "dataset", "subject")
    )
    | {
        "meta",
        "metadata",
        "created",
        "created_at",
        "updated_at",
        "url",
        "license",
        "canary",
        "comment",
        "score",
        "loss",
    }
    | {*("timestamp", "start_time", "starttime", "end_time", "endtime", "latency", "cost", "cost_usd")}
)
"""Fields that say where a question came from and how it was used."""


def named_fields(row: object) -> Fields:
    """The fields under lower-case names. Raises `UnreadableRowError`."""
    if isinstance(row, UnreadableRowError):
        raise row
    if not isinstance(row, dict):
        raise UnreadableRowError(f"it is not a JSON object like {ROW_EXAMPLE}")
    given = cast("Fields", row)
    fields = {name.strip().lower(): value for name, value in given.items()}
    if len(fields) < len(given):
        raise UnreadableRowError("two of its fields differ in letter case only")
    return fields


def ignored_fields(fields: Fields) -> list[str]:
    """The fields that are passed over. Raises `UnreadableRowError` for one that could change the answer."""
    if not is_chat(fields):
        return _passed_over(fields, KNOWN)
    body = body_of(fields)
    around = _passed_over(fields, KNOWN | CHAT_FIELDS) if body is not fields else []
    return around + unread_parameters(body)


def _passed_over(fields: Fields, known: frozenset[str]) -> list[str]:
    others = [name for name in fields if name not in known]
    heavy = [name for name in others if name not in IGNORED and not weighs_nothing(fields[name])]
    if heavy:
        names = ", ".join(f"`{name[:40]}`" for name in heavy[:3]) + (" and others" if len(heavy) > 3 else "")
        if not QUESTIONS.intersection(fields):
            raise UnreadableRowError(f"it has no `question` (or `input`), but a field that is not read: {names}")
        raise UnreadableRowError(
            f"a field that hammerstone does not read could change the answer: {names}; "
            "put it into the question, or take it out"
        )
    return [name for name in others if fields[name] is not None]


def request_of(fields: Fields, line: int) -> Request:
    """The request, with the number of its line as id if it has none. Raises `UnreadableRowError`."""
    if is_chat(fields):
        return _chat_request(fields, line)
    return Request.plain(
        id=given_id(fields) or str(line),
        question=question_of(fields),
        tenant=_name(fields, "tenant") or "",
        task=_name(fields, "task"),
        answer=answer_of(fields),
        line=line,
    )


def _chat_request(fields: Fields, line: int) -> Request:
    """Its answer is the last assistant's turn, a log's response, or an `answer`; a blank one is none."""
    parts = [name for name in fields if name in PARTS and not _is_blank(fields[name])]
    if parts:
        raise UnreadableRowError(f"it has both `messages` and a question: `{parts[0]}`")
    chat, last_turn = chat_of(body_of(fields))
    given = [one for one in (last_turn, answer_in(fields.get("response")), answer_of(fields)) if one and one.strip()]
    if not all(same_label(one, given[0]) for one in given):
        raise UnreadableRowError("its last turn, `response` and `answer` give different answers")
    return Request(
        id=given_id(fields) or str(line),
        chat=chat,
        tenant=_name(fields, "tenant") or "",
        task=_name(fields, "task"),
        answer=given[0] if given else None,
        line=line,
    )


def _is_blank(value: object) -> bool:
    return value in (None, [], {}) or (type(value) is str and not value.strip())


def given_id(fields: Fields) -> str | None:
    """The id that the row gives its request; `None` without one. Raises `UnreadableRowError`."""
    return (_name(fields, "custom_id") if is_chat(fields) else None) or _name(fields, "id")


def _name(fields: Fields, name: str) -> str | None:
    """An id, a task or a tenant: a string, a number as it was written, `true` or `false`; `None` if it is empty."""
    value = fields.get(name)
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or (isinstance(value, str) and not isinstance(value, Constant)):
        return str(value) if value else None
    raise UnreadableRowError(f"its {name} is neither a string nor a number")
