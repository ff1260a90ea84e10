"""A request as a person reads it who is to answer it or to judge an answer: all that the model would be given."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hammerstone.requests.frame import Form

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hammerstone.requests.frame import Frame
    from hammerstone.types import Chat, Message

__all__ = ["ChatPart", "fixed_parts", "parts_of"]


@dataclass(frozen=True, kw_only=True)
class ChatPart:
    """A turn below its role, or the form of the answer below `response format`. `text` is as it came, not escaped."""

    heading: str
    text: str


def parts_of(question: str, chat: Chat | None) -> tuple[ChatPart, ...]:
    """The turns of a chat, then the form that its answer must have. A question alone is one part."""
    if chat is None:
        return (ChatPart(heading="user", text=question),)
    return (*_turns(chat.messages), *_form(chat))


def fixed_parts(frame: Frame, chat: Chat | None) -> tuple[ChatPart, ...]:
    """What all requests of a task have in common, one of which is `chat`: nothing where these are questions alone."""
    if chat is None:
        return ()
    return (*_turns(chat.messages[:-1] if frame.form is Form.LAST else ()), *_form(chat))


def _turns(messages: Sequence[Message]) -> tuple[ChatPart, ...]:
    return tuple(ChatPart(heading=one.role, text=one.content) for one in messages)


def _form(chat: Chat) -> tuple[ChatPart, ...]:
    if chat.response_format is None:
        return ()
    return (ChatPart(heading="response format", text=json.dumps(chat.response_format, ensure_ascii=False, indent=2)),)
