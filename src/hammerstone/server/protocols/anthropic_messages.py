"""Anthropic's `POST /v1/messages`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

from hammerstone.requests import UnreadableRowError, chat_of, object_of, objects_of
from hammerstone.server.protocols import fields
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
from hammerstone.types import Chat, Usage

__all__ = ["AnthropicMessages"]

_READ: Mapping[str, fields.Check] = {
    "messages": fields.list_of(fields.object_with(role=fields.text, content=fields.content("text"))),
    "system": fields.content("text"),
    "temperature": fields.not_negative,
    "thinking": fields.one_of({"type": "disabled"}),
    "metadata": fields.scalars,
    "cache_control": fields.an_object,
    "stop_sequences": fields.texts,
    "stream": fields.flag,
    **fields.each("max_tokens top_k top_p", fields.number),
    **fields.each("inference_geo model service_tier speed", fields.text),
}
_REPLY = frozenset("content id model role stop_reason type usage".split())
_KINDS = {
    "invalid_api_key": "authentication_error",
    "rate_limit_exceeded": "rate_limit_error",
    "insufficient_quota": "rate_limit_error",
}
"""What is an error's `type` here, and its `code` in OpenAI's APIs."""
_NOT_CACHED = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}


class AnthropicMessages:
    """See `TextApi`. `cache_control` of a block says how the provider keeps a prompt; it is no part of the question."""

    path = "/v1/messages"

    def read(self, body: Body) -> Chat:
        fields.check_fields(body, _READ)
        turns = [*_system(body.get("system")), *_turns(body.get("messages"))]
        try:
            chat, answer = chat_of({"model": body.get("model") or "", "messages": turns})
        except UnreadableRowError as error:
            raise NotServedError(str(error)) from None
        if answer is not None:
            raise NotServedError("its last message is the assistant's, which is to be continued")
        return chat

    def fits(self, text: str, body: Body) -> bool:
        return fits(text, body, limits=("max_tokens",), stops=("stop_sequences",))

    def reports_end(self, body: Body) -> bool:
        del body
        return True

    def streams(self, body: Body) -> bool:
        return body.get("stream") is True

    def whole(self, completion: Completion) -> Mapping[str, Any]:
        content = [{"type": "text", "text": completion.text, "citations": None}]
        return {**_head(completion), "content": content, "stop_reason": "end_turn"}

    def events(self, completion: Completion) -> Sequence[bytes]:
        ended = {"stop_reason": "end_turn", "stop_sequence": None}
        events: list[Mapping[str, Any]] = [
            {"type": "message_start", "message": {**_head(completion), "content": [], "stop_reason": None}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            *(
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
                for piece in pieces(completion.text)
            ),
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": ended, "usage": {"output_tokens": completion.written}},
            {"type": "message_stop"},
        ]
        return [server_event(json.dumps(one), one["type"]) for one in events]

    def answer_in(self, reply: Mapping[str, Any]) -> str | None:
        """Its text blocks; reasoning beside them is no part of the answer."""
        content = reply.get("content")
        if fields.tells_more(reply, _REPLY) or reply.get("stop_reason") != "end_turn" or not isinstance(content, list):
            return None
        blocks = [one for one in objects_of(cast("list[object]", content)) if one.get("type") != "thinking"]
        if reply.get("type", "message") != "message" or not blocks:
            return None
        if any(one.get("type") != "text" or fields.tells_more(one, {"type", "text"}) for one in blocks):
            return None
        return text_of(one.get("text") for one in blocks)

    def answer_streamed(self, events: Sequence[Mapping[str, Any]]) -> str | None:
        message = _assembled([one for one in events if one.get("type") != "ping"])
        return self.answer_in(message) if message is not None else None

    def usage_in(self, reply: Mapping[str, Any]) -> Usage:
        """What was read from the provider's cache or written to it is not among `input_tokens`: it was read as well."""
        counted = tokens_in(reply.get("usage"), "input_tokens", "output_tokens")
        kept = tokens_in(reply.get("usage"), "cache_creation_input_tokens", "cache_read_input_tokens")
        if counted.input_tokens is None:
            return counted
        read = counted.input_tokens + (kept.input_tokens or 0) + (kept.output_tokens or 0)
        return Usage(input_tokens=read, output_tokens=counted.output_tokens)

    def usage_streamed(self, events: Sequence[Mapping[str, Any]]) -> Usage:
        heads = [self.usage_in(object_of(one.get("message"))) for one in events if one.get("type") == "message_start"]
        ends = [self.usage_in(one) for one in events if one.get("type") == "message_delta"]
        return Usage(
            input_tokens=heads[0].input_tokens if heads else None,
            output_tokens=ends[-1].output_tokens if ends else None,
        )

    def error(self, message: str, *, kind: str, code: str) -> Mapping[str, Any]:
        return {"type": "error", "error": {"type": _KINDS.get(code, kind), "message": message}}


def _assembled(events: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The message that a stream builds up; `None` for one without its end, or with an event that nobody knows."""
    kinds = [one.get("type") for one in events]
    if kinds[:1] != ["message_start"] or kinds[1:][-1:] != ["message_stop"]:
        return None
    message = {**object_of(events[0].get("message"))}
    blocks: list[_Block] = []
    for event in events[1:-1]:
        if event.get("type") == "message_delta":
            message |= {name: value for name, value in event.items() if name not in ("type", "delta")}
            message |= object_of(event.get("delta"))
        elif not _grows(blocks, event):
            return None
    return {**message, "content": [{**block, "text": "".join(texts)} for block, texts in blocks]}


_Block: TypeAlias = "tuple[Mapping[str, Any], list[str]]"
"""As it began, and the pieces of its text."""


def _grows(blocks: list[_Block], event: Mapping[str, Any]) -> bool:
    """Add to a message's blocks what an event has for them; whether that is all it has."""
    match event:
        case {"type": "content_block_start", "index": int(at), "content_block": block} if at == len(blocks):
            begun = object_of(block)
            blocks.append((begun, [str(begun.get("text") or "")]))
        case {"type": "content_block_delta", "index": int(at), "delta": {"type": "text_delta", "text": str(piece)}}:
            if not 0 <= at < len(blocks) or blocks[at][0].get("type") != "text":
                return False
            blocks[at][1].append(piece)
        case {"type": "content_block_delta", "delta": {"type": "thinking_delta" | "signature_delta"}}:
            pass  # of reasoning, which is no part of the answer
        case {"type": "content_block_stop"}:
            pass
        case _:
            return False
    return True


def _system(value: object) -> list[Mapping[str, Any]]:
    return [{"role": "system", "content": _texts(value)}] if value else []


def _turns(value: object) -> list[Mapping[str, Any]]:
    turns = objects_of(value)
    return [{name: _texts(field) if name == "content" else field for name, field in one.items()} for one in turns]


def _texts(content: object) -> object:
    """Text blocks without their `cache_control`."""
    if not isinstance(content, list):
        return content
    blocks = objects_of(cast("list[object]", content))
    return [{name: field for name, field in one.items() if name != "cache_control"} for one in blocks]


def _head(completion: Completion) -> dict[str, Any]:
    return {
        "id": f"msg_{completion.id}",
        "type": "message",
        "role": "assistant",
        "model": completion.model,
        "stop_sequence": None,
        "usage": {"input_tokens": completion.read, "output_tokens": completion.written, **_NOT_CACHED},
    }
