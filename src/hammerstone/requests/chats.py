"""Requests that are chats: `messages` lines, OpenAI's batch files, and logs of a gateway.

    {"messages": [{"role": "system", "content": "..."}, {"role": "user", "content": "..."}]}
    {"custom_id": "a-1", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "...", "messages": [...]}}
    {"id": "...", "request": {"model": "...", "messages": [...]}, "response": {"choices": [...]}}

What other programs log is brought into this form first (`log_rows`). A final assistant turn is the answer. What asks
for something other than text (tools, images, several answers) is no request that a tool could answer, and is refused by
name.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from hammerstone.requests.answers import ANSWERS
from hammerstone.requests.json_text import Number, as_json, weighs_nothing
from hammerstone.requests.log_calls import CALL_FIELDS
from hammerstone.requests.logged_replies import SEVERAL, TOOLS
from hammerstone.requests.rows import MAX_QUESTION_CHARS, NotForToolsError, UnreadableRowError
from hammerstone.types import JSON, Chat, Message, TurnRole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hammerstone.requests.rows import Fields

__all__ = ["BODIES", "CHAT_FIELDS", "MAX_MESSAGES", "body_of", "chat_of", "is_chat", "unread_parameters"]

MAX_MESSAGES = 1_000

BODIES = ("body", "request")
"""Fields that hold a whole request as it was sent."""

CHAT_FIELDS = frozenset(("messages", "custom_id", "method", "url", "response", *BODIES))

HARMLESS_PARAMETERS = frozenset(
    """frequency_penalty logit_bias max_completion_tokens max_tokens metadata parallel_tool_calls presence_penalty
    prediction prompt_cache_key prompt_cache_retention reasoning_effort safety_identifier seed service_tier stop store
    stream stream_options temperature top_k top_p user verbosity""".split()
)
"""Parameters of a request that change how a model words or delivers an answer, not what is asked."""

_IDENTITY = CHAT_FIELDS | ANSWERS | {"model", "response_format", "id", "task", "tenant"}
_READ = _IDENTITY | CALL_FIELDS

_SHAPING = {"stop": "stop sequences", "logit_bias": "token biases"}
"""Parameters that change what an answer says, and no tool knows of, with the words that a report counts them by."""

_GROUPS = {
    **dict.fromkeys(("tools", "functions", "tool_choice", "function_call", "tool_calls"), TOOLS),
    "n": SEVERAL,
    "logprobs": "log probabilities",
    "modalities": "images, audio or files",
    "audio": "images, audio or files",
}
"""Why a request is none for a tool, in the words that a report counts them by."""

_OF_PART = frozenset(("type", "text", "cache_control"))
_ROLES = ("system", "developer", "user", "assistant")


def is_chat(fields: Fields) -> bool:
    return isinstance(fields.get("messages"), list) or any(isinstance(fields.get(name), dict) for name in BODIES)


def body_of(fields: Fields) -> Fields:
    """The request itself: a line of `messages` is one, a batch file and a log hold one."""
    bodies = [fields[name] for name in BODIES if isinstance(fields.get(name), dict)]
    if (bodies and "messages" in fields) or len(bodies) > 1:
        raise UnreadableRowError("it holds two requests: `messages`, `body` and `request` exclude each other")
    return cast("Fields", bodies[0]) if bodies else fields


def chat_of(body: Fields) -> tuple[Chat, str | None]:
    """The chat and the answer that its last turn gives, if that is the assistant's. Raises `UnreadableRowError`."""
    _refuse_more_than_text(body)
    messages = _messages(body.get("messages"))
    answer = None
    if messages[-1].role == "assistant":
        answer = messages[-1].content
        messages = messages[:-1]
    if not messages or messages[-1].role != "user" or not messages[-1].content.strip():
        raise UnreadableRowError("its `messages` do not end with a user's message that asks something")
    if sum(len(one.content) for one in messages) > MAX_QUESTION_CHARS:
        raise UnreadableRowError(f"its messages have more than {MAX_QUESTION_CHARS} characters together")
    return Chat(messages=messages, model=_model(body), response_format=_response_format(body)), answer


