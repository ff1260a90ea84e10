"""What a request has in common with all of its kind, and what it asks.

The *frame* is the fixed part of a chat: everything that a tool need not read, since it is compared by its digest. The
*question* is the rest, as one string: what `parse` reads and `unparse` reproduces.

- `Form.LAST`: every message but the last is frame, and the last one is the question.
- `Form.WHOLE`: the other messages differ from request to request (a date, a customer's name), so the whole chat is the
  question, with a heading for each turn. Only its shape is frame: the roles of its turns.

Model and response format belong to the frame in both forms: requests that differ in one never share an answer. The
tenant does not: each has a store of its own, where no other's frames are.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hammerstone.errors import InputError
from hammerstone.types import JSON, Chat, Instance, Message

__all__ = [
    "PLAIN",
    "Form",
    "Frame",
    "chat_document",
    "chat_from",
    "form_identity",
    "frame_of",
    "framed",
    "question_in",
    "render",
    "shared_frame",
]


class Form(StrEnum):
    """How much of a chat is the question."""

    LAST = "last"
    WHOLE = "whole"


@dataclass(frozen=True, kw_only=True)
class Frame:
    """`digest` is empty for a question alone, and else 16 hexadecimal digits."""

    form: Form = Form.LAST
    digest: str = ""


PLAIN = Frame()

_NO_TENANT = ""  # stood for the tenant when tenants shared a store; the digests that are stored keep it


def frame_of(chat: Chat, form: Form = Form.LAST) -> Frame:
    """The frame of a chat, read in this form. A question alone has the same one in both."""
    if chat.plain:
        return PLAIN
    roles = [one.role for one in chat.messages]
    fixed = [one.content for one in chat.messages[:-1]] if form is Form.LAST else []
    canonical = json.dumps([_NO_TENANT, chat.model, form_identity(chat), roles, fixed], sort_keys=True)
    return Frame(form=form, digest=hashlib.sha256(canonical.encode()).hexdigest()[:16])


def form_identity(chat: Chat) -> JSON:
    """The response format, in which a schema is a text: a model fills in its properties in their order."""
    form = chat.response_format
    named = form.get("json_schema") if isinstance(form, dict) else None
    if not isinstance(form, dict) or not isinstance(named, dict) or not named.get("schema"):
        return form
    return {**form, "json_schema": {**named, "schema": json.dumps(named["schema"])}}


def shared_frame(chats: Sequence[Chat]) -> Frame | None:
    """The frame of all: their turns but the last where these are the same, else their shape; `None` for several."""
    for form in Form:
        frames = {frame_of(chat, form) for chat in chats}
        if len(frames) == 1:
            return frames.pop()
    return None


def question_in(chat: Chat, form: Form = Form.LAST) -> str:
    """The question of a chat, read in this form."""
    return chat.messages[-1].content if form is Form.LAST or chat.plain else render(chat.messages)


def framed(instances: Sequence[Instance]) -> tuple[Frame, list[Instance]]:
    """The frame that these instances share, and their questions as they stand in it.

    Raises `InputError` for chats of several shapes: they are not of one task.
    """
    chats = [one.chat for one in instances if one.chat is not None]
    if not chats:
        return PLAIN, list(instances)
    frame = shared_frame(chats) if len(chats) == len(instances) else None
    if frame is None:
        raise InputError(
            "these requests have several shapes: other roles, models or response formats",
            hint="a tool serves one kind of request; give each kind its own --name",
        )
    return frame, [
        Instance(question=question_in(one.chat, frame.form), answer=one.answer, source=one.source, chat=one.chat)
        for one in instances
        if one.chat is not None
    ]


_HEADING = re.compile(r"^(\\*\[(?:system|developer|user|assistant)\]\r?)$", re.MULTILINE)


def render(messages: tuple[Message, ...]) -> str:
    """The turns below headings such as `[user]`. A line of a message that looks like one gets a backslash before it, so
    two chats of one shape are never rendered alike.
    """
    return "\n".join(f"[{one.role}]\n{_HEADING.sub(_escaped, one.content)}" for one in messages)


def _escaped(heading: re.Match[str]) -> str:
    return f"\\{heading[1]}"


def chat_document(chat: Chat | None) -> JSON:
    """A chat as it is stored; `None` for a question alone."""
    if chat is None or chat.plain:
        return None
    messages: JSON = [{"role": one.role, "content": one.content} for one in chat.messages]
    return {"messages": messages, "model": chat.model, "response_format": chat.response_format}


def chat_from(document: Any) -> Chat | None:
    """The inverse of `chat_document`."""
    if document is None:
        return None
    messages = tuple(Message(**one) for one in document["messages"])
    return Chat(messages=messages, model=document["model"], response_format=document["response_format"])
