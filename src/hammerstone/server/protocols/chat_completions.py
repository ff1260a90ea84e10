"""OpenAI's `POST /v1/chat/completions`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from hammerstone.requests.chats import chat_of
from hammerstone.requests.replies import answer_in
from hammerstone.requests.rows import UnreadableRowError
from hammerstone.server.protocols.contract import (
    Body,
    Completion,
    NotServedError,
    object_of,
    pieces,
    server_event,
    tokens_in,
)
from hammerstone.server.protocols.limits import check_wish, fits
from hammerstone.types import JSON, Chat, Usage

__all__ = ["ChatCompletions", "openai_error"]

NO_TOKENS = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}


class ChatCompletions:
    """See `TextApi`."""

    path = "/v1/chat/completions"

    def read(self, body: Body) -> Chat:
        check_wish(body)
        try:
            chat, answer = chat_of(dict(body))
        except UnreadableRowError as error:
            raise NotServedError(str(error)) from None
        if answer is not None:
            raise NotServedError("its last message is the assistant's, which is to be continued")
        return chat

    def fits(self, text: str, body: Body) -> bool:
        return fits(text, body, limits=("max_tokens", "max_completion_tokens"), stops=("stop",))

    def streams(self, body: Body) -> bool:
        return body.get("stream") is True

    def whole(self, completion: Completion) -> Mapping[str, Any]:
        message: JSON = {"role": "assistant", "content": completion.text, "refusal": None, "annotations": []}
        choice: JSON = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return {**_head(completion, "chat.completion"), "choices": [choice], "usage": NO_TOKENS}

    def events(self, completion: Completion) -> Sequence[bytes]:
        head = _head(completion, "chat.completion.chunk")
        counted = object_of(completion.body.get("stream_options")).get("include_usage") is True
        usage = {"usage": None} if counted else {}

        def chunk(delta: Mapping[str, Any], reason: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
            return server_event(json.dumps({**head, "choices": [choice], **usage}))

        said = [chunk({"content": piece}) for piece in pieces(completion.text)]
        last = [server_event(json.dumps({**head, "choices": [], "usage": NO_TOKENS}))] if counted else []
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
        parts: list[str] = []
        reason = None
        for event in events:
            choices = _choices(event)
            if event.get("error") or choices is None or len(choices) > 1:
                return None
            for choice in choices:
                delta = object_of(choice.get("delta"))
                if choice.get("index", 0) != 0 or reason is not None or _more_than_text(delta):
                    return None
                parts.append(str(delta.get("content") or ""))
                reason = choice.get("finish_reason")
        return "".join(parts) if reason == "stop" else None

    def usage_in(self, reply: Mapping[str, Any]) -> Usage:
        return tokens_in(reply.get("usage"), "prompt_tokens", "completion_tokens")

    def usage_streamed(self, events: Sequence[Mapping[str, Any]]) -> Usage:
        return next((self.usage_in(event) for event in reversed(events) if event.get("usage")), Usage())

    def error(self, message: str, *, kind: str, code: str) -> Mapping[str, Any]:
        return openai_error(message, kind=kind, code=code)


def openai_error(message: str, *, kind: str, code: str) -> Mapping[str, Any]:
    """As OpenAI's clients read errors, whatever the endpoint."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _head(completion: Completion, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{completion.id}",
        "object": kind,
        "created": completion.created,
        "model": completion.model,
        "system_fingerprint": None,
    }


def _choices(reply: Mapping[str, Any]) -> list[Mapping[str, Any]] | None:
    choices = reply.get("choices")
    return [object_of(one) for one in cast("list[object]", choices)] if isinstance(choices, list) else None


def _says_text_alone(reply: Mapping[str, Any]) -> bool:
    choices = _choices(reply) or []
    if len(choices) != 1 or choices[0].get("finish_reason") != "stop":
        return False
    message = object_of(choices[0].get("message"))
    return bool(message) and not _more_than_text(message)


def _more_than_text(message: Mapping[str, Any]) -> bool:
    return any(message.get(name) for name in ("tool_calls", "function_call", "refusal", "audio"))