def unread_parameters(body: Fields) -> list[str]:
    """The fields that are no part of the chat. Raises `NotForToolsError` for one that shapes the answer."""
    for name, group in _SHAPING.items():
        if body.get(name) not in (None, "", [], {}):
            raise NotForToolsError(f"its `{name}` changes what an answer says", group)
    return [name for name, value in body.items() if name not in _IDENTITY and value not in (None, "", [], {})]


def _refuse_more_than_text(body: Fields) -> None:
    others = [
        name for name, value in body.items() if name not in _READ | HARMLESS_PARAMETERS and not weighs_nothing(value)
    ]
    many = body.get("n")
    if isinstance(many, Number) and many.canonical() != "1":
        others.append("n")
    if body.get("logprobs") is True:
        others.append("logprobs")
    if body.get("modalities") == ["text"]:
        others.remove("modalities")
    if others and body.get("messages") is not None:
        names = ", ".join(f"`{name[:40]}`" for name in others[:3])
        why = f"it asks for more than one text, or for something else: {names}"
        raise NotForToolsError(why, _GROUPS.get(others[0], "more than one text"))


def _messages(value: object) -> tuple[Message, ...]:
    if not isinstance(value, list) or not value:
        raise UnreadableRowError("its `messages` are not a list of messages")
    turns = cast("list[object]", value)
    if len(turns) > MAX_MESSAGES:
        raise UnreadableRowError(f"it has {len(turns)} messages; {MAX_MESSAGES} are allowed")
    return tuple(_message(number, one) for number, one in enumerate(turns, 1))


def _message(number: int, value: object) -> Message:
    fields = cast("Fields", value) if isinstance(value, dict) else {}
    given = fields.get("role")
    role = next((one for one in _ROLES if one == given), None)
    if role is None:
        why = f"message {number} is not one of {', '.join(_ROLES)} with a `content`"
        if given in ("tool", "function"):
            raise NotForToolsError(why, TOOLS)
        raise UnreadableRowError(why)
    others = [name for name in fields if name not in {"role", "content"} and not weighs_nothing(fields[name])]
    if others:
        group = _GROUPS.get(others[0], "more than text")
        raise NotForToolsError(f"message {number} holds more than text: `{others[0][:40]}`", group)
    return Message(role=cast("TurnRole", role), content=_content(number, fields.get("content")))


def _content(number: int, value: object) -> str:
    """A text, or a list of parts that are all text."""
    if isinstance(value, str) and type(value) is str:
        return value
    if isinstance(value, list) and value:
        return _joined([_part(number, part) for part in cast("list[object]", value)])
    raise UnreadableRowError(f"message {number} has no text")


def _joined(parts: Sequence[str]) -> str:
    """One text. Where two parts would run into one word, a line end stays between them: `4` and `2` are not `42`."""
    text = ""
    for part in parts:
        fuses = text and part and not text[-1].isspace() and not part[0].isspace()
        text += f"\n{part}" if fuses else part
    return text


def _part(number: int, part: object) -> str:
    fields = cast("Fields", part) if isinstance(part, dict) else {}
    text = fields.get("text")
    if fields.get("type") not in ("text", "input_text") or type(text) is not str:
        group = TOOLS if str(fields.get("type")) in {"tool_use", "tool_result"} else "images, audio or files"
        raise NotForToolsError(f"message {number} holds something other than text", group)
    others = [name for name in fields if name not in _OF_PART and not weighs_nothing(fields[name])]
    if others:
        raise NotForToolsError(f"message {number} holds more than text: `{others[0][:40]}`", "more than text")
    return text


def _model(body: Fields) -> str | None:
    model = body.get("model")
    if model is None or type(model) is str:
        return model or None
    raise UnreadableRowError("its model is not a string")


def _response_format(body: Fields) -> JSON:
    """`None` for text, which is what a request without one asks for."""
    value = body.get("response_format")
    if value is None or value == {"type": "text"}:
        return None
    if not isinstance(value, dict):
        raise UnreadableRowError("its response_format is not an object")
    written = as_json(cast("Fields", value))
    try:
        read: JSON = json.loads(written)
        json.dumps(read, allow_nan=False)
    except ValueError:
        raise UnreadableRowError("its response_format holds a number that is too large") from None
    return read
