"""OpenAI's `POST /v1/chat/completions`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hammerstone.requests import UnreadableRowError, chat_of, object_of
from hammerstone.server.protocols import fields
from hammerstone.server.protocols.choices import assembled, only_choice
from hammerstone.server.protocols.contract import (
    Body,
    Completion,
    NotServedError,
    pieces,
    server_event,
    text_of,
    tokens_in,
)
from hammerstone.server.protocols.limits import fits
from hammerstone.types import JSON, Chat, Usage

__all__ = ["OPENAI_ERROR", "ChatCompletions", "openai_error", "usage_of"]

_READ: Mapping[str, fields.Check] = {
    "messages": fields.list_of(fields.object_with(role=fields.text, content=fields.content("text"))),
    "temperature": fields.not_negative,
    "n": fields.one,
    "modalities": fields.one_of(["text"]),
    "response_format": fields.is_form,
    "logit_bias": fields.one_of({}),
    "metadata": fields.scalars,
    "prediction": fields.anything,
    "stop": fields.text_or_texts,
    "stream_options": fields.object_with(include_usage=fields.flag, include_obfuscation=fields.flag),
    **fields.each("stream parallel_tool_calls", fields.flag),
    **fields.each("frequency_penalty presence_penalty top_logprobs", fields.zero),
    **fields.each("max_completion_tokens max_tokens seed top_k top_p", fields.number),
    **fields.each("model prompt_cache_key prompt_cache_retention reasoning_effort safety_identifier", fields.text),
    **fields.each("service_tier user", fields.text),
    "verbosity": fields.one_of("medium"),
}
_MESSAGE = frozenset("content reasoning reasoning_content reasoning_details role".split())
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
        fields.check_fields(body, _READ)
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
        """Its only message; reasoning beside it is no part of the answer."""
        choice = only_choice(reply, says="message")
        message = object_of(choice.get("message") if choice is not None else None)
        return None if fields.tells_more(message, _MESSAGE) else text_of([message.get("content")])

    def answer_streamed(self, events: Sequence[Mapping[str, Any]]) -> str | None:
        reply = assembled(events, says="delta", joined=_message)
        return self.answer_in(reply) if reply is not None else None

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


def _message(deltas: Sequence[object]) -> Mapping[str, Any]:
    """What the deltas of a stream make: their texts one after the other, and whatever else they hold."""
    pieces = [object_of(one) for one in deltas]
    others = {name: value for piece in pieces for name, value in piece.items() if value}
    return {"message": {**others, "content": text_of(piece.get("content") for piece in pieces)}}
