"""Anthropic's `POST /v1/messages`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from hammerstone.requests import UnreadableRowError, chat_of, object_of, objects_of
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
from hammerstone.types import Chat, Usage

__all__ = ["AnthropicMessages"]

_READ = frozenset(
    """cache_control inference_geo max_tokens messages metadata model service_tier speed stop_sequences stream system
    temperature top_k top_p""".split()
)
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
        check_wish(body)
        check_fields(body, _READ)
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
        blocks = [one for one in objects_of(reply.get("content")) if one.get("type") != "thinking"]
        if (
            reply.get("stop_reason") != "end_turn"
            or not blocks
            or any(one.get("type") != "text" or one.get("citations") for one in blocks)
        ):
            return None
        return text_of(one.get("text") for one in blocks)

    def answer_streamed(self, events: Sequence[Mapping[str, Any]]) -> str | None:
        kinds: list[object] = []
        said: list[object] = []
        reason = None
        for event in events:
            kind, delta = event.get("type"), object_of(event.get("delta"))
            if kind == "content_block_start":
                block = object_of(event.get("content_block"))
                kinds.append(block.get("type"))
                said.append(block.get("text") if block.get("type") == "text" else None)
            elif kind == "content_block_delta" and delta.get("type") == "text_delta":
                said.append(delta.get("text"))
            elif kind == "message_delta":
                reason = delta.get("stop_reason")
            elif kind == "error":
                return None
        ended = bool(events) and events[-1].get("type") == "message_stop" and reason == "end_turn"
        return text_of(said) if ended and all(kind in ("text", "thinking") for kind in kinds) else None

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


def _system(value: object) -> list[Mapping[str, Any]]:
    if value is None:
        return []
    return [{"role": "system", "content": _texts(value)}]


def _turns(value: object) -> list[Mapping[str, Any]]:
    if not isinstance(value, list):
        raise NotServedError("its messages are not a list")
    turns = objects_of(cast("list[object]", value))
    for turn in turns:
        check_fields(turn, {"role", "content"})
    return [{name: _texts(field) if name == "content" else field for name, field in one.items()} for one in turns]


def _texts(content: object) -> object:
    """Text blocks without their `cache_control`; other blocks stay, and are refused as what they are."""
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
