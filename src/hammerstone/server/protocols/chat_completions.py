"""OpenAI's `POST /v1/chat/completions`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hammerstone.requests import HARMLESS_PARAMETERS, UnreadableRowError, answer_in, chat_of, object_of, objects_of
from hammerstone.server.protocols.contract import (
    Body,
    Completion,
    NotServedError,
    pieces,
    server_event,
    text_of,
    tokens_in,
)
from hammerstone.server.protocols.limits import check_fields, check_wish, fits
from hammerstone.types import JSON, Chat, Usage

__all__ = ["OPENAI_ERROR", "ChatCompletions", "openai_error", "usage_of"]

_READ = HARMLESS_PARAMETERS | {"messages", "modalities", "model", "n", "response_format"}
OPENAI_ERROR = {  # the JSON schema of what `openai_error` returns
    "type": "object",
    "properties": {
        "error": {
            "type": "object",
            "properties": {name: {"type": ["string", "null"]} for name in ("message", "type", "param", "code")},
        }
    },
}


class ChatCompletions:
    """See `TextApi`. A completion that is to be stored can be had by its id, which the upstream would not know."""

    path = "/v1/chat/completions"

    def read(self, body: Body) -> Chat:
        check_wish(body)
        check_fields(body, _READ)
        if body.get("store"):
            raise NotServedError("it is to be stored at the upstream")
        for turn in objects_of(body.get("messages")):
            check_fields(turn, {"role", "content"})
        try:
            chat, answer = chat_of(dict(body))
        except UnreadableRowError as error:
            raise NotServedError(str(error)) from None
        if answer is not None:
            raise NotServedError("its last message is the assistant's, which is to be continued")
        return chat

    def fits(self, text: str, body: Body) -> bool:
        return fits(text, body, limits=("max_tokens", "max_completion_tokens"), stops=("stop",))

    def reports_end(self, body: Body) -> bool:
        return not body.get("stop")

    def streams(self, body: Body) -> bool:
        return body.get("stream") is True

    def whole(self, completion: Completion) -> Mapping[str, Any]:
        message: JSON = {"role": "assistant", "content": completion.text, "refusal": None, "annotations": []}
        choice: JSON = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return {**_head(completion, "chat.completion"), "choices": [choice], "usage": usage_of(completion)}

    def events(self, completion: Completion) -> Sequence[bytes]:
        head = _head(completion, "chat.completion.chunk")
        counted = object_of(completion.body.get("stream_options")).get("include_usage") is True
        usage = {"usage": None} if counted else {}

        def chunk(delta: Mapping[str, Any], reason: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
            return server_event(json.dumps({**head, "choices": [choice], **usage}))

        said = [chunk({"content": piece}) for piece in pieces(completion.text)]
        last = [server_event(json.dumps({**head, "choices": [], "usage": usage_of(completion)}))] if counted else []
        return [
            chunk({"role": "assistant", "content": ""}),
            *said,
            chunk({}, "stop"),
            *last,
            server_event("[DONE]"),
        ]

    def answer_in(self, reply: Mapping[str, Any]) -> str | None:
        try:
            return answer_in(dict(reply)) if _says_text_alone(reply) else None
        except UnreadableRowError:
            return None

    def answer_streamed(self, events: Sequence[Mapping[str, Any]]) -> str | None:
        parts: list[object] = []
        reason = None
        for event in events:
            choices = objects_of(event.get("choices"))
            if event.get("error") or not isinstance(event.get("choices"), list) or len(choices) > 1:
                return None
            for choice in choices:
                delta = object_of(choice.get("delta"))
                if choice.get("index", 0) != 0 or reason is not None or _more_than_text(delta):
                    return None
                parts.append(delta.get("content"))
                reason = choice.get("finish_reason")
        return text_of(parts) if reason == "stop" else None

    def usage_in(self, reply: Mapping[str, Any]) -> Usage:
        return tokens_in(reply.get("usage"), "prompt_tokens", "completion_tokens")

    def usage_streamed(self, events: Sequence[Mapping[str, Any]]) -> Usage:
        return next((self.usage_in(event) for event in reversed(events) if event.get("usage")), Usage())

    def error(self, message: str, *, kind: str, code: str) -> Mapping[str, Any]:
        return openai_error(message, kind=kind, code=code)


def openai_error(message: str, *, kind: str, code: str) -> Mapping[str, Any]:
    """An error as OpenAI's clients read it, whatever the endpoint."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def usage_of(completion: Completion) -> dict[str, int]:
    """The usage object of both completions APIs."""
    read, written = completion.read, completion.written
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


def _head(completion: Completion, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{completion.id}",
        "object": kind,
        "created": completion.created,
        "model": completion.model,
        "system_fingerprint": None,
    }


def _says_text_alone(reply: Mapping[str, Any]) -> bool:
    choices = objects_of(reply.get("choices"))
    if len(choices) != 1 or choices[0].get("finish_reason") != "stop":
        return False
    message = object_of(choices[0].get("message"))
    return bool(message) and not _more_than_text(message)


def _more_than_text(message: Mapping[str, Any]) -> bool:
    return any(message.get(name) for name in ("tool_calls", "function_call", "refusal", "audio", "annotations"))
