"""OpenAI's legacy `POST /v1/completions`: a text that is continued."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hammerstone.requests import MAX_QUESTION_CHARS, Number, object_of
from hammerstone.server.protocols import fields
from hammerstone.server.protocols.chat_completions import openai_error, usage_of
from hammerstone.server.protocols.choices import assembled, only_choice
from hammerstone.server.protocols.contract import (
    CONTINUATION,
    Body,
    Completion,
    NotServedError,
    pieces,
    server_event,
    text_of,
    tokens_in,
)
from hammerstone.server.protocols.limits import fits
from hammerstone.types import JSON, Chat, Message, Usage

__all__ = ["Completions"]

_CONTINUES: JSON = {"type": CONTINUATION}
_READ: Mapping[str, fields.Check] = {
    "prompt": fields.anything,
    "model": fields.text,
    "temperature": fields.not_negative,
    "logit_bias": fields.one_of({}),
    "metadata": fields.scalars,
    "stop": fields.text_or_texts,
    "stream": fields.flag,
    "stream_options": fields.object_with(include_usage=fields.flag, include_obfuscation=fields.flag),
    "user": fields.text,
    **fields.each("best_of n", fields.one),
    **fields.each("frequency_penalty presence_penalty", fields.zero),
    **fields.each("max_tokens seed top_p", fields.number),
}


class Completions:
    """See `TextApi`."""

    path = "/v1/completions"

    def read(self, body: Body) -> Chat:
        fields.check_fields(body, _READ)
        prompt, model = _one_text(body.get("prompt")), body.get("model")
        if not prompt.strip() or len(prompt) > MAX_QUESTION_CHARS:
            raise NotServedError("its prompt is not one text")
        if type(model) is not str:
            raise NotServedError("its model is not named")
        return Chat(messages=(Message(role="user", content=prompt),), model=model, response_format=_CONTINUES)

    def fits(self, text: str, body: Body) -> bool:
        limit = body.get("max_tokens") or Number(16)  # OpenAI's default
        return fits(text, {**body, "max_tokens": limit}, limits=("max_tokens",), stops=("stop",))

    def reports_end(self, body: Body) -> bool:
        return not body.get("stop")

    def streams(self, body: Body) -> bool:
        return body.get("stream") is True

    def whole(self, completion: Completion) -> Mapping[str, Any]:
        return {**_head(completion), "choices": [_choice(completion.text, "stop")], "usage": usage_of(completion)}

    def events(self, completion: Completion) -> Sequence[bytes]:
        head = _head(completion)
        counted = object_of(completion.body.get("stream_options")).get("include_usage") is True
        said = [_choice(piece, None) for piece in pieces(completion.text)]
        chunks: list[Mapping[str, Any]] = [{**head, "choices": [one]} for one in (*said, _choice("", "stop"))]
        if counted:
            chunks = [
                *({**one, "usage": None} for one in chunks),
                {**head, "choices": [], "usage": usage_of(completion)},
            ]
        return [*(server_event(json.dumps(one)) for one in chunks), server_event("[DONE]")]

    def answer_in(self, reply: Mapping[str, Any]) -> str | None:
        choice = only_choice(reply, says="text")
        return text_of([choice.get("text")]) if choice is not None else None

    def answer_streamed(self, events: Sequence[Mapping[str, Any]]) -> str | None:
        reply = assembled(events, says="text", joined=lambda texts: {"text": text_of(texts)})
        return self.answer_in(reply) if reply is not None else None

    def usage_in(self, reply: Mapping[str, Any]) -> Usage:
        return tokens_in(reply.get("usage"), "prompt_tokens", "completion_tokens")

    def usage_streamed(self, events: Sequence[Mapping[str, Any]]) -> Usage:
        return next((self.usage_in(event) for event in reversed(events) if event.get("usage")), Usage())

    def error(self, message: str, *, kind: str, code: str) -> Mapping[str, Any]:
        return openai_error(message, kind=kind, code=code)


def _head(completion: Completion) -> dict[str, Any]:
    return {
        "id": f"cmpl-{completion.id}",
        "object": "text_completion",
        "created": completion.created,
        "model": completion.model,
        "system_fingerprint": None,
    }


def _choice(text: str, reason: str | None) -> dict[str, Any]:
    return {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}


def _one_text(prompt: object) -> str:
    """A prompt, which may be a list of one; empty for anything else."""
    match prompt:
        case str(text) | [str(text)]:
            return text
        case _:
            return ""
